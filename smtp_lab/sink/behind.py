"""Reads captured mail for tables and searches while the sink has nothing else to do."""

from __future__ import annotations

import logging
import threading

from smtp_lab.archive import Archive
from smtp_lab.archive.writer import Writer
from smtp_lab.errors import ArchiveError

__all__ = ("Behind",)

_log = logging.getLogger("smtp_lab.sink")

_PAUSE = 0.3  # seconds without mail, after which it begins
_AT_ONCE = 5  # messages between two looks whether mail comes in


class Behind:
    """A thread that reads messages behind the writer's back.

    Args:
        archive: Whose messages.
        writer: While this one writes, nothing is read.
    """

    def __init__(self, archive: Archive, writer: Writer) -> None:
        self._archive, self._writer = archive, writer
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="smtp-lab-behind", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; what is not read yet is read when somebody asks for it."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        # Here and not above: a sink that starts has no time for it.
        from smtp_lab.inbox.filling import fill_some

        done = 0
        while not self._ending.wait(_PAUSE):
            more = done < self._writer.newest
            while more and self._writer.idle(_PAUSE) and not self._ending.is_set():
                try:
                    done, more = fill_some(self._archive, _AT_ONCE)
                except ArchiveError:
                    break  # whoever asks hears of it
                except Exception:  # noqa: BLE001  # whatever it is, it must not end the sink
                    _log.exception("captured mail could not be read ahead")
                    return
