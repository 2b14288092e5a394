"""A dialogue as a table for a notebook; nothing a server said is ever HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from smtp_lab.show import NO_MATH
from smtp_lab.transcript.line import Line

__all__ = ("as_html",)

_MOST = 200  # lines that are shown; of a longer dialogue the first and the last of them
_LAST = 50

_SPEAKERS = {"C": "→ client", "S": "← server", "*": "· note"}

# Colours follow JupyterLab's theme, light or dark, and have a fallback for everywhere else.
_BOX = "max-height:32em;overflow:auto;font-size:var(--jp-code-font-size,13px)"
_TABLE = "border-collapse:collapse;text-align:left;line-height:1.35"
_CAPTION = "text-align:left;padding:1px 8px"
_CELL = "padding:1px 8px;text-align:left;vertical-align:top"
_NUMBER = "padding:1px 8px;text-align:right;vertical-align:top"
_MONO = (
    "font-family:var(--jp-code-font-family,monospace);white-space:pre-wrap;word-break:break-word"
)
_QUIET = "color:var(--jp-ui-font-color2,#616161)"
_COLUMNS = (
    ("seconds", _NUMBER),
    ("waited", _NUMBER),
    ("who", _CELL),
    ("what was said", _CELL),
    ("what it means", _CELL),
)


def as_html(rows: Sequence[tuple[Line, float, str]], say: Callable[[str], str] = str) -> str:
    """The table.

    Args:
        rows: Each line with the seconds since the one before and its meaning.
        say: Gives each text as its reader is to see it.
    """
    head = "".join(
        f'<th scope="col" style="{style}">{escape(say(name))}</th>' for name, style in _COLUMNS
    )
    shown = "".join(_as_row(*row, say) for row in rows)
    if len(rows) > _MOST:
        left = len(rows) - _MOST
        hint = say(f"{left:,} lines are not shown here; print() and to_frame() give them all")
        shown = (
            "".join(_as_row(*row, say) for row in rows[: _MOST - _LAST])
            + f'<tr><td colspan="5" style="{_CELL};{_QUIET}"><i>{escape(hint)}</i></td></tr>'
            + "".join(_as_row(*row, say) for row in rows[-_LAST:])
        )
    name = escape(say("SMTP dialogue"))
    # A box that scrolls must be reachable by keyboard: hence the role, the name and the tabindex.
    return (
        f'<div class="smtp-lab-transcript {NO_MATH}" style="{_BOX}" role="region" tabindex="0" '
        f'aria-label="{name}"><table style="{_TABLE}">'
        f'<caption style="{_CAPTION}">{escape(say(_caption(rows)))}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{shown}</tbody></table></div>"
    )


def _caption(rows: Sequence[tuple[Line, float, str]]) -> str:
    lines = [line for line, _, _ in rows]
    said = sum(line.direction != "*" for line in lines)
    secret = sum(line.tls for line in lines if line.direction != "*")
    how = "all of them" if secret == said else f"{secret:,} of them" if secret else "none of them"
    return f"SMTP dialogue: {said:,} lines were said, {how} encrypted" if said else "SMTP dialogue"


def _as_row(line: Line, wait: float, meaning: str, say: Callable[[str], str]) -> str:
    name = escape(say("encrypted"))
    text = say(line.text) if line.direction == "*" else line.text  # what others said stays
    lock = f' <span title="{name}" role="img" aria-label="{name}">🔒</span>' if line.tls else ""
    sign, _, who = _SPEAKERS[line.direction].partition(" ")
    weight = "font-weight:600" if line.direction == "C" else ""
    number = f"{_NUMBER};{_QUIET};font-variant-numeric:tabular-nums"
    return (
        f'<tr><td style="{number}">{line.at:.3f}</td><td style="{number}">{wait:+.3f}</td>'
        f'<td style="{_CELL};white-space:nowrap">{sign} {escape(say(who))}{lock}</td>'
        f'<td style="{_CELL};{_MONO};{weight}">{escape(text)}</td>'
        f'<td style="{_CELL};{_QUIET}">{escape(say(meaning))}</td></tr>'
    )
