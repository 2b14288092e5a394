"""The messages that are attached to a message (``message/rfc822``), and to those again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from smtp_lab.inbox.captured import Captured

__all__ = ("attached_to",)

_MOST = 20
_OCTETS = 5_000_000  # of all of them


def attached_to(message: Captured) -> Iterator[Captured]:
    """The messages attached to *message*, each before those attached to it.

    They are at most 20 and 5 MB in all; what is beyond is passed over.
    """
    waiting, found, octets = deque([message]), 0, 0
    while waiting:
        outer = waiting.popleft()
        for file in outer.attachments:
            octets += len(file.content) if file.type == "message/rfc822" else 0
            if file.type != "message/rfc822" or found == _MOST or octets > _OCTETS:
                continue
            found += 1
            inner = Captured(replace(message._stored, raw=file.content))  # noqa: SLF001  # ours
            waiting.append(inner)
            yield inner
