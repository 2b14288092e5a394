"""What all commands share: the group they belong to, and how they say what went wrong."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

import smtp_lab
from smtp_lab.errors import PortInUseError, SmtpLabError

__all__ = ("as_json", "main", "row", "told")

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
