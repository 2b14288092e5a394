"""The command line: ``smtp-lab`` and ``jupyter smtp-lab``."""

from smtp_lab.cli import inbox, lab, mail, page, sink  # noqa: F401  # each adds its commands to the group
from smtp_lab.cli.base import main

__all__ = ("main",)
