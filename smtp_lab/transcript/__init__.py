"""The SMTP dialogue, line by line: timed, secrets masked, the same on either side of the wire."""

from smtp_lab.transcript.line import Direction, Line, printable
from smtp_lab.transcript.mask import MASK, Mask
from smtp_lab.transcript.meanings import explain, explain_codes
from smtp_lab.transcript.record import Transcript
from smtp_lab.transcript.waterfall import Span, Waterfall

__all__ = (
    "MASK",
    "Direction",
    "Line",
    "Mask",
    "Span",
    "Transcript",
    "Waterfall",
    "explain",
    "explain_codes",
    "printable",
)
