"""The SMTP dialogue, line by line: timed, secrets masked, the same on either side of the wire."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, quote_plus

from smtp_lab.facts import load
from smtp_lab.show import NO_MATH

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("MASK", "Direction", "Line", "Mask", "Transcript", "explain", "printable")

MASK = "••••••"

Direction = Literal["C", "S", "*"]
"""Who spoke: the client, the server, or ``*`` for a note about the connection itself."""

_ARROWS = {"C": "→", "S": "←", "*": "·"}
_SPEAKERS = {"C": "client", "S": "server", "*": "note"}

# C0 and C1 controls, and the characters that turn the direction of text around.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


_REPLY = re.compile(r"[2-5][0-9]{2}[ -]")


def printable(text: str) -> str:
    r"""Make *text* safe for a terminal or a log line: control characters become ``\\xNN``."""
    return _UNPRINTABLE.sub(
        lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 0x100 else f"\\u{ord(m[0]):04x}", text
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a dialogue.

    Attributes:
        direction: ``C`` client to server, ``S`` server to client, ``*`` a note.
        text: What was said, secrets masked, without the line end.
        stage: ``connect``, ``greeting``, ``ehlo``, ``starttls``, ``auth``, ``mail``, ``rcpt``,
            ``data`` or ``quit``; over HTTP ``oauth`` or ``graph``.
        at: Seconds since the dialogue began.
        tls: Whether the line travelled encrypted.
    """

    direction: Direction
    text: str
    stage: str
    at: float
    tls: bool = False


