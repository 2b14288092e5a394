"""Two messages side by side, or one and what it was before: what differs, and nothing else."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from pathlib import Path

from smtp_lab.config.paths import expanded
from smtp_lab.errors import InputError
from smtp_lab.inbox.captured import Captured
from smtp_lab.inbox.normal import SECTIONS, normal
from smtp_lab.show import NO_MATH

__all__ = ("UPDATE", "Comparison", "compared", "snapshotted")

UPDATE = "SMTP_LAB_UPDATE_SNAPSHOTS"
"""With ``1`` in this environment variable every snapshot is written anew."""

Lines = Mapping[str, Sequence[str]]

_HEAD = (
    "# A message as smtp_lab compares it; dates, ids, boundaries and signatures are masked.\n"
    "# To renew it: message.snapshot(path, update=True)\n"
)
_COMPARED = 4_000  # lines of a section that are held against each other
_SHOWN = 200  # lines of a section that are shown
_WIDE = 300  # characters of a line
_LARGEST = 5_000_000  # octets of a snapshot
_RENEW = "write it with message.snapshot(path, update=True)"
_OTHER = "give a message, or the path of a snapshot"
_COLOURS = {"-": "rgba(220,60,60,.18)", "+": "rgba(40,160,80,.18)", "@": "rgba(128,128,128,.18)"}


@dataclass(frozen=True)
class Comparison:
    """What differs; true when nothing does.

    ``assert message.compare(other)`` fails with the first differences on one line, and
    `assert_same` with all of them.

    Attributes:
        before: What it was compared with.
        after: The message that was asked.
        differences: Per section (headers, text, html, attachments) the lines that differ, as in a
            unified diff: ``-`` was before, ``+`` is now.
    """

    before: str
    after: str
    differences: Mapping[str, tuple[str, ...]]

    def __bool__(self) -> bool:
        return not self.differences

    def assert_same(self) -> None:
        """Fail a test with everything that differs.

        Raises:
            AssertionError: Something differs.
        """
        if not self:
            raise AssertionError(str(self))

    def __repr__(self) -> str:
        if self:
            return f"<Comparison: {self.after} is the same as {self.before}>"
        told = []
        for name, lines in self.differences.items():
            changed = [line for line in lines if line[:1] in "+-"]
            told.append(f"{name}: {' '.join(line[:60] for line in changed[:2])}")
        return f"<Comparison: differs in {'; '.join(told)}>"

    def __str__(self) -> str:
        if self:
            return f"{self.after} is the same as {self.before}."
        lines = [f"{self.after} (+) differs from {self.before} (-)."]
        for name, differing in self.differences.items():
            lines += ["", f"[{name}]", *(f"  {line}" for line in differing)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.as_html()

    def as_html(self, say: Callable[[str], str] = str) -> str:
        """The table; *say* gives each text of ours as its reader is to see it."""
        head = say(str(self).partition("\n")[0])
        label, rows = escape(say("Differences")), []
        for name, differing in self.differences.items():
            rows.append(
                f'<tr><th scope="rowgroup" style="text-align:left">{escape(say(name))}</th></tr>'
            )
            for line in differing:
                colour = _COLOURS.get(line[:1], "transparent")
                style = (
                    f"text-align:left;font-family:monospace;white-space:pre-wrap;"
                    f"overflow-wrap:anywhere;background:{colour}"
                )
                rows.append(f'<tr><td style="{style}">{escape(line)}</td></tr>')
        table = f'<table aria-label="{label}">{"".join(rows)}</table>' if rows else ""
        return f'<div class="{NO_MATH}"><p>{escape(head)}</p>{table}</div>'


def compared(
    message: Captured, other: Captured | str | Path, ignore: str | Sequence[str] = ()
) -> Comparison:
    """Compare *message* with another or with a snapshot; see `Captured.compare`.

    Raises:
        InputError: The snapshot is not there, or is none; an argument is of no use.
    """
    names = _names(ignore)
    if isinstance(other, str | os.PathLike):
        path = expanded(other, "other")
        if not path.is_file():
            raise InputError.of("other", f"{path} is not there", _OTHER)
        return _held(message, _snapshot_at(path, "other", _OTHER), path.name, names)
    if not isinstance(other, Captured):
        raise InputError.of("other", f"is a {type(other).__name__}", _OTHER)
    return _held(message, normal(other), f"message {other.id}", names)


def _held(message: Captured, before: Lines, name: str, ignore: Sequence[str]) -> Comparison:
    """*message* held against the lines of what is called *name*."""
    after = normal(message)
    found = {}
    for section in SECTIONS:
        old, new = before.get(section, []), after[section]
        if section == "headers":
            old, new = _without(old, ignore), _without(new, ignore)
        if list(old) != list(new):
            found[section] = tuple(_differing(old, new))
    return Comparison(name, f"message {message.id}", found)


def snapshotted(
    message: Captured, path: str | Path, *, update: bool | None, ignore: str | Sequence[str]
) -> Comparison:
    """Compare with the snapshot at *path*, or write it; see `Captured.snapshot`.

    Raises:
        InputError: It is not there, is none, or cannot be written; an argument is of no use.
    """
    path, names = expanded(path, "path"), _names(ignore)
    if update is None:
        update = os.environ.get(UPDATE) == "1"
    if update:
        text = _HEAD + "".join(
            f"[{section}]\n" + "".join(f"  {line}\n" if line else "\n" for line in lines)
            for section, lines in normal(message).items()
        )
        try:
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise InputError.of(
                "snapshot", f"{path} cannot be written ({error.strerror})", "check the path"
            ) from None
    return _held(message, _snapshot_at(path, "snapshot", _RENEW), path.name, names)


def _names(ignore: str | Sequence[str]) -> tuple[str, ...]:
    """The names of headers in *ignore*, which may be a single one."""
    fix = "give names of headers"
    if not isinstance(ignore, Iterable):
        raise InputError.of("ignore", f"is a {type(ignore).__name__}", fix)
    names = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    for name in names:
        if not isinstance(name, str):
            raise InputError.of("ignore", f"holds a {type(name).__name__}", fix)
    return names


def _snapshot_at(path: Path, field: str, fix: str) -> dict[str, list[str]]:
    """The snapshot at *path*, which was given as *field*; *fix* says what to do without one."""
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError.of(field, f"{path} is too large for a snapshot", "check the path")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        first = "look at the message, then write it with message.snapshot(path, update=True)"
        raise InputError.of(field, f"there is none at {path}", first) from None
    except (OSError, UnicodeError):
        raise InputError.of(field, f"{path} cannot be read", "check the path") from None
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.removeprefix(_HEAD).split("\n")[:-1]:
        if line[:1] == "[" and line[1:-1] in SECTIONS:
            lines = found.setdefault(line[1:-1], [])
        elif line.startswith("#"):
            continue
        else:
            lines.append(line[2:])
    if set(found) != set(SECTIONS):
        raise InputError.of(field, f"{path} is no snapshot", fix)
    return found


def _without(lines: Sequence[str], ignore: Sequence[str]) -> list[str]:
    names = tuple(f"{name.casefold()}:" for name in ignore)
    return [line for line in lines if not (names and line.casefold().startswith(names))]


def _differing(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    lines = _diff(old, new)
    for line in islice(lines, _SHOWN):
        yield line if len(line) <= _WIDE else f"{line[:_WIDE]}…"
    more = sum(1 for _ in lines)
    if more:
        yield f"@@ and {more:,} more lines"


def _diff(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    start = _same(zip(old, new, strict=False))
    end = _same(zip(reversed(old[start:]), reversed(new[start:]), strict=False))
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(before), len(after)) > _COMPARED:
        # Finding which lines are the same takes the square of their number.
        yield f"@@ {len(before):,} lines from line {start + 1:,} on became {len(after):,}"
        yield from (f"-{line}" for line in before[: _SHOWN // 4])
        yield from (f"+{line}" for line in after[: _SHOWN // 4])
        return
    first = max(0, start - 2)
    unified = difflib.unified_diff(
        old[first : len(old) - max(0, end - 2)],
        new[first : len(new) - max(0, end - 2)],
        lineterm="",
        n=2,
    )
    for line in islice(unified, 2, None):
        yield "@@" if line.startswith("@@") else line


def _same(pairs: Iterable[tuple[str, str]]) -> int:
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count
