"""Links: whole, safe to follow, and leading where they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address

from smtp_lab.inbox.checks.asking import Answer
from smtp_lab.inbox.checks.mail import Mail, split_url
from smtp_lab.inbox.checks.rule import Hit, rule

_FINE = {"http", "https", "mailto", "tel", "sms", "cid", "mid", "webcal", "geo", "xmpp", "callto"}
_RUNS = {"javascript", "vbscript", "data", "file", "blob", "about"}
_LOCAL = (
    ".local",
    ".localhost",
    ".internal",
    ".lan",
    ".home.arpa",
    ".test",
    ".invalid",
    ".intranet",
)
_SHORT = set(
    "bit.ly buff.ly cutt.ly goo.gl is.gd lnkd.in ow.ly rb.gy rebrand.ly shorturl.at t.co t.ly "  # noqa: SIM905
    "tiny.cc tinyurl.com v.gd".split()
)
_HOST = re.compile(
    r"(?:https?://|www\.)?([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9-]{1,63}){1,6})"
    r"(?:[/?#:]\S{0,2000})?",
    re.IGNORECASE,
)
# The second labels that countries give out names under; the list of all suffixes is long.
_SECOND = {"co", "com", "net", "org", "gov", "ac", "edu", "or", "ne", "go"}
_FILE_ENDINGS = {
    "pdf",
    "html",
    "htm",
    "txt",
    "doc",
    "docx",
    "xls",
    "xlsx",
    "csv",
    "zip",
    "png",
    "py",
}


@lru_cache(maxsize=4096)
def _number(host: str) -> bool | None:
    """Whether an IP address is public; None when *host* is none."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return None


@rule("link-empty", "warning", "A link leads nowhere", "experience")
def link_empty(mail: Mail) -> Iterator[Hit]:
    """Left over from a draft."""
    for tag in mail.page.links:
        if tag.attributes["href"].strip() in ("", "#"):
            text = tag.text.strip()[:40]
            yield Hit(str(tag), f"the link {text!r} leads nowhere", "give it its address")


@rule("link-invalid", "error", "A link is no address", "RFC 3986")
def link_invalid(mail: Mail) -> Iterator[Hit]:
    """Relative, without a host, or with characters no address may have."""
    based = bool(mail.page.all("base"))
    for link in mail.links:
        if why := _problem(link.url, based=based):
            yield Hit(link.where, why, "give the whole address, https://…")


def _problem(url: str, *, based: bool) -> str:
    parts, shown = split_url(url), url[:100]
    if parts is None:
        return f"{shown!r} cannot be read"
    if not url or url.startswith("#"):
        return ""
    if not parts.scheme:
        return "" if based else f"{shown!r} is relative, and a mail has no folder"
    problem = ""
    if parts.scheme in ("http", "https"):
        if not parts.hostname:
            problem = f"{shown!r} has no host"
        elif re.search(r"[\s<>\"\\]", url):
            problem = f"{shown!r} holds a blank or another character that must be encoded"
    elif parts.scheme == "mailto" and "@" not in parts.path and not parts.query:
        problem = f"{shown!r} names no address"
    return problem


@rule("link-scheme", "warning", "A link has an odd scheme", "experience")
def link_scheme(mail: Mail) -> Iterator[Hit]:
    """Clients take ``javascript:`` and the like out, or call the mail dangerous."""
    for link in mail.links:
        parts = split_url(link.url)
        if parts is None or not parts.scheme or parts.scheme in _FINE:
            continue
        scheme = f"{parts.scheme[:40]}:"
        if parts.scheme in _RUNS:
            why = f"{scheme} would run or open something"
        else:
            why = f"{scheme} is known to few programs"
        yield Hit(link.where, why, "link to https://…")


@rule("link-private", "warning", "A link leads to a private address", "RFC 6761, RFC 1918")
def link_private(mail: Mail) -> Iterator[Hit]:
    """It works for whoever wrote it, and for nobody else."""
    for link, _, host in mail.web_links:
        name = host.rstrip(".")
        public = _number(name)
        if public is None:
            public = "." in name and not name.endswith(_LOCAL)
        if not public:
            why = f"{link.url[:100]!r} leads to this machine or a private network"
            yield Hit(link.where, why, "link to the public address")


