"""``smtp-lab app``: the panels as a web page, which needs no notebook to be opened."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

import click

import smtp_lab
from smtp_lab.cli.base import as_json, main, told
from smtp_lab.cli.lab import shipped
from smtp_lab.config.paths import config_file, data_dir

__all__ = ("app",)

NOTEBOOK = "app.ipynb"

_START = 60.0  # seconds until the server answers
_END = 15.0  # seconds it may take to end its kernels
_LEFT = 120  # seconds without a page or a word, after which a visitor's kernel ends
_HOST = "127.0.0.1"
_EXTENSIONS = (
    "@jupyter-widgets/jupyterlab-manager",
    "@voila-dashboards/widgets-manager8",
    "anywidget",
)


@main.command()
@click.option(
    "--port", type=int, default=8866, show_default=True, help="Port of the page; taken: a free one."
)
@click.option("--language", default=None, help="en, de or ja; default: the language set here.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@as_json
@told
def app(*, port: int, language: str | None, no_browser: bool, as_json: bool) -> None:
    """Serve the panels as a web page, on this machine only, until Ctrl-C."""
    from smtp_lab.widgets.words import use_language

    use_language(language)  # says what is wrong with it before anything is started
    if importlib.util.find_spec("voila") is None:
        raise click.ClickException("Voilà is not installed; install smtp_lab[lab].")
    port = _free(port) or _free(0)
    token = secrets.token_urlsafe(18)
    url = f"http://{_HOST}:{port}/?token={token}"
    # A group of its own: who sits at the keyboard ends this program, which ends it in order.
    process = subprocess.Popen(  # noqa: S603  # our own interpreter and arguments
        _command(port), env=_environment(token, language), start_new_session=True
    )
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        _await(process, port)
        click.echo(json.dumps({"url": url, "port": port}) if as_json else _said(url))
        if not no_browser:
            webbrowser.open(url)
        code = process.wait()
        raise click.ClickException(f"Voilà has ended by itself, with exit code {code}.")
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
    finally:
        _end(process)


def _said(url: str) -> str:
    return f"The page is at {url}\nWhoever has this address can use it. Ctrl-C ends it."


def _command(port: int) -> list[str]:
    options = {
        "Voila.ip": _HOST,
        "Voila.port": port,
        "Voila.port_retries": 0,
        "Voila.open_browser": False,
        "Voila.log_level": "ERROR",
        "VoilaConfiguration.template": "smtp_lab",
        # Nobody chooses another template or theme in the address: those load things from elsewhere.
        "VoilaConfiguration.allow_template_override": "NO",
        "VoilaConfiguration.allow_theme_override": "NO",
        "VoilaConfiguration.file_denylist": ".*",
        # The page says when it is left; where that did not arrive, this ends its kernel.
        "MappingKernelManager.cull_idle_timeout": _LEFT,
        "MappingKernelManager.cull_interval": 30,
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    # What else is installed for JupyterLab has no business on the page, or does not work there.
    given += [f"--VoilaConfiguration.extension_allowlist={name}" for name in _EXTENSIONS]
    # Without a value the token is looked for in the environment, which others cannot read.
    return [sys.executable, "-m", "voila", str(shipped(NOTEBOOK)), "--token", *given]


def _environment(token: str, language: str | None) -> dict[str, str]:
    ours = Path(smtp_lab.__file__).parent / "widgets" / "page"
    paths = filter(None, (str(ours), os.environ.get("JUPYTER_PATH")))
    # A visitor's kernel works in the folder of the notebook: what is meant is told by its path.
    set_here = {
        "JUPYTER_TOKEN": token,
        "JUPYTER_PATH": os.pathsep.join(paths),
        "SMTP_LAB_CONFIG": str(config_file().absolute()),
        "SMTP_LAB_DATA": str(data_dir().absolute()),
    }
    if language:
        set_here["SMTP_LAB_LANGUAGE"] = language
    return os.environ | set_here


def _free(port: int) -> int:
    """*port* where it is free, a free one for 0; 0 where it is taken."""
    with socket.socket() as sock:
        if os.name != "nt":  # there it would let two programs share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((_HOST, port))
        except OverflowError:
            raise click.ClickException(f"Port {port} is not between 0 and 65535.") from None
        except OSError:
            return 0
        found: int = sock.getsockname()[1]
        return found


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + _START
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((_HOST, port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    if process.poll() is None:
        raise click.ClickException(f"Voilà did not answer within {_START:.0f} s; try again.")
    raise click.ClickException(f"Voilà could not start (exit code {process.returncode}).")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it with all its kernels, whatever they are doing."""
    process.terminate()
    try:
        process.wait(_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
