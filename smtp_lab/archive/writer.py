"""One thread that writes: whatever waits becomes one transaction (group commit)."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future

from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.archive.store import Archive

__all__ = ("Writer",)

_Job = tuple[StoredMessage | StoredSession, "Future[int]"]


class Writer:
    """Takes messages and sessions from any thread and answers when they are on disk.

    Args:
        archive: Where they go.
        waiting: How many may wait before `put` blocks.
    """

    def __init__(self, archive: Archive, *, waiting: int = 1000) -> None:
        self._archive = archive
        self._queue: queue.Queue[_Job | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._run, name="smtp-lab-writer", daemon=True)
        self._thread.start()

    def put(self, item: StoredMessage | StoredSession) -> Future[int]:
        """Give *item* to the writer.

        Returns:
            A future that has the number of the message (0 for a session) once it is committed, or
            the `ArchiveError` that kept it out.
        """
        future: Future[int] = Future()
        # Running from the start: a client that leaves cannot cancel what is being written.
        future.set_running_or_notify_cancel()
        self._queue.put((item, future))
        return future

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            jobs = [self._queue.get()]
            while not self._queue.empty():
                jobs.append(self._queue.get_nowait())
            going = None not in jobs
            self._write([job for job in jobs if job is not None])

    def _write(self, jobs: list[_Job]) -> None:
        messages = [(item, future) for item, future in jobs if isinstance(item, StoredMessage)]
        sessions = [(item, future) for item, future in jobs if isinstance(item, StoredSession)]
        if not jobs:
            return
        try:
            numbers = self._archive.add([m for m, _ in messages], [s for s, _ in sessions])
        except Exception as error:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
            for _, future in jobs:
                future.set_exception(error)
            return
        for (_, future), number in zip(messages, numbers, strict=True):
            future.set_result(number)
        for _, future in sessions:
            future.set_result(0)