@rule("link-number", "warning", "A link leads to a bare IP address", "experience")
def link_number(mail: Mail) -> Iterator[Hit]:
    """Filters take it for fraud."""
    for link, _, host in mail.web_links:
        if _number(host):
            yield Hit(link.where, f"it leads to {host}", "link to a name")


@rule("link-insecure", "note", "A link goes without TLS", "experience")
def link_insecure(mail: Mail) -> Iterator[Hit]:
    """What is sent there can be read on the way."""
    for link, parts, _ in mail.web_links:
        if parts.scheme == "http":
            yield Hit(link.where, f"{link.url[:100]!r} begins with http://", "use https://")


@rule("link-login", "warning", "A link has a name before its host", "RFC 3986 section 7.6")
def link_login(mail: Mail) -> Iterator[Hit]:
    """``https://bank.example@evil.example`` leads to evil.example."""
    for link, parts, host in mail.web_links:
        if parts.username is not None:
            why = f"what stands before the @ hides that it leads to {host}"
            yield Hit(link.where, why, "leave it out")


@rule("link-shortened", "warning", "A link is shortened", "experience")
def link_shortened(mail: Mail) -> Iterator[Hit]:
    """Readers cannot see where it leads, and shorteners are on blocklists."""
    for link, _, host in mail.web_links:
        if host.removeprefix("www.") in _SHORT:
            yield Hit(link.where, f"{host} hides where it leads", "link to the place itself")


@rule("link-text-differs", "warning", "A link says one address and leads to another", "experience")
def link_text_differs(mail: Mail) -> Iterator[Hit]:
    """What phishing looks like; clients warn of it."""
    for tag in mail.page.links:
        shown = _HOST.fullmatch(tag.text.strip())
        parts = split_url(tag.attributes["href"].strip())
        if not shown or parts is None or not parts.hostname:
            continue
        says = shown[1].lower().removeprefix("www.")
        if says.rpartition(".")[2] in _FILE_ENDINGS or not says.rpartition(".")[2].isalpha():
            continue
        if _organization(says) != _organization(parts.hostname.lower()):
            why = f"it says {says} and leads to {parts.hostname}"
            yield Hit(str(tag), why, "show the address it leads to, or words")


def _organization(host: str) -> str:
    labels = host.rstrip(".").split(".")
    many = 3 if len(labels) > 2 and labels[-2] in _SECOND and len(labels[-1]) == 2 else 2
    return ".".join(labels[-many:])


@rule("link-broken", "error", "A link does not work (online)", "RFC 9110 section 15")
def link_broken(mail: Mail) -> Iterator[Hit]:
    """Asked with HEAD, and GET where that is not known; only with ``links="online"``."""
    for where, url, answer in _tried(mail):
        if answer.asked and (answer.problem or answer.status >= 400):
            said = answer.problem or f"the answer is {answer.status}"
            yield Hit(where, f"{url[:100]!r}: {said}", "open it, and mend the address")


@rule("link-not-tried", "note", "A link was not tried (online)", "bounds of smtp_lab")
def link_not_tried(mail: Mail) -> Iterator[Hit]:
    """Private addresses are never asked, and no more than a hundred others."""
    for where, url, answer in _tried(mail):
        if not answer.asked:
            yield Hit(where, f"{url[:100]!r}: {answer.problem}", "open it yourself")


def _tried(mail: Mail) -> Iterator[tuple[str, str, Answer]]:
    """Where, address and answer of each link, once for each address; none when not asked for."""
    asker = mail.options.asker
    seen: set[str] = set()
    for link, _, _ in mail.web_links if asker is not None else ():
        if asker is not None and link.url not in seen:
            seen.add(link.url)
            yield link.where, link.url, asker.ask(link.url)