class Mask:
    """Hides known secrets, and their usual encodings, wherever a server echoes them.

    A reply's three-digit code stays readable: masked, it would give a digit of the secret away. A
    secret of one to three characters is hidden only where it stands by itself, for the same reason.
    """

    def __init__(self, user: str = "", *secrets: str) -> None:
        forms: set[str] = set()
        for secret in filter(None, secrets):
            raw = secret.encode("utf-8", "replace")
            forms |= {secret, quote(raw), quote(raw, safe=""), quote_plus(raw)}
            forms |= {b64encode(raw).decode(), raw.hex()}
            # AUTH PLAIN (RFC 4616), with and without an authorization identity, and HTTP Basic.
            for start in (f"\0{user}\0", f"{user}\0{user}\0", f"{user}:"):
                forms.add(b64encode(start.encode("utf-8", "replace") + raw).decode())
        found = sorted(filter(None, forms), key=len, reverse=True)
        alone = [rf"(?<![^\W_]){re.escape(form)}(?![^\W_])" for form in found if len(form) < 4]
        anywhere = [re.escape(form) for form in found if len(form) >= 4]
        self._pattern = re.compile("|".join([*anywhere, *alone]) or r"(?!)", re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """Give back *text* with every known form of a secret replaced by `MASK`."""
        code = _REPLY.match(text)
        start = code.end() if code else 0
        return text[:start] + self._pattern.sub(MASK, text[start:])

    def __repr__(self) -> str:
        return "<Mask>"


class Transcript:
    """A dialogue as it happened.

    It is iterable, shows itself annotated in a notebook and as plain text in a terminal, and turns
    into a DataFrame with `to_frame`.
    """

    def __init__(self, lines: Iterable[Line] = (), *, started_at: datetime | None = None) -> None:
        self._lines = list(lines)
        self.started_at = started_at or datetime.now(UTC)
        self.stage = "connect"
        self.tls = False
        self._begin = time.perf_counter()

    def add(self, direction: Direction, text: str) -> None:
        """Record one line at the current `stage`, now; *text* must be masked already."""
        at = time.perf_counter() - self._begin
        self._lines.append(Line(direction, printable(text), self.stage, at, self.tls))

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines so far, in order."""
        return tuple(self._lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> Line:
        return self._lines[index]

    def __repr__(self) -> str:
        return f"<Transcript of {len(self)} lines>"

    def __str__(self) -> str:
        return "\n".join(_as_text(line) for line in self._lines)

    def annotated(self, *, width: int = 60) -> str:
        """The dialogue as text with the meaning of each line beside it, from column *width* on."""
        rows = []
        for line in self._lines:
            said, meaning = _as_text(line), explain(line)
            rows.append(f"{said:<{width}}  {meaning}".rstrip())
        return "\n".join(rows)

    def to_dict(self) -> dict[str, Any]:
        """The dialogue as JSON-ready data: ``started_at`` (ISO 8601, UTC) and ``lines``."""
        return {
            "started_at": self.started_at.isoformat(),
            "lines": [asdict(line) for line in self._lines],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Transcript:
        """Build a transcript again from what `to_dict` gave."""
        return cls(
            [Line(**line) for line in data["lines"]],
            started_at=datetime.fromisoformat(data["started_at"]),
        )

    def to_frame(self) -> pd.DataFrame:
        """The dialogue as a DataFrame, one row a line.

        Columns: ``direction``, ``stage``, ``text``, ``meaning`` (str), ``at_ms`` and ``wait_ms``
        (float, milliseconds since the start and since the line before), ``tls`` (bool).
        """
        import pandas as pd

        at = pd.Series([line.at * 1000 for line in self._lines], dtype="float64")
        return pd.DataFrame(
            {
                "direction": pd.Series([line.direction for line in self._lines], dtype="str"),
                "stage": pd.Series([line.stage for line in self._lines], dtype="str"),
                "text": pd.Series([line.text for line in self._lines], dtype="str"),
                "meaning": pd.Series([explain(line) for line in self._lines], dtype="str"),
                "at_ms": at.round(3),
                "wait_ms": at.diff().fillna(at).round(3),
                "tls": pd.Series([line.tls for line in self._lines], dtype="bool"),
            }
        )

    def _repr_html_(self) -> str:
        rows = "".join(_as_row(line) for line in self._lines)
        return (
            f'<div class="smtp-lab-transcript {NO_MATH}" style="{_BOX}">'
            f'<table style="{_TABLE}">{_HEAD}{rows}</table></div>'
        )


def explain(line: Line) -> str:
    """Say in a sentence what *line* means; empty where it speaks for itself."""
    facts = load("dialogue")
    if line.direction == "*" or not line.text:
        return ""
    if line.stage in ("oauth", "graph"):
        return _explain_http(line, facts)
    if line.direction == "C":
        verb = line.text.split(" ", 1)[0].upper()
        return str(facts["command"].get(verb, ""))
    code, more, rest = line.text[:3], line.text[3:4] == "-", line.text[4:].split(" ", 1)
    keyword = rest[0].upper()
    if line.stage == "ehlo" and code == "250" and keyword in facts["extension"]:
        fact = facts["extension"][keyword]
        return f"{keyword}: {fact['text']} (RFC {fact['rfc']})."
    replies = facts["reply"]
    if more and line.stage != "ehlo":
        return ""
    return str(
        replies.get(f"{code} {line.stage}") or replies.get(code) or replies.get(code[:1], "")
    )


def _explain_http(line: Line, facts: dict[str, Any]) -> str:
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


def _as_text(line: Line) -> str:
    lock = "~" if line.tls and line.direction != "*" else " "
    return f"{line.at:8.3f} s {_ARROWS[line.direction]}{lock} {line.text}"


# Colours follow JupyterLab's theme, light or dark, and have a fallback for everywhere else.
_BOX = "max-height:32em;overflow:auto;font-size:var(--jp-code-font-size,13px)"
_TABLE = "border-collapse:collapse;text-align:left;line-height:1.35"
_CELL = "padding:1px 8px;text-align:left;vertical-align:top"
_MONO = (
    "font-family:var(--jp-code-font-family,monospace);white-space:pre-wrap;word-break:break-word"
)
_QUIET = "color:var(--jp-ui-font-color2,#616161)"
_HEAD = (
    "<thead><tr>"
    + "".join(
        f'<th scope="col" style="{_CELL}">{name}</th>'
        for name in ("seconds", "who", "what was said", "what it means")
    )
    + "</tr></thead>"
)


def _as_row(line: Line) -> str:
    lock = ' <span title="encrypted" aria-label="encrypted">🔒</span>' if line.tls else ""
    weight = "font-weight:600;" if line.direction == "C" else ""
    return (
        f'<tr><td style="{_CELL};{_QUIET};font-variant-numeric:tabular-nums">{line.at:.3f}</td>'
        f'<td style="{_CELL};white-space:nowrap">{_ARROWS[line.direction]} '
        f"{_SPEAKERS[line.direction]}{lock}</td>"
        f'<td style="{_CELL};{_MONO};{weight}">{escape(line.text)}</td>'
        f'<td style="{_CELL};{_QUIET}">{escape(explain(line))}</td></tr>'
    )
