"""The table of what checks found, and how it shows itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any

import pandas as pd

from smtp_lab.inbox.captured import Captured
from smtp_lab.inbox.checks.options import Options
from smtp_lab.inbox.checks.rule import SEVERITIES, all_rules
from smtp_lab.inbox.checks.run import Finding, check_many
from smtp_lab.show import NO_MATH

__all__ = ("Findings", "checked")

_COLUMNS = ("rule", "severity", "where", "why", "fix")
_SHOWN = 100  # rows, or rules over many messages
_CELL = "text-align:left;vertical-align:top"
_NARROW = f"{_CELL};white-space:nowrap"
_WIDE = f"{_CELL};overflow-wrap:anywhere;min-width:8em"
_NOTHING = "Nothing found."


class Findings(pd.DataFrame):
    """A DataFrame that shows what was found by severity; what is selected from it is a plain one.

    Columns:
        id (int64, the message's; only of `Inbox.check`), rule (str), severity (str: error, warning
        or note), where, why, fix (str).
    """

    def __str__(self) -> str:
        if self.empty:
            return _NOTHING
        lines = []
        for severity, rows in _groups(self):
            lines += [f"{severity}s ({len(rows)})" if "id" not in self else f"{severity}s"]
            for name, where, why, fix in _told(rows):
                lines += [f"  {name} — {where}: {why}", *([f"      {fix}"] if fix else [])]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.as_html()

    def as_html(self, say: Callable[[str], str] = str) -> str:
        """The table; *say* gives each text of ours as its reader is to see it."""
        if self.empty:
            return f"<p>{escape(say(_NOTHING))}</p>"
        body = []
        for severity, rows in _groups(self):
            told = list(_told(rows))
            for at, (name, *texts) in enumerate(told):
                first = (
                    f'<th scope="rowgroup" rowspan="{len(told)}" style="{_NARROW}">'
                    f"{escape(say(severity))}</th>"
                )
                cells = "".join(f'<td style="{_WIDE}">{escape(say(text))}</td>' for text in texts)
                start = first if at == 0 else ""
                body.append(f'<tr>{start}<td style="{_NARROW}">{escape(name)}</td>{cells}</tr>')
        head = "".join(
            f'<th scope="col" style="{_CELL}">{escape(say(name))}</th>'
            for name in ("severity", "rule", "where", "why", "fix")
        )
        label = escape(say("Findings"))
        return (
            f'<table class="{NO_MATH}" aria-label="{label}"><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(body)}</tbody></table>"
        )


def checked(messages: Iterable[Captured], *, several: bool, **asked: Any) -> Findings:
    """Check *messages* and make the table.

    Args:
        messages: What to check.
        several: Whether the table names the message of each row.
        **asked: The arguments of `Captured.check`.

    Raises:
        InputError: An argument cannot be used.
    """
    options = Options.of(names=[rule.name for rule in all_rules()], **asked)
    return _table(check_many(messages, options), several=several)


def _table(found: Iterable[Finding], *, several: bool) -> Findings:
    rows = list(found)
    columns: dict[str, Any] = {}
    if several:
        columns["id"] = pd.Series([row.id for row in rows], dtype="int64")
    for name in _COLUMNS:
        columns[name] = pd.Series([getattr(row, name) for row in rows], dtype="str")
    return Findings(columns)


def _groups(found: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for severity in SEVERITIES:
        rows = found[found["severity"] == severity]
        if not rows.empty:
            yield severity, rows


def _told(rows: pd.DataFrame) -> Iterator[tuple[str, str, str, str]]:
    """Rule, where, why and fix of what is shown: of many messages a line for each rule."""
    if "id" not in rows:
        for row in rows.head(_SHOWN).itertuples():
            yield str(row.rule), str(row.where), str(row.why), str(row.fix)
        if len(rows) > _SHOWN:
            yield "…", "", f"and {len(rows) - _SHOWN:,} more", ""
        return
    # What is to be done is the same for the same trouble; the reason may name things of each mail.
    groups = rows.groupby(["rule", "fix"], sort=False)
    for shown, ((name, _), group) in enumerate(groups):
        if shown >= _SHOWN:
            yield "…", "", "and more", ""
            return
        ids = list(dict.fromkeys(group["id"]))
        few = ", ".join(map(str, ids[:5])) + (", …" if len(ids) > 5 else "")
        where = f"{len(ids):,} messages ({few})" if len(ids) > 1 else f"message {few}"
        reasons = group["why"].value_counts()
        why = str(reasons.index[0])
        if len(reasons) > 1:
            why += f" (and {len(reasons) - 1:,} other findings)"
        yield str(name), where, why, str(group["fix"].iloc[0])
