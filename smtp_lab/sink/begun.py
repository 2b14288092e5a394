"""Coroutines that are begun outside a task, and go on inside one only if they must."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any

__all__ = ("Begun", "begin")


def begin(command: Coroutine[Any, Any, None]) -> Begun | None:
    """Run *command* outside of a task, as far as it goes; None when that was to its end.

    Raises:
        Exception: Whatever *command* raised.
    """
    try:
        waits_for = command.send(None)
    except StopIteration:
        return None
    return Begun(command, waits_for)


class Begun:
    """A coroutine that waits for something, to be awaited to its end."""

    def __init__(self, command: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._command, self._waits_for = command, waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        step: Callable[[], Any]
        while True:
            try:
                sent = yield waits_for
            except BaseException as error:  # noqa: BLE001  # it is the command's to handle
                step = partial(self._command.throw, error)
            else:
                step = partial(self._command.send, sent)
            try:
                waits_for = step()
            except StopIteration:
                return
