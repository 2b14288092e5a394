"""A real JupyterLab on loopback, driven through a real Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
START = 60.0  # seconds a server may take to answer
# What is expected is seen as soon as it is there; the patience is for a machine with other work.
PATIENCE = 60_000  # milliseconds


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("SMTP_LAB_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def lab_server(root: Path, home: Path, settings: dict | None = None) -> Iterator[tuple[str, str]]:
    """Serve *root*; give the address and the token.

    *home* becomes the home folder of the server and its kernels, so that no settings, profiles or
    mail of the person running the tests are read or touched.
    """
    for name in ("overrides", "workspaces", "user-settings"):
        (home / name).mkdir(parents=True, exist_ok=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    overrides = {"@jupyterlab/apputils-extension:notification": quiet, **(settings or {})}
    (home / "overrides" / "overrides.json").write_text(json.dumps(overrides))
    options = [
        *("--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"),
        f"--LabApp.workspaces_dir={home / 'workspaces'}",
        f"--LabApp.user_settings_dir={home / 'user-settings'}",
        f"--LabServerApp.app_settings_dir={home / 'overrides'}",
    ]
    with serve("jupyterlab", root, home, options) as found:
        yield found


@contextlib.contextmanager
def serve(
    program: str, root: Path, home: Path, options: Sequence[str] = ()
) -> Iterator[tuple[str, str]]:
    """Serve *root* with ``python -m program``; give the address and the token."""
    port, token = free_port(), secrets.token_hex(16)
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("SMTP_LAB_", "JUPYTER", "XDG_"))
    }
    command = [
        *(sys.executable, "-m", program, "--no-browser", "--ip=127.0.0.1", f"--port={port}"),
        *("--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"),
        *(f"--ServerApp.root_dir={root}", *options),
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=kept
            | {"HOME": str(home), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
            start_new_session=True,
        )
        try:
            _wait(f"http://127.0.0.1:{port}/api", process, home / "server.log")
            yield f"http://127.0.0.1:{port}", token
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"It ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


class Notebook:
    """A notebook open in JupyterLab."""

    def __init__(self, page: Page, base: str, token: str, root: Path) -> None:
        self.page, self._base, self._token, self.root = page, base, token, root
        self.path = root

    def open(self, name: str) -> None:
        """Open the notebook called *name* and wait for its kernel."""
        self.path = self.root / name
        self.page.goto(f"{self._base}/lab/tree/{name}?token={self._token}&reset")
        self.page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored")
        self.page.evaluate("async () => { await window.jupyterapp.restored }")
        self.page.locator(".jp-NotebookPanel:visible .jp-Notebook").wait_for()
        self.wait_idle()
        self._wait_for_widgets()

    def write(self, *cells: str, name: str) -> None:
        """Make a notebook of code *cells*, open it and run it."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
            },
        )
        nbformat.write(notebook, self.root / name)
        self.open(name)
        self.run_all()

    def command(self, name: str, **args: object) -> None:
        """Carry out a command of JupyterLab, as a menu would."""
        code = "([n, a]) => window.jupyterapp.commands.execute(n, a).then(() => null)"
        self.page.evaluate(code, [name, args])

    def wait_idle(self) -> None:
        """Wait until the kernel is there and has nothing to do."""
        self.page.wait_for_function(
            """() => {
              const nb = window.jupyterapp.shell.currentWidget;
              const kernel = nb?.sessionContext?.session?.kernel;
              return kernel && kernel.status === 'idle' && kernel.connectionStatus === 'connected';
            }""",
            timeout=PATIENCE,
        )

    def _wait_for_widgets(self) -> None:
        """Wait until the page has asked the new kernel for widgets that are there.

        What a cell makes while it asks, sooner than anybody clicks, may be shown as an error.
        """
        self.page.wait_for_function(
            """() => {
              const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
              const asks = [...kernel._futures.values()].some(
                (one) => /^comm_|_subshell_/.test(one.msg.header.msg_type));
              if (asks || !("jupyter.widget" in kernel._targetRegistry)) {
                window.asked = performance.now();
              }
              return performance.now() - (window.asked ??= performance.now()) > 250;
            }""",
            timeout=PATIENCE,
        )

    def run_all(self) -> None:
        """Run every cell and wait for the last."""
        self.command("notebook:run-all-cells")
        self.wait_idle()

    def save(self) -> str:
        """Save the notebook; give its text as it is on disk."""
        before = self.path.stat().st_mtime_ns
        self.command("docmanager:save")
        end = time.monotonic() + 10
        while self.path.stat().st_mtime_ns == before and time.monotonic() < end:
            self.page.wait_for_timeout(50)
        return self.path.read_text(encoding="utf-8")

    @property
    def outputs(self) -> Locator:
        """Where to look: JupyterLab's own menus have labels and buttons that match, too."""
        return self.page.locator(".jp-Cell-outputArea")

    def output(self, index: int) -> Locator:
        """The output of the code cell with this *index*."""
        return self.page.locator(".jp-CodeCell").nth(index).locator(".jp-Cell-outputArea")

    def rerun(self, index: int) -> None:
        """Run one code cell again, wherever the cells above have moved it meanwhile."""
        self.page.evaluate(
            """index => {
              const cells = window.jupyterapp.shell.currentWidget.content;
              const code = cells.widgets.filter((cell) => cell.model.type === "code");
              cells.activeCellIndex = cells.widgets.indexOf(code[index]);
            }""",
            index,
        )
        self.command("notebook:run-cell")
        self.wait_idle()
