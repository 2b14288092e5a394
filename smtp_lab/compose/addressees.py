"""The value of a header that names many people.

The standard library reads such a value again whenever it is set, and folds it in a time that grows
with the square of its length: half a minute for 20,000 recipients. Here the addresses are kept as
they were given, and lines are broken between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from email.base64mime import header_encode as b
from email.headerregistry import Address, Group
from email.policy import Policy
from email.quoprimime import header_encode as q
from typing import Self

__all__ = ("MANY", "Addressees", "people")

MANY = 50
"""From so many addresses on a header is worth it."""

_WIDTH = 78  # RFC 5322 section 2.1.1
_PIECE = 45  # octets: in base64 they fit in an encoded word of 75
_LONGEST = 900  # octets of a word, which cannot be broken; a line has at most 998
_SPECIALS = frozenset('()<>@,:;.\\"[]')  # RFC 5322 section 3.2.3


class Addressees(str):
    """A value of To, Cc, Bcc or Reply-To as `EmailMessage` takes it: ``message["To"] = it``.

    Attributes:
        name: Of the header.
        groups: Who it names, as `email.headerregistry` has it: a lone address is a group without
            a name.
        defects: None: it was not read from anywhere.
        max_count: How often a message may have the header.
    """

    __slots__ = ("groups", "name")

    name: str
    groups: tuple[Group, ...]
    defects: tuple[Exception, ...] = ()
    max_count = 1

    @classmethod
    def of(cls, name: str, people: Iterable[Address | Group]) -> Self:
        """Make the value of the header *name* that names *people*."""
        groups = tuple(
            one if isinstance(one, Group) else Group(display_name=None, addresses=(one,))
            for one in people
        )
        made = cls(", ".join(map(str, groups)))
        made.name, made.groups = name, groups
        return made

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Everyone it names, also in groups."""
        return tuple(address for group in self.groups for address in group.addresses)

    def fold(self, *, policy: Policy) -> str:
        """The header as it is written, in lines of 78 characters where that can be.

        Raises:
            ValueError: An address cannot be written: it is too long, or beyond ASCII where *policy*
                does not allow that.
        """
        utf8 = bool(getattr(policy, "utf8", False))
        lines, line = [], f"{self.name}:"
        for word in _separated(self.groups, utf8=utf8):
            if len(word.encode()) > _LONGEST:
                raise ValueError(f"{self.name} holds an address that is too long")
            if len(line) + 1 + len(word) > _WIDTH and line[-1] != ":":
                lines.append(line)
                line = ""
            line += f" {word}"
        return policy.linesep.join([*lines, line, ""])


def people(name: str, addresses: Sequence[Address]) -> Sequence[Address] | Addressees:
    """What `EmailMessage` takes as the value of the header *name* that names *addresses*."""
    return addresses if len(addresses) < MANY else Addressees.of(name, addresses)


def _separated(groups: Sequence[Group], *, utf8: bool) -> Iterator[str]:
    """What stands in the header, in pieces between which a line may be broken."""
    for place, group in enumerate(groups, 1):
        after = "," if place < len(groups) else ""
        if group.display_name is None and len(group.addresses) == 1:
            *words, last = _mailbox(group.addresses[0], utf8=utf8)
            yield from words
            yield last + after
            continue
        *words, last = _phrase(group.display_name or "", utf8=utf8) or ['""']
        yield from words
        yield f"{last}:" if group.addresses else f"{last}:;{after}"
        for number, address in enumerate(group.addresses, 1):
            *words, last = _mailbox(address, utf8=utf8)
            yield from words
            yield last + ("," if number < len(group.addresses) else f";{after}")


def _mailbox(address: Address, *, utf8: bool) -> list[str]:
    spec = address.addr_spec
    if not utf8 and not spec.isascii():
        raise ValueError(f"{spec!r} is beyond ASCII")
    if not address.display_name:
        return [spec]
    words = _phrase(address.display_name, utf8=utf8)
    short = len(words) == 1 and len(words[0]) + len(spec) < _WIDTH - 5
    return [f"{words[0]} <{spec}>"] if short else [*words, f"<{spec}>"]


def _phrase(name: str, *, utf8: bool) -> list[str]:
    """A display name: as it is, in quotes, or as encoded words (RFC 2047 section 5)."""
    simple = name.isprintable() and not any(odd in f" {name} " for odd in ("  ", "=?"))
    if simple and (utf8 or name.isascii()) and len(name) < _WIDTH // 2:
        if _SPECIALS.isdisjoint(name):
            return [name]
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return [f'"{quoted}"']
    return _encoded(name)


def _encoded(text: str) -> list[str]:
    """*text* in encoded words (RFC 2047 section 2), none of which divides a character."""
    words, piece = [], b""
    for character in text:
        octets = character.encode()
        if len(piece) + len(octets) > _PIECE:
            words.append(piece)
            piece = b""
        piece += octets
    shapes = [(q(word, "utf-8"), b(word, "utf-8")) for word in (*words, piece)]
    return [min(shape, key=len) for shape in shapes]
