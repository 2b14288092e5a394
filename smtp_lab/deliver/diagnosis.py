"""What went wrong, in plain words: why, what to do, and which field to look at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from html import escape
from typing import Any

from smtp_lab.deliver.arguments import check_kind, check_number, check_text
from smtp_lab.deliver.causes import Reading, chain_of, of_body, of_exception, of_text
from smtp_lab.deliver.unknown import explain_unknown
from smtp_lab.errors import DeliveryError, InputError
from smtp_lab.facts import load
from smtp_lab.show import NO_MATH

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
        temporary: Whether the very same thing, tried again later, can work. False means that it
            will fail again until something is changed.
        sources: Where the explanation comes from: addresses, RFCs, or how it was reproduced.
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
        again = "can help" if self.temporary else "as it is will not help"
        sources = ", ".join(map(_as_source, self.sources))
        return (
            f'<div role="note" class="{NO_MATH}"><p><b>{escape(self.meaning)}</b></p>'
            f"<p>{escape(self.remedy)}</p>{field}<p>Trying again {again}.</p>"
            f'<p><code style="overflow-wrap:anywhere">{escape(self.raw)}</code></p>'
            + (f"<p><small>Source: {sources}</small></p>" if sources else "")
            + "</div>"
        )


def diagnose(
    what: BaseException | Mapping[str, Any] | str | bytes,
    *,
    provider: str | None = None,
    port: int | None = None,
    on: str | None = None,
) -> Diagnosis:
    """Explain an exception, a server's reply or the answer of a web service.

    Args:
        what: An exception of smtplib, ssl, socket, requests or msal, or one that holds or hides
            such a one (cause, context, group, `DeliveryError`); a reply such as ``535 5.7.8 ...``;
            the last line of a traceback; the body of a token endpoint or of Graph as text or
            mapping; a SASL challenge, in base64 or not.
        provider: Id of a provider whose own patterns are looked at first.
        port: The port that was used; some failures mean something else on port 25.
        on: Which kind of text *what* is, when it is a text that does not show it: ``reply``,
            ``exception``, ``sasl``, ``oauth`` or ``graph``.

    Returns:
        The first pattern of ``facts/failures.toml`` that fits, entries of *provider* before those
        for everyone; else a Diagnosis with the id ``unknown`` that explains the class of the code.
        Of a chain of exceptions the outermost that is known is explained.
    """
    _check(what, provider, port, on)
    if challenge := getattr(what, "challenge", ""):  # it says more than the reply after it
        found = diagnose(challenge, provider=provider, port=port, on="sasl")
        if found.known:
            return found
    if isinstance(what, BaseException):
        return _of_chain(chain_of(what), provider, port)
    if isinstance(what, bytes):
        what = what.decode("utf-8", "replace")
    if isinstance(what, str):
        reading = of_text(what) if on is None else Reading(on, what)
        # What was given is what is shown, unless it had to be taken apart.
        raw = what if on or reading.kind in ("reply", "exception") else reading.text
    else:
        reading = of_body(what)
        raw = reading.text
    return _look_up(reading, provider, port, raw) or _unknown(reading, raw)


_ON = ("reply", "exception", "sasl", "oauth", "graph")


def _check(what: object, provider: object, port: object, on: object) -> None:
    kinds = (BaseException, Mapping, str, bytes)
    check_kind("what", what, kinds, "give an exception, a text, octets or a mapping", none=False)
    check_text("provider", provider, "give the id of one, or leave it out")
    check_number("port", port, 0, 65_535, whole=True, none=True)
    if on is not None and on not in _ON:
        raise InputError.of("on", f"{on!r} is not known", f"give one of {', '.join(_ON)}")


def _of_chain(chain: list[BaseException], provider: str | None, port: int | None) -> Diagnosis:
    readings: list[Reading] = []
    for error in chain:
        known = getattr(error, "diagnosis", None)
        if isinstance(error, DeliveryError):
            known = error.delivery.diagnosis
        if isinstance(known, Diagnosis):
            return known
        if isinstance(error, InputError):
            return _of_input(error)
        readings += of_exception(error)
    # Microsoft's numbers say more than the exception around them.
    readings.sort(key=lambda reading: "AADSTS" not in reading.text)
    return _first(readings, provider, port) or _unknown(readings[0], readings[0].text)


def _first(readings: Iterable[Reading], provider: str | None, port: int | None) -> Diagnosis | None:
    vague = None
    for reading in readings:
        found = _look_up(reading, provider, port, reading.text)
        if found and not found.id.startswith("generic_"):
            return found
        vague = vague or found
    return vague


def _look_up(
    reading: Reading, provider: str | None, port: int | None, raw: str
) -> Diagnosis | None:
    for entry in _entries(provider, reading.kind):
        fits = port in entry.get("when_port", [port])
        if fits and _pattern(entry["match"]).search(reading.text):
            return Diagnosis(
                id=entry["id"],
                stage=entry["where"],
                meaning=entry["meaning"],
                remedy=entry["remedy"],
                field=entry.get("field", _FIELDS[entry["where"]]),
                temporary=entry["temporary"],
                sources=tuple(entry["source"]),
                raw=raw,
            )
    return None


@cache
def _entries(provider: str | None, kind: str) -> list[dict[str, Any]]:
    every = [entry for entry in load("failures")["error"] if entry["on"] == kind]
    special = [e for e in every if provider in e["providers"]] if provider else []
    general = [e for e in every if "*" in e["providers"]]
    rest = [e for e in every if "*" not in e["providers"] and e not in special]
    # A person who pastes a text seldom says whose it is. Of replies, other providers' patterns come
    # last: some of them fit what anyone may send. Of web services they come first: they are finer.
    return special + (general + rest if kind == "reply" else rest + general)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _of_input(error: InputError) -> Diagnosis:
    first = error.problems[0]
    remedy = "Mend the value; nothing was changed, sent or written."
    return Diagnosis("input", "", str(error), remedy, first.field, False, (), str(error))


def _unknown(reading: Reading, raw: str) -> Diagnosis:
    meaning, remedy, temporary = explain_unknown(*reading)
    return Diagnosis("unknown", "", meaning, remedy, "", temporary, (), raw)


def _as_source(source: str) -> str:
    if re.fullmatch(r"https?://[^\s\"'<>]+", source):
        shown = escape(source)
        return f'<a href="{shown}" target="_blank" rel="noopener noreferrer">{shown}</a>'
    return escape(source)
