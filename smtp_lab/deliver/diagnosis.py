"""What went wrong, in plain words: why, what to do, and which field to look at."""

from __future__ import annotations

import re
import smtplib
from dataclasses import asdict, dataclass
from functools import cache
from html import escape
from typing import Any

from smtp_lab.facts import load
from smtp_lab.show import NO_MATH
from smtp_lab.transcript import Line
from smtp_lab.transcript import explain as explain_line

__all__ = ("Diagnosis", "diagnose")

_FIELDS = {
    "connect": "connection.host",
    "tls": "connection.security",
    "auth": "connection.auth.password",
    "mail": "sender",
    "rcpt": "to",
    "data": "",
    "oauth": "connection.auth",
    "graph": "connection",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """An explanation of one failure.

    Attributes:
        id: Name of the pattern that fitted, or ``unknown``.
        stage: Where it shows up: connect, tls, auth, mail, rcpt, data, oauth or graph.
        meaning: What happened.
        remedy: What to do.
        field: Dotted name of the profile's field to look at; empty when it is no field.
        temporary: Whether trying again later can help.
        sources: Where the explanation comes from.
        raw: What was diagnosed.
    """

    id: str
    stage: str
    meaning: str
    remedy: str
    field: str
    temporary: bool
    sources: tuple[str, ...]
    raw: str

    @property
    def known(self) -> bool:
        """Whether a pattern fitted."""
        return self.id != "unknown"

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as JSON-ready data."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.meaning} {self.remedy}".strip()

    def _repr_html_(self) -> str:
        field = f"<p>Look at the field <b>{escape(self.field)}</b>.</p>" if self.field else ""
        return (
            f'<div role="note" class="{NO_MATH}"><p><b>{escape(self.meaning)}</b></p>'
            f"<p>{escape(self.remedy)}</p>{field}"
            f"<p><code>{escape(self.raw)}</code></p></div>"
        )


def diagnose(
    what: BaseException | str | bytes,
    *,
    provider: str | None = None,
    port: int | None = None,
    on: str | None = None,
) -> Diagnosis:
    """Explain an exception or a server's reply.

    Args:
        what: An exception of smtplib, ssl or socket, or a reply such as ``535 5.7.8 ...`` (the
            lines of a longer one joined by spaces).
        provider: Name of a provider whose own patterns are looked at first.
        port: The port that was used; some failures mean something else on port 25.
        on: Which kind of text *what* is, when it is a text: ``reply`` (the default),
            ``exception``, ``sasl``, ``oauth`` or ``graph``.

    Returns:
        The first pattern of ``facts/failures.toml`` that fits, entries of *provider* before those
        for everyone and these before other providers'; else a Diagnosis with the id ``unknown``
        that explains the class of the code.
    """
    if isinstance(what, bytes):
        what = what.decode("utf-8", "replace")
    kind, text = _text_of(what) if isinstance(what, BaseException) else (on or "reply", what)
    for entry in _entries(provider):
        if entry["on"] != kind or (port not in entry.get("when_port", [port])):
            continue
        if _pattern(entry["match"]).search(text):
            return Diagnosis(
                id=entry["id"],
                stage=entry["where"],
                meaning=entry["meaning"],
                remedy=entry["remedy"],
                field=entry.get("field", _FIELDS[entry["where"]]),
                temporary=entry["temporary"],
                sources=tuple(entry["source"]),
                raw=text,
            )
    return _unknown(kind, text)


@cache
def _entries(provider: str | None) -> list[dict[str, Any]]:
    every = load("failures")["error"]
    special = [e for e in every if provider in e["providers"]] if provider else []
    general = [e for e in every if "*" in e["providers"]]
    # Other providers' patterns come last: some of them fit replies that anyone may send, yet a
    # person who pastes a reply seldom says whose it is.
    rest = [e for e in every if "*" not in e["providers"] and e not in special]
    return special + general + rest


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _text_of(error: BaseException) -> tuple[str, str]:
    if isinstance(error, smtplib.SMTPRecipientsRefused) and error.recipients:
        code, text = next(iter(error.recipients.values()))
        return "reply", _reply(code, text)
    # smtplib puts its own complaint into the same shape; no server said that.
    own = error.args == (500, "Line too long.")
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0 and not own:
        said = _reply(error.smtp_code, error.smtp_error)
        # Below 400 nothing was refused: the reply is no answer to what had been said.
        out_of_step = error.smtp_code < 400
        return ("exception", f"{type(error).__name__}: {said}") if out_of_step else ("reply", said)
    return "exception", f"{type(error).__name__}: {error}"


def _reply(code: int, text: bytes | str) -> str:
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(shown.split())}"


def _unknown(kind: str, text: str) -> Diagnosis:
    meaning = "This failure is not in the book."
    if kind == "reply" and (code := re.match(r"[2-5][0-9]{2}", text)):
        said = explain_line(Line("S", text, "", 0.0))
        meaning = f"This reply is not in the book; by its code {code[0]} it says: {said}"
    temporary = kind == "reply" and text[:1] == "4"
    remedy = (
        "Try again later."
        if temporary
        else "Read the reply as it stands; the provider's help knows its own texts."
    )
    return Diagnosis("unknown", "", meaning, remedy, "", temporary, (), text)
