"""The command line: ``smtp-lab`` and ``jupyter smtp-lab``."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

import smtp_lab
from smtp_lab.errors import PortInUseError, SmtpLabError

__all__ = ("main",)

FIRST_NOTEBOOK = "01_first_mail.ipynb"

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def _told(command: Callable[..., Any]) -> Callable[..., Any]:
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


@main.command()
@click.argument("notebook", type=click.Path(path_type=Path), required=False)
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@click.option(
    "--port", type=int, default=1025, show_default=True, help="Port of the sink; taken: a free one."
)
@_told
def lab(notebook: Path | None, port: int, *, no_browser: bool) -> None:
    """Open JupyterLab on the first notebook, with a sink running beside it."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise click.ClickException("JupyterLab is not installed; install smtp_lab[lab].")
    if notebook is not None and not notebook.exists():
        raise click.ClickException(f"{notebook} is not there; leave it out for the first notebook.")
    notebook = notebook or _first_notebook()
    sink = _sink_near(port)
    click.echo(
        f"The sink takes mail on {sink.host}, "
        f"port {sink.port} (STARTTLS) and {sink.tls_port} (TLS)."
    )
    click.echo(f"Trust: {sink.ca_file}\nArchive: {sink.archive.name}\n")
    root, path = _address_of(notebook)
    command = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--ServerApp.root_dir={root}"]
    command += [f"--LabApp.default_url=/lab/tree/{quote(path)}"]
    # JupyterLab's question whether it may fetch news stands before what somebody came for.
    command += ["--LabApp.news_url=None"]
    command += ["--no-browser"] * no_browser
    # In a container one is often root; Jupyter then asks to be told that this is meant.
    command += ["--allow-root"] * (hasattr(os, "geteuid") and os.geteuid() == 0)
    with sink:
        process = subprocess.Popen(command)  # noqa: S603  # our own interpreter and arguments
        # Whoever ends this program ends JupyterLab with it.
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        sys.exit(_wait(process))


def _wait(process: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # Ctrl-C went to JupyterLab too, which asks whether it is meant: it decides when to end.
            continue


def _address_of(notebook: Path) -> tuple[Path, str]:
    """The folder JupyterLab serves, and the path of *notebook* in it."""
    notebook, here = notebook.resolve(), Path.cwd()
    root = here if notebook.is_relative_to(here) else notebook.parent
    return root, notebook.relative_to(root).as_posix()


def _sink_near(port: int) -> smtp_lab.Sink:
    try:
        return smtp_lab.Sink(port=port).start()
    except smtp_lab.PortInUseError:
        return smtp_lab.Sink().start()


def _first_notebook() -> Path:
    """The first notebook: that of this checkout, else a copy of ours in the working folder."""
    here = Path("notebooks") / FIRST_NOTEBOOK
    package = Path(smtp_lab.__file__).parent
    if here.exists():
        return here
    mine = Path(FIRST_NOTEBOOK)
    if not mine.exists():
        shipped = [package / "_notebooks", package.parent / "notebooks"]
        shutil.copy(
            next(p / FIRST_NOTEBOOK for p in shipped if (p / FIRST_NOTEBOOK).exists()), mine
        )
    return mine


@main.command()
@as_json
@_told
def demo(*, as_json: bool) -> None:
    """Send three real messages to a throw-away sink and check what arrived."""
    from smtp_lab.demo import run

    result = run(say=(lambda _: None) if as_json else click.echo)
    if as_json:
        deliveries = [delivery.to_dict() for delivery in result.deliveries]
        click.echo(
            json.dumps({"differences": result.differences, "deliveries": deliveries}, indent=2)
        )
    for difference in result.differences:
        click.echo(f"DIFFERENT {difference}", err=True)
    if result.differences:
        sys.exit(1)
    if not as_json:
        click.echo("Three messages were sent and arrived as they were sent.")


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
@_told
def sink(*, user: str | None, archive: str | None, as_json: bool, **asked: Any) -> None:
    """Run a sink until Ctrl-C, and print what arrives."""
    from smtp_lab.sink.exposure import address, is_local, on_hub

    if not user and (on_hub() or not is_local(address(asked["host"]))):
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
        click.echo(json.dumps(_row(message)) if as_json else repr(message))

    about = {"host": running.host, "port": running.port, "tls_port": running.tls_port}
    about |= {"plain_port": running.plain_port}
    about |= {"ca_file": str(running.ca_file), "archive": running.archive.name}
    running.on_message(show)
    click.echo(json.dumps(about) if as_json else "\n".join(f"{k:<11}{v}" for k, v in about.items()))
    while True:
        time.sleep(3600)


def _password(user: str) -> str:
    given = os.environ.get("SMTP_LAB_SINK_PASSWORD")
    asked: str = given or click.prompt(f"Password of {user}", hide_input=True, err=True)
    return asked


@main.command("send-test")
@click.argument("profile")
@click.option("--to", default=None, help="Who gets it; default: the profile's own address.")
@as_json
@_told
def send_test(profile: str, to: str | None, *, as_json: bool) -> None:
    """Send a test mail through PROFILE of the profile book; exit code 1 when it was refused."""
    delivery = smtp_lab.send_test(profile, to=to)
    click.echo(json.dumps(delivery.to_dict(), indent=2) if as_json else str(delivery))
    sys.exit(0 if delivery.ok else 1)


@main.command()
@click.argument("profile")
@click.option(
    "--until",
    default="rcpt",
    show_default=True,
    help="The last stage: name, address, tcp, greeting, ehlo, tls, certificate, ehlo-again, auth,"
    " mail or rcpt.",
)
@click.option("--to", default=None, help="Who would get a mail; default: the profile's address.")
@click.option("--others", is_flag=True, help="Try other mail ports of the same host, too.")
@click.option("--dns", is_flag=True, help="Look at the DNS records of the sender's domain, too.")
@click.option("--dkim-selector", default=None, help="With --dns: which DKIM key, as in s=.")
@as_json
@_told
def doctor(profile: str, *, as_json: bool, **asked: Any) -> None:
    """Go through what a mail of PROFILE needs, stage by stage; exit code 1 when one failed.

    Nothing is sent.
    """
    checkup = smtp_lab.doctor(profile, **asked)
    click.echo(json.dumps(checkup.to_dict(), indent=2) if as_json else str(checkup))
    sys.exit(0 if checkup.ok else 1)


@main.command()
@click.option("--archive", default=None, help="Path or URL of the archive; default: this user's.")
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many, the newest.",
)
@as_json
@_told
def inbox(archive: str | None, count: int, *, as_json: bool) -> None:
    """List the newest captured messages."""
    from smtp_lab.config.paths import data_dir

    usual = data_dir() / "mail.sqlite3"
    messages = smtp_lab.Inbox.open(archive or usual)[-count:] if archive or usual.exists() else []
    for message in messages:
        click.echo(json.dumps(_row(message)) if as_json else repr(message))
    if not messages and not as_json:
        click.echo("No mail has been captured yet.")


def _row(message: smtp_lab.Captured) -> dict[str, Any]:
    return {
        "id": message.id,
        "received_at": message.received_at.isoformat(),
        "mail_from": message.mail_from,
        "rcpt_to": list(message.rcpt_to),
        "subject": message.subject,
        "size": message.size,
    }
