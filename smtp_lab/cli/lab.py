"""``smtp-lab lab``: JupyterLab on the first notebook."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import click

import smtp_lab
from smtp_lab.cli.base import main, told

__all__ = ("lab", "shipped")

FIRST_NOTEBOOK = "01_first_mail.ipynb"


@main.command()
@click.argument("notebook", type=click.Path(path_type=Path), required=False)
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@click.option(
    "--port", type=int, default=1025, show_default=True, help="Port of the sink; taken: a free one."
)
@told
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
    if here.exists():
        return here
    mine = Path(FIRST_NOTEBOOK)
    if not mine.exists():
        shutil.copy(shipped(FIRST_NOTEBOOK), mine)
    return mine


def shipped(name: str) -> Path:
    """The notebook called *name* that came with this package, or is in its checkout."""
    package = Path(smtp_lab.__file__).parent
    folders = [package / "_notebooks", package.parent / "notebooks"]
    return next(folder / name for folder in folders if (folder / name).exists())
