"""axe-core, which finds what people with a screen reader or a keyboard would stumble over."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from playwright.sync_api import Page
from support import need

HERE = Path(__file__).parent / "axe"
SERIOUS = ("serious", "critical")


def install(folder: Path) -> str:
    """The source of axe-core, from a *folder* it is installed in, never from this tree."""
    npm = need("npm", "it comes with Node.js 20")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"],
        cwd=folder,
        check=True,
        timeout=180,
        capture_output=True,
    )
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, axe: str, inside: str) -> list[str]:
    """What is seriously wrong *inside* what the selector finds: rule, and where, a line each."""
    page.evaluate(axe)
    found = page.evaluate(
        """async (inside) => {
          const result = await axe.run(inside, { resultTypes: ["violations"] });
          return result.violations.map((v) => [v.impact, v.id, v.nodes.map((n) => n.html.slice(0, 160))]);
        }""",
        inside,
    )
    return [
        f"{rule}: {node}" for impact, rule, nodes in found if impact in SERIOUS for node in nodes
    ]
