"""Make the table of docs/checks.md anew: ``python tests/checks_docs.py``."""

from __future__ import annotations

from pathlib import Path

from smtp_lab.inbox.checks import all_rules

PAGE = Path(__file__).parent.parent / "docs" / "checks.md"
HEAD = "| rule | severity | finds | source |\n|---|---|---|---|\n"


def table() -> str:
    """Every rule, a row each, by severity and name."""
    order = ("error", "warning", "note")
    rules = sorted(all_rules(), key=lambda rule: (order.index(rule.severity), rule.name))
    return HEAD + "".join(
        f"| `{rule.name}` | {rule.severity} | {rule.finds} | {rule.source} |\n" for rule in rules
    )


def main() -> None:
    """Put the table in the place of the old one, which ends the page."""
    before = PAGE.read_text(encoding="utf-8").partition(HEAD)[0]
    PAGE.write_text(before + table(), encoding="utf-8")


if __name__ == "__main__":
    main()
