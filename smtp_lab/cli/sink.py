"""``smtp-lab sink``: a sink in the shell."""

from __future__ import annotations

import getpass
import json
import os
import signal
import time
import warnings
from typing import Any

import click

import smtp_lab
from smtp_lab.cli.base import as_json, line, main, row, told

__all__ = ("sink",)


@main.command()
@click.option(
    "--port",
    type=int,
    default=1025,
    show_default=True,
    help="Port of the STARTTLS door; 0: a free one.",
)
@click.option(
    "--tls-port",
    type=int,
    default=1465,
    show_default=True,
    help="Port of the TLS door; 0: a free one.",
)
@click.option(
    "--plain-port", type=int, default=0, show_default=True, help="Port of the door without TLS."
)
@click.option("--host", default=None, help="Where it listens; default: on this machine only.")
@click.option(
    "--user",
    default=None,
    help="Who may log in, and must; the password is asked for, or SMTP_LAB_SINK_PASSWORD.",
)
@click.option("--archive", default=None, help="Path or URL of the archive; default: this user's.")
@as_json
@told
def sink(*, user: str | None, archive: str | None, as_json: bool, **asked: Any) -> None:
    """Run a sink until Ctrl-C, and print what arrives."""
    from smtp_lab.sink.exposure import address, is_local, on_hub

    here = is_local(address(asked["host"]))  # what is wrong with it is said before any question
    if not user and (on_hub() or not here):
        raise click.ClickException("Others can reach this sink: give --user, who may log in.")
    users = {user: _password(user)} if user else None
    # Whoever ends this program lets it finish what is on its way, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            running = smtp_lab.Sink(archive, users=users, **asked).start()
        for warning in said:
            click.echo(str(warning.message), err=True)
        with running:
            _show(running, as_json=as_json)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


def _show(running: smtp_lab.Sink, *, as_json: bool) -> None:
    """Say where a sink listens, and print what arrives, without an end."""

    def show(message: smtp_lab.Captured) -> None:
        click.echo(json.dumps(row(message)) if as_json else line(message))

    about = {"host": running.host, "port": running.port, "tls_port": running.tls_port}
    about |= {"plain_port": running.plain_port}
    about |= {"ca_file": str(running.ca_file), "archive": running.archive.name}
    running.on_message(show)
    click.echo(json.dumps(about) if as_json else "\n".join(f"{k:<11}{v}" for k, v in about.items()))
    while True:
        time.sleep(3600)


def _password(user: str) -> str:
    if given := os.environ.get("SMTP_LAB_SINK_PASSWORD"):
        return given
    with warnings.catch_warnings():
        # Raised where there is no terminal that could hide what is typed.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            asked: str = click.prompt(f"Password of {user}", hide_input=True, err=True)
        except getpass.GetPassWarning:
            said = f"There is no terminal to ask for the password of {user}: "
            raise click.ClickException(said + "give it in SMTP_LAB_SINK_PASSWORD.") from None
    return asked
