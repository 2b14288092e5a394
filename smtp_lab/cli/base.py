"""What all commands share: the group they belong to, and how they say what went wrong."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import click

import smtp_lab
from smtp_lab.errors import PortInUseError, SmtpLabError
from smtp_lab.transcript import printable

__all__ = ("as_json", "line", "listed", "main", "row", "told")

_SHOWN = 3  # recipients in a line

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def told(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn our errors into one sentence on stderr and exit code 1, never a traceback."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except PortInUseError as error:
            # Left out, the port would be the same again.
            said = f"Port {error.port} on {error.host} is already in use; give 0 for a free one."
            raise click.ClickException(said) from None
        except SmtpLabError as error:
            raise click.ClickException(str(error)) from None

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(smtp_lab.__version__, prog_name="smtp-lab")
def main() -> None:
    """Configure a mail account, send a test, and see exactly what happened."""
    for stream in (sys.stdout, sys.stderr):
        # A console of another encoding shows a mark for what it cannot show, and no traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def line(message: smtp_lab.Captured) -> str:
    """A message as a line in a terminal: number, moment, envelope, subject."""
    to = ", ".join(message.rcpt_to[:_SHOWN])
    if more := message.rcpt_to[_SHOWN:]:
        to += f" and {len(more):,} more"
    way = f"{message.mail_from or '<>'} → {to}"
    return listed(str(message.id), message.received_at, way, message.subject or "(no subject)")


def listed(number: str, moment: datetime, *cells: str) -> str:
    """A line of a list, whatever a client put into it."""
    return printable("  ".join([f"{number:>6}", f"{moment:%Y-%m-%d %H:%M:%S} UTC", *cells]))


def row(message: smtp_lab.Captured) -> dict[str, Any]:
    """What a message is, as data: a row of a list."""
    return {
        "id": message.id,
        "received_at": message.received_at.isoformat(),
        "mail_from": message.mail_from,
        "rcpt_to": list(message.rcpt_to),
        "subject": message.subject,
        "size": message.size,
    }
