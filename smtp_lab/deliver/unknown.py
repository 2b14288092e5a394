"""What can honestly be said of a failure that is not in the book: what its code means."""

from __future__ import annotations

import errno
import os
import re

from smtp_lab.facts import load
from smtp_lab.transcript import explain_codes

__all__ = ("explain_unknown",)

_READ = "Read it as it stands; the provider's help knows its own texts."
_AGAIN = "Try again later."


def explain_unknown(kind: str, text: str) -> tuple[str, str, bool]:
    """Explain a text no pattern fits.

    Args:
        kind: ``reply``, ``exception``, ``sasl``, ``oauth`` or ``graph``.
        text: The text.

    Returns:
        What can be said of it, what to do, and whether trying again can help.
    """
    told = {"reply": _reply, "exception": _exception, "oauth": _oauth, "graph": _http}.get(kind)
    found = told(text[:2000]) if told else None
    return found or ("This failure is not in the book.", _READ, False)


def _reply(text: str) -> tuple[str, str, bool] | None:
    said = explain_codes(text)
    if not said:
        return None
    temporary = text[0] == "4"
    meaning = f"This reply is not in the book; by its code {text[:3]} it says: {said}"
    remedy = "Read the reply as it stands; the provider's help knows its own texts."
    return meaning, _AGAIN if temporary else remedy, temporary


def _exception(text: str) -> tuple[str, str, bool] | None:
    if match := re.search(r"\[Errno (\d{1,5})\]", text):
        number = int(match[1])
        name = errno.errorcode.get(number)
        if name and not text.startswith("gaierror"):
            said = os.strerror(number)
            meaning = f"This failure is not in the book; this system calls it {name}: {said}."
            return meaning, _READ, number in (errno.EAGAIN, errno.EINTR, errno.ENOBUFS)
    if match := re.search(r"\[SSL: (\w+)\]", text):
        meaning = f"This failure is not in the book; the TLS library calls it {match[1]}."
        return meaning, _READ, False
    return None


def _oauth(text: str) -> tuple[str, str, bool] | None:
    if match := re.search(r"AADSTS(\d{4,})", text):
        meaning = f"Microsoft's error {match[1]} is not in the book."
        remedy = f"Look it up at https://login.microsoftonline.com/error?code={match[1]}"
        return meaning, f"{remedy} .", False
    match = re.search(r'"error"\s*:\s*"(\w+)"', text) or re.match(r"(\w+)(?::|$)", text)
    fact = load("codes")["oauth"].get(match[1]) if match else None
    if match is None or fact is None:
        return None
    source = f"RFC {fact['rfc']}" if "rfc" in fact else fact["source"]
    temporary = bool(fact.get("temporary"))
    meaning = (
        f"This answer is not in the book; its code {match[1]} means: {fact['text']} ({source})."
    )
    return meaning, _AGAIN if temporary else _READ, temporary


def _http(text: str) -> tuple[str, str, bool] | None:
    match = re.match(r"[1-5][0-9]{2}(?![0-9])", text)
    if match is None:
        return None
    facts = load("codes")["http"]
    said = facts.get(match[0]) or facts[match[0][0]]
    temporary = match[0] in ("408", "429") or match[0][0] == "5"
    meaning = f"This answer is not in the book; by its status {match[0]} it says: {said}."
    return meaning, _AGAIN if temporary else _READ, temporary
