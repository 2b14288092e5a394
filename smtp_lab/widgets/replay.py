"""A dialogue, with the meaning of each line, that can be gone through line by line."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import anywidget
import traitlets

from smtp_lab.language import told
from smtp_lab.transcript import Transcript, explain
from smtp_lab.widgets.words import _

__all__ = ("Replay",)

_PACE = 1500  # milliseconds a line is shown for


class Replay(anywidget.AnyWidget):
    """A `Transcript` to read, to step through, and to play.

    Args:
        transcript: The dialogue. Its secrets are masked, and so they are here.
        pace: Milliseconds a line is shown for when it plays.
    """

    _esm = Path(__file__).parent / "replay.js"
    _css = Path(__file__).parent / "replay.css"

    lines = traitlets.List().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    pace = traitlets.Int(_PACE).tag(sync=True)

    def __init__(self, transcript: Transcript, *, pace: int = _PACE) -> None:
        said = transcript.lines
        lines = [
            {
                "who": line.direction,
                "at": f"{line.at:.3f}",
                "text": told(line.text) if line.direction == "*" else line.text,
                "tls": line.tls,
                "meaning": told(explain(line, before)),
            }
            for before, line in pairwise([None, *said])
            if line
        ]
        super().__init__(lines=lines, words=_words(), pace=pace)


def _words() -> dict[str, str]:
    return {
        "replay": _("Replay"),
        "dialogue": _("Dialogue"),
        "first": _("First line"),
        "back": _("Back"),
        "next": _("Next"),
        "play": _("Play"),
        "pause": _("Pause"),
        "all": _("All lines"),
        "line": _("Line {n} of {total}"),
        "all_lines": _("{total} lines"),
        "seconds": _("seconds"),
        "who": _("who"),
        "said": _("what was said"),
        "means": _("what it means"),
        "C": _("client"),
        "S": _("server"),
        "*": _("note"),
        "encrypted": _("encrypted"),
    }
