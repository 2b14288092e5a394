"""Pictures of captured mail, drawn with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtp_lab.errors import InputError
from smtp_lab.transcript import printable

if TYPE_CHECKING:
    import pandas as pd

    from smtp_lab.inbox.view import View

__all__ = ("Plots",)

_MOST = 10  # bars
_NAME = 40  # characters of a name beside a bar
_STEPS = ("1s", "10s", "1min", "10min", "1h", "6h", "1D", "7D")
_BARS = 60
_FEW = 20  # bars: fewer are not made wider
_STAGES = ("greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "quit")
_BLUE, _RED = "#33658a", "#b5472f"


class Plots:
    """Pictures of some messages; each gives matplotlib's Axes, and draws on *ax* where it is given.

    Args:
        view: Which messages.
    """

    def __init__(self, view: View) -> None:
        self._view = view

    def arrivals(self, step: str | None = None, *, ax: Any = None) -> Any:
        """How many messages came when.

        Args:
            step: The width of a bar, such as ``10min`` (pandas' words); by default what fits.
            ax: Where to draw.

        Raises:
            InputError: matplotlib is not installed, or *step* is no such word.
        """
        import pandas as pd

        ax = _axes(ax, "Messages by time of arrival (UTC)", "messages")
        times = self._view.to_frame()["received_at"]
        if times.empty:
            return _nothing(ax)
        if step is None:
            span = times.max() - times.min()
            step = next((s for s in _STEPS if span / pd.Timedelta(s) <= _BARS), _STEPS[-1])
        try:
            width = pd.Timedelta(step)
            counts = times.dt.floor(step).value_counts().sort_index()
        except ValueError:
            raise InputError.of("step", f"{step!r} is no width", "give one such as 10min") from None
        at = counts.index.tz_localize(None)
        ax.bar(at, counts.to_numpy(), width=width, align="edge", color=_BLUE, edgecolor="white")
        # Few bars beside each other would be as wide as the picture.
        room = max(_FEW * width - (at[-1] + width - at[0]), width) / 2
        ax.set_xlim(at[0] - room, at[-1] + width + room)
        _dates(ax)
        return _whole(ax.yaxis, ax)

    def sizes(self, *, ax: Any = None) -> Any:
        """How large the messages are.

        Raises:
            InputError: matplotlib is not installed.
        """
        import numpy as np

        ax = _axes(ax, "Messages by size", "messages")
        sizes = self._view.to_frame()["size"].clip(lower=1)
        if sizes.empty:
            return _nothing(ax)
        low, high = np.floor(np.log10(sizes.min())), np.floor(np.log10(sizes.max())) + 1
        edges = np.logspace(low, high, int(high - low) * 10 + 1)
        ax.hist(sizes, bins=edges, color=_BLUE, edgecolor="white")
        ax.set_xscale("log")
        ax.set_xlim(edges[0], edges[-1])
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.xaxis.set_minor_formatter("")
        ax.set_xlabel("octets")
        return _whole(ax.yaxis, ax)

    def stages(self, *, ax: Any = None) -> Any:
        """How far the sessions came, and where something was refused.

        Raises:
            InputError: matplotlib is not installed.
        """
        ax = _axes(ax, "Sessions by the stage they ended or were refused in", "sessions")
        table = self._view.sessions()
        if table.empty:
            return _nothing(ax)
        refused = table["refusals"] > 0
        known = [s for s in _STAGES if (table["stage"] == s).any()]
        known += sorted(set(table["stage"]) - set(known) - {""})
        well = [int(((table["stage"] == s) & ~refused).sum()) for s in known]
        not_well = [int(((table["stage"] == s) & refused).sum()) for s in known]
        ax.bar(known, well, color=_BLUE, label="ended there")
        ax.bar(known, not_well, bottom=well, color=_RED, label="refused there")
        ax.set_xlim(-0.6, max(len(known), _FEW / 4) - 0.4)
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
        return _whole(ax.yaxis, ax)

    def refusals(self, *, ax: Any = None) -> Any:
        """Which replies refused something, and how often.

        Raises:
            InputError: matplotlib is not installed.
        """
        lines = self._view.commands()
        refused = lines[(lines["direction"] == "S") & lines["code"].between(400, 599).fillna(False)]
        counts = refused["text"].str.slice(0, 200).value_counts()
        return _bars(ax, counts, "Replies that refused something", "times", _RED)

    def senders(self, *, ax: Any = None) -> Any:
        """Who sent most, by the envelope.

        Raises:
            InputError: matplotlib is not installed.
        """
        counts = self._view.to_frame()["mail_from"].replace("", "<>").value_counts()
        return _bars(ax, counts, "Messages by envelope sender", "messages", _BLUE)

    def domains(self, *, ax: Any = None) -> Any:
        """To which domains most was sent, by the envelope.

        Raises:
            InputError: matplotlib is not installed.
        """
        table = self._view.recipients()
        counts = table[table["kind"] == "rcpt"]["domain"].value_counts()
        return _bars(ax, counts, "Recipients by domain", "recipients", _BLUE)


def _axes(ax: Any, title: str, unit: str) -> Any:
    if ax is None:
        try:
            from matplotlib.figure import Figure
        except ImportError:
            fix = 'install it with: pip install "smtp_lab[plots]"'
            raise InputError.of("plot", "needs matplotlib", fix) from None
        # Not pyplot: nothing is kept in a list of figures that nobody closes.
        ax = Figure(figsize=(8, 3.5), layout="constrained").subplots()
    ax.set_title(title)
    ax.set_ylabel(unit)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def _nothing(ax: Any) -> Any:
    ax.text(0.5, 0.5, "nothing yet", ha="center", va="center", transform=ax.transAxes)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set(xlabel="", ylabel="")
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    return ax


def _dates(ax: Any) -> None:
    from matplotlib import dates

    untyped: Any = dates
    found = untyped.AutoDateLocator(minticks=3, maxticks=8)
    ax.xaxis.set_major_locator(found)
    ax.xaxis.set_major_formatter(untyped.ConciseDateFormatter(found))


def _whole(axis: Any, ax: Any) -> Any:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))
    return ax


def _bars(ax: Any, counts: pd.Series[Any], title: str, unit: str, color: str) -> Any:
    ax = _axes(ax, title, "")
    if counts.empty:
        return _nothing(ax)
    first = counts.head(_MOST)
    # A $ in a name would be taken for a formula.
    names = [_short(printable(str(name))).replace("$", r"\$") for name in first.index]
    at = range(len(first))
    ax.barh(at, first.to_numpy(), color=color)
    ax.set_yticks(at, names)
    ax.set_ylim(max(len(first), _FEW / 4) - 0.5, -0.5)
    left = len(counts) - len(first)
    ax.set_xlabel(f"{unit}; {left:,} more are not shown" if left else unit)
    return _whole(ax.xaxis, ax)


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
