"""What a person did first reaches the panel first, also while a cell runs, and in its turn."""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from smtp_lab.widgets.turns import in_turn

__all__ = ("in_order",)


def in_order(widget: w.Widget) -> None:
    """Let all that is said to *widget* and what is in it, now and later, be heard in one thread.

    It is heard in its turn: no other thread changes panels meanwhile.

    JupyterLab has what is said to widgets heard in a thread beside the one that cells run in (a
    "subshell"). ipykernel from 7.4 on leaves that to the thread that told the page something about
    the same widget last (``BaseComm._reply_subshell_for``): a field made in a cell waits for the
    cell that runs, and a button that was dimmed meanwhile does not. What was typed before the
    button was pressed would come after it.
    """
    found = [widget]
    while found:
        one = found.pop()
        if one.comm is not None:
            one.comm.on_msg(in_turn(one._handle_msg))  # noqa: SLF001  # what ipywidgets put there
        if hasattr(one.comm, "_reply_subshell_for"):
            one.comm._reply_subshell_for = _as_the_page_says  # noqa: SLF001  # there is no other way
        if isinstance(one, w.Box):
            found += one.children
            one.observe(_look_again, "children")


def _as_the_page_says(_data: Any, asked: Any) -> Any:
    return asked


def _look_again(change: dict[str, Any]) -> None:
    for child in change["new"]:
        in_order(child)
