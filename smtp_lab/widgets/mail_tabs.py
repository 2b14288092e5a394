"""What each tab of a message shows: as HTML with everything of the mail escaped, or as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from itertools import islice
from typing import Any

from smtp_lab.archive import StoredSession
from smtp_lab.inbox import Captured, frames
from smtp_lab.inbox.reading import refusals
from smtp_lab.language import told
from smtp_lab.show import NO_MATH, facts_table
from smtp_lab.transcript import Transcript, printable
from smtp_lab.widgets.words import N_, _, n_, number

__all__ = ("TABS", "above", "below", "sessions", "tab")

_CHUNK = 50_000  # octets or characters that are shown at once
_ROWS = 300  # of a table: a mail may have thousands of headers
_LINKS = 200

Asked = Mapping[str, Any]


def above(message: Captured) -> str:
    """What stands above the tabs."""
    shown = message.shown(told)
    return facts_table(_("Message {n}").format(n=message.id), shown)


def below(message: Captured) -> str:
    """The one-time codes and the links of a message; no link can be followed."""
    pieces = []
    if codes := message.codes:
        rows = [(code.code, code.context) for code in codes]
        pieces.append(_folded(_("Codes ({n})").format(n=len(codes)), _listed(rows), opened=True))
    if links := message.links:
        rows = [(link.url, link.text) for link in links[:_LINKS]]
        pieces.append(_folded(_("Links ({n})").format(n=len(links)), _listed(rows)))
    return f'<div class="{NO_MATH}">{"".join(pieces)}</div>' if pieces else ""


def sessions(found: Sequence[StoredSession]) -> str:
    """Sessions without a message, the last one first, each with its dialogue."""
    rows = frames.sessions(found).to_dict("records")
    pieces = []
    for session, row in zip(reversed(found), reversed(rows), strict=True):
        about = (f"{row['started_at']:%Y-%m-%d %H:%M:%S} UTC", row["peer"], told(row["outcome"]))
        refused = refusals(session.transcript["lines"])
        title = " · ".join((*about, refused[-1]["text"] if refused else row["last_reply"]))
        dialogue = Transcript.from_dict(session.transcript).as_html(told)
        pieces.append(_folded(title, dialogue))
    title = n_("{n} session without a message", "{n} sessions without a message", len(found))
    return f'<h3>{escape(title)}</h3><div class="{NO_MATH}">{"".join(pieces)}</div>'


def tab(message: Captured, name: str, asked: Asked) -> dict[str, Any]:
    """What the tab called *name* shows: ``html``, or ``text`` and where it goes on."""
    return TABS[name][1](message, asked)


def _preview(message: Captured, asked: Asked) -> dict[str, Any]:
    width = asked.get("width")
    shown = message.preview(
        width=width if width in ("phone", "desktop") else "full", dark=bool(asked.get("dark"))
    )
    said = [escape(told(note)) for note in shown.notes]
    label = escape(_("Blocked:"))
    said += [f"{label} {escape(printable(blocked.as_text(told)))}" for blocked in shown.blocked]
    notes = "".join(f'<p class="smtp-lab-quiet">{text}</p>' for text in said)
    return {"html": f"{shown.frame}{notes}"}


def _text(message: Captured, asked: Asked) -> dict[str, Any]:
    text = message.text
    if not text:
        return {"html": _nothing(_("There is no text part."))}
    at = _at(asked)
    return _piece(_lines(text[at : at + _CHUNK]), at, min(len(text), at + _CHUNK), len(text))


def _source(message: Captured, asked: Asked) -> dict[str, Any]:
    raw, at = message.raw, _at(asked)
    end = at + _CHUNK
    if end < len(raw):
        # At the end of a line where there is one, so that no letter is cut.
        end = raw.rfind(b"\n", at + 1, end) + 1 or end
    shown = raw[at:end].decode("utf-8", "backslashreplace")
    return _piece(_lines(shown.replace("\r\n", "\n")), at, min(end, len(raw)), len(raw))


def _parts(message: Captured, _asked: Asked) -> dict[str, Any]:
    names = (_("Part"), _("Type"), _("Role"), _("File"), _("Charset"), _("Encoding"), _("Octets"))
    parts = message.parts
    rows = []
    for part in parts[:_ROWS]:
        depth = 0 if part is parts[0] else part.path.count(".") + 1
        size = number(part.size) if part.role != "multipart" else ""
        path = "\u2003" * depth + part.path
        rows.append(
            (path, part.type, told(part.role), part.name, part.charset, part.encoding, size)
        )
    return {"html": _table(_("Parts"), names, rows, len(parts))}


def _headers(message: Captured, _asked: Asked) -> dict[str, Any]:
    names = (_("Name"), _("Decoded"), _("As it was written"))
    raw = message.raw_headers
    both = zip(message.headers, raw, strict=True)
    rows = [
        (name, value, octets.decode("utf-8", "backslashreplace").strip())
        for (name, value), (_name, octets) in islice(both, _ROWS)
    ]
    # What is written as it reads is said once.
    rows = [(name, value, "" if value == octets else octets) for name, value, octets in rows]
    return {"html": _table(_("Headers"), names, rows, len(raw))}


def _transcript(message: Captured, _asked: Asked) -> dict[str, Any]:
    return {"html": message.transcript.as_html(told)}


def _checks(message: Captured, _asked: Asked) -> dict[str, Any]:
    return {"html": message.check().as_html(told)}


TABS: dict[str, tuple[str, Callable[[Captured, Asked], dict[str, Any]]]] = {
    "html": (N_("HTML"), _preview),
    "text": (N_("Text"), _text),
    "source": (N_("Source"), _source),
    "parts": (N_("Parts"), _parts),
    "headers": (N_("Headers"), _headers),
    "transcript": (N_("Transcript"), _transcript),
    "checks": (N_("Checks"), _checks),
}
"""Every tab by its name, in order: its title, for the catalogues, and what fills it."""


def _at(asked: Asked) -> int:
    start = asked.get("from")
    return max(0, start) if isinstance(start, int) else 0


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def _piece(text: str, start: int, end: int, total: int) -> dict[str, Any]:
    made: dict[str, Any] = {"text": text, "from": start}
    if end < total:
        more = _("Show more ({shown} of {total})").format(shown=number(end), total=number(total))
        made |= {"next": end, "more": more}
    return made


def _table(label: str, names: Sequence[str], rows: Iterable[Sequence[str]], total: int) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    more = total - _ROWS
    left = n_("and {n} more", "and {n} more", more) if more > 0 else ""
    return (
        f'<table class="{NO_MATH}" aria-label="{escape(label)}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>{_nothing(left) if left else ''}"
    )


def _cell(text: str) -> str:
    shown = printable(" ".join(text.split("\n")).replace("\t", " ").replace("\r", ""))
    cut = f"{shown[:2000]}…" if len(shown) > 2000 else shown
    return f'<span style="overflow-wrap:anywhere">{escape(cut)}</span>'


def _listed(rows: Iterable[tuple[str, str]]) -> str:
    items = "".join(
        f"<li><code>{escape(printable(first))}</code> {escape(printable(second))}</li>"
        for first, second in rows
    )
    return f'<ul style="margin:4px 0;overflow-wrap:anywhere">{items}</ul>'


def _folded(title: str, html: str, *, opened: bool = False) -> str:
    shown = escape(printable(title))
    return f"<details{' open' if opened else ''}><summary>{shown}</summary>{html}</details>"


def _nothing(text: str) -> str:
    return f'<p class="smtp-lab-quiet">{escape(text)}</p>'
