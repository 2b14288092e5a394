"""What a line of a dialogue means, in a sentence."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import Any

from smtp_lab.facts import load
from smtp_lab.transcript.line import Line
from smtp_lab.transcript.mask import MASK

__all__ = ("explain", "explain_codes")

# RFC 3463 section 2: the class, and a subject and a detail of up to three digits. RFC 2034 has it
# first in the text; some servers put a # before it.
_ENHANCED = re.compile(r"[ -]?#?(([245])\.(\d{1,3})\.(\d{1,3}))(?!\.?\d)")
_PARAMETER = re.compile(r"\A(?:MAIL FROM|RCPT TO):\s*(?:<[^>]*>|\S*)(.*)", re.IGNORECASE)


def explain(line: Line, before: Line | None = None) -> str:
    """Say in a sentence what *line* means; empty where it speaks for itself.

    Args:
        line: The line.
        before: The line before it: the first line of an answer to EHLO names the server, and the
            others an extension each.
    """
    if line.direction == "*" or not line.text:
        return ""
    if line.stage in ("oauth", "graph"):
        return _of_http(line)
    return _of_command(line) if line.direction == "C" else _of_reply(line, before)


def explain_codes(text: str) -> str:
    """Say what the codes of a reply mean, finest last: its code, and the enhanced one (RFC 3463).

    Args:
        text: A reply such as ``550 5.1.1 ...``; what has no code gives the empty text.
    """
    if not re.match(r"[2-5][0-9]{2}(?![0-9])", text):
        return ""
    replies = load("dialogue")["reply"]
    said = str(replies.get(text[:3]) or replies.get(text[:1], ""))
    return " ".join(filter(None, (said, _enhanced(text[3:]))))


def _of_http(line: Line) -> str:
    facts = load("dialogue")
    first, _, rest = line.text.partition(" ")
    if line.direction == "C":
        # What is asked for is the last word of the path, as in "POST /v1.0/me/sendMail".
        what = rest.partition("?")[0].rpartition("/")[2]
        found = facts["request"]
        return str(found.get(f"{first} {what}") or found.get(first, ""))
    if not re.fullmatch("[1-5][0-9]{2}", first):
        return ""  # the text of an error
    found = facts["status"]
    return str(found.get(f"{first} {line.stage}") or found.get(first) or found.get(first[:1], ""))


def _of_command(line: Line) -> str:
    facts = load("dialogue")
    verb, _, rest = line.text.partition(" ")
    verb = verb.upper()
    if line.stage == "auth" and line.text == MASK:
        return "The client answers; it is a secret and is not shown."
    said = str(facts["command"].get(verb, ""))
    if verb == "AUTH" and (fact := facts["mechanism"].get(rest.split(" ")[0].upper())):
        return f"The client logs in with {rest.split(' ')[0].upper()}. {_with_source(fact)}"
    if match := _PARAMETER.match(line.text):
        names = [word.partition("=")[0].upper() for word in match[1].split()]
        known = [(name, facts["parameter"][name]) for name in names if name in facts["parameter"]]
        said += "".join(f" {name}: {_with_source(fact)}" for name, fact in known)
    return said


def _of_reply(line: Line, before: Line | None) -> str:
    facts = load("dialogue")
    code, more, rest = line.text[:3], line.text[3:4] == "-", line.text[4:]
    if line.stage == "ehlo" and code == "250":
        goes_on = before is not None and before.direction == "S" and before.stage == "ehlo"
        if fitting := _of_extension(rest, goes_on=goes_on):
            return fitting
    elif more:
        return ""
    if code == "334" and (asked := _of_challenge(rest)):
        return asked
    replies = facts["reply"]
    said = replies.get(f"{code} {line.stage}") or replies.get(code) or replies.get(code[:1], "")
    return " ".join(filter(None, (str(said), _enhanced(rest) if said else "")))


def _of_extension(text: str, *, goes_on: bool) -> str:
    # Some old servers write AUTH=PLAIN.
    keyword = re.split(r"[ =]", text, maxsplit=1)[0].upper()
    if fact := load("dialogue")["extension"].get(keyword):
        return f"{keyword}: {_with_source(fact)}"
    if not goes_on:
        return ""
    if keyword.startswith("X"):
        return f"{keyword}: known to this kind of server only (RFC 5321 section 2.2.2)."
    return f"{keyword}: an extension that is not in the book."


def _of_challenge(text: str) -> str:
    try:
        asked = b64decode(text, validate=True).decode("ascii").strip(" :\0")
    except (binascii.Error, ValueError):
        return ""
    prompts = load("dialogue")["prompt"]
    what = next((what for start, what in prompts.items() if asked.lower().startswith(start)), None)
    if what:
        return f"The server asks for {what}: in base64 it says {asked!r}."
    if asked.startswith("{"):
        return f"The server says in base64 why it refuses the token: {asked:.200}"
    return ""


def _enhanced(text: str) -> str:
    match = _ENHANCED.match(text)
    if match is None:
        return ""
    code, of_class, subject, detail = match.groups()
    facts, refused = load("codes")["enhanced"], load("codes")["class"][of_class]
    said = facts.get(f"X.{int(subject)}.{int(detail)}") or facts.get(f"X.{int(subject)}")
    if of_class == "2" and not int(detail):
        # The details that say nothing finer are worded for failures.
        said = facts.get(f"X.{int(subject)}") if int(subject) else None
    return f"{code}: {refused}; {said}." if said else f"{code}: {refused}."


def _with_source(fact: dict[str, Any]) -> str:
    source = f"RFC {fact['rfc']}" if "rfc" in fact else fact["source"]
    return f"{fact['text']} ({source})."
