"""Mail addresses as people type them: checked, with a sentence for whatever is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from email.headerregistry import Address
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase

import idna
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from smtp_lab.errors import InputError, Problem

__all__ = (
    "ascii_domain",
    "check_address",
    "check_addresses",
    "comparable",
    "parse_addresses",
    "parse_sender",
)

# C0 and C1 controls, line and paragraph separators, and what turns the direction of text around:
# with those a name can be made to look like another address.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_ENCODED_WORD = re.compile(r"=\?[^?\s]*\?[bq]\?", re.IGNORECASE)  # RFC 2047
_SENDER = re.compile(
    r'\A(?:(?P<name>(?:"(?:[^"\\]|\\.)*"|[^<>"])*)<(?P<angle>[^<>]*)>|(?P<bare>[^<>]*))\Z'
)
_LONGEST = 1_000  # characters of a name and an address; a line of mail has 998
# Most there are. What this lets through is an address for email-validator too, which takes long.
_PLAIN = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_EXAMPLE = "give one address such as ann@example.com"
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)


def check_address(text: str, field: str = "address") -> str:
    """Give *text* back, stripped, when it is one e-mail address.

    The rules are those of RFC 5321 and 6531 as the ``email-validator`` package knows them. Names
    reserved for tests and local networks (``.test``, ``.invalid``, ``localhost``; RFC 6761) are
    welcome: they are what a lab is for.

    Raises:
        InputError: It is not; the message names *field*.
    """
    _check_text(text, field)
    address = text.strip()
    if _is_plain(address):
        return address
    if not address:
        raise InputError.of(field, "is empty", _EXAMPLE)
    _check_length(address, field)
    if "@" not in address:
        raise InputError.of(field, f"{address!r} has no @", _EXAMPLE)
    if reason := _why_not(address):
        problem = f"{address!r} is not an address ({reason})"
        raise InputError.of(field, problem, _EXAMPLE)
    return address


def _check_text(text: object, field: str) -> None:
    if not isinstance(text, str):
        raise InputError.of(field, f"is a {type(text).__name__}, not a text", _EXAMPLE)
    if _CONTROLS.search(text):
        raise InputError.of(field, "holds a line break or another control character", _EXAMPLE)
    if _ENCODED_WORD.search(text):  # what it hides could be one of these
        problem = "holds an encoded word (=?…?=), which mail programs decode"
        raise InputError.of(field, problem, "give the text itself")


def _check_length(text: str, field: str) -> None:
    if len(text) > _LONGEST:
        problem = f"has {len(text):,} characters, more than {_LONGEST:,}"
        raise InputError.of(field, problem, "shorten it")


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and "--" not in text


@lru_cache(maxsize=1024)
def _why_not(address: str) -> str:
    """What is wrong with *address*, or nothing; people write to the same ones again and again."""
    checked = address
    if address.rpartition("@")[2].rpartition(".")[2].lower() in SPECIAL_USE_DOMAIN_NAMES:
        checked += ".example"
    try:
        validate_email(
            checked,
            check_deliverability=False,
            globally_deliverable=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
        )
    except EmailNotValidError as error:
        reason = str(error).rstrip(".")
        return f"{reason[:1].lower()}{reason[1:]}" or "it is none"
    return ""


def comparable(address: str) -> str:
    """*address* in a form that two have only where their mail goes to the same place.

    Servers see no difference between the cases of the letters A to Z; of other letters that are
    alike, such as ß and ss, they do. Domains are compared as `ascii_domain` has them.
    """
    local, at, domain = address.rpartition("@")
    return f"{local.translate(_SMALL)}{at}{ascii_domain(domain)}"


def ascii_domain(domain: str) -> str:
    """*domain* as DNS has it: the same name may be written in letters or in punycode.

    IDNA 2008 (RFC 5891), under which ``straße`` and ``strasse`` are two names.
    """
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain.lower()


def check_addresses(to: str | Sequence[str], field: str = "to") -> tuple[str, ...]:
    """Give the bare addresses in *to*, each checked, in order and without repeats.

    Args:
        to: As for `parse_addresses`; display names play no part in an envelope and are dropped.
        field: What to call the value in an error.

    Raises:
        InputError: There is none, or one of them is not an address; every bad one is named.
    """
    given = _listed(to, field)
    if all(isinstance(text, str) and _is_plain(text) for text in given) and given:
        return tuple(dict.fromkeys(given))
    return tuple(dict.fromkeys(address.addr_spec for address in parse_addresses(given, field)))


def parse_addresses(to: str | Sequence[str], field: str = "to") -> tuple[Address, ...]:
    """Read the addresses in *to*.

    Args:
        to: One address, several in one text separated by commas, or a list of addresses. Each may
            carry a display name (``Ann <ann@example.com>``).
        field: What to call the value in an error.

    Raises:
        InputError: There is none, or one of them is not an address; every bad one is named.
    """
    problems: list[Problem] = []
    addresses: list[Address] = []
    for text in _listed(to, field):
        if not isinstance(text, str):
            problems.append(Problem(field, f"holds a {type(text).__name__}, not a text", _EXAMPLE))
            continue
        for one in _split(text):
            try:
                addresses.append(parse_sender(one, field))
            except InputError as error:
                problems.extend(error.problems)
    if not problems and not addresses:
        problems.append(Problem(field, "names nobody", _EXAMPLE))
    if problems:
        raise InputError(*problems)
    return tuple(addresses)


def _listed(to: str | Sequence[str], field: str) -> list[str]:
    if isinstance(to, bytes) or not isinstance(to, str | Iterable):
        raise InputError.of(field, f"is a {type(to).__name__}, not a text", _EXAMPLE)
    return [to] if isinstance(to, str) else list(to)


def _split(text: str) -> list[str]:
    """Cut *text* at the commas that stand between addresses, not in quotes or angle brackets."""
    pieces = re.findall(r'(?:"(?:[^"\\]|\\.)*"|<[^<>]*>|[^,"<]|["<])+', text)
    return [piece for piece in pieces if piece.strip()] or [text]


def parse_sender(text: str, field: str = "sender") -> Address:
    """Read ``Display Name <a@b>`` or ``a@b``.

    Returns:
        An `email.headerregistry.Address`, which encodes any name properly in a header.

    Raises:
        InputError: There is no address, more than one, or a control character.
    """
    _check_text(text, field)
    text = text.strip()
    if _is_plain(text):
        local, _, domain = text.rpartition("@")
        return Address(username=local, domain=domain)
    _check_length(text, field)
    found = _SENDER.match(text)
    if not found:
        fix = "give one address such as Ann Example <ann@example.com>"
        raise InputError.of(field, f"{text!r} is not a name and one address", fix)
    name = (found["name"] or "").strip()
    if re.search(r"@.*[,;]|[,;].*@", _QUOTED.sub("", name)):
        fix = "give one address such as Ann Example <ann@example.com>"
        raise InputError.of(field, f"{text!r} holds more than one address", fix)
    address = check_address(found["bare"] if found["angle"] is None else found["angle"], field)
    # RFC 5322 section 3.2.5: words, each of them bare or in quotes.
    name = _QUOTED.sub(lambda quoted: re.sub(r"\\(.)", r"\1", quoted[0][1:-1]), name)
    local, _, domain = address.rpartition("@")
    if local[:1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return Address(display_name=name, username=local, domain=domain)
