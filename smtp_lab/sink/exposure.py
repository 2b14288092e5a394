"""Who can reach a sink, and what is asked of them for that.

On a machine of one's own everybody on it may send mail to the sink. On a JupyterHub others are on
the same machine (its documentation calls them semi-trusted), and beyond the machine there is
everyone: then a login is asked for, and one is made where none was given.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import socket
import stat
import warnings
from pathlib import Path
from typing import Any

from smtp_lab.archive import Archive
from smtp_lab.archive.address import file_of
from smtp_lab.config.paths import data_dir
from smtp_lab.config.secrets import Secret
from smtp_lab.errors import InputError, SinkError
from smtp_lab.sink.ports import HOST

__all__ = (
    "address",
    "client_host",
    "generated",
    "is_local",
    "keep_private",
    "more_names",
    "on_hub",
    "warn",
)

# Set for every server that a JupyterHub starts (its documentation, "Environment variables").
_HUB = ("JUPYTERHUB_USER", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_SERVICE_PREFIX")
_NAME = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)

_password = Secret("")


def on_hub() -> bool:
    """Whether this runs on a JupyterHub."""
    return any(os.environ.get(name) for name in _HUB)


def address(given: Any) -> str:
    """The address to listen on that is meant by *given*.

    Raises:
        InputError: It is none.
    """
    if given in (None, "localhost", HOST, "::1"):
        return HOST
    try:
        return str(ipaddress.ip_address(given if isinstance(given, str) else ""))
    except ValueError:
        fix = 'give one such as "0.0.0.0" for every network, or leave it out for this machine only'
        raise InputError.of("host", "is no IP address", fix) from None


def is_local(host: str) -> bool:
    """Whether only this machine can reach *host*."""
    return ipaddress.ip_address(host).is_loopback


def client_host(host: str) -> str:
    """Where a client on this machine finds what listens on *host*."""
    return {"0.0.0.0": HOST, "::": "::1"}.get(host, host)  # noqa: S104  # that is what is asked


def more_names(host: str) -> list[str]:
    """The names clients may call a sink by that listens on *host*, beside those of loopback."""
    name = socket.gethostname().lower()
    found = [name] if _NAME.fullmatch(name) and not is_local(host) else []
    known = host == HOST or ipaddress.ip_address(host).is_unspecified
    return found if known else [*found, host]


def generated() -> dict[str, Secret]:
    """A login nobody can guess, the same for all sinks of this process."""
    global _password  # noqa: PLW0603  # made when it is first needed
    if not _password:
        _password = Secret(secrets.token_urlsafe(18))
    return {"lab": _password}


def warn(host: str, *, login: bool) -> None:
    """Say that a sink listens on *host*, beyond this machine."""
    what = "try to log in" if login else "send it mail without a login"
    warnings.warn(
        f"The sink listens on {host}, beyond this machine: whoever can reach it may {what}; "
        "leave host out to keep it to this machine.",
        stacklevel=4,  # where start() was called
    )


def keep_private(archive: Archive) -> None:
    """See to it that nobody else can read the file of *archive* (0600), or enter its folder (0700).

    Of folders only our own is changed: another may be shared for good reasons.

    Raises:
        SinkError: Others can read it, and that cannot be changed.
    """
    file = file_of(archive.url)
    if file is None:
        return
    folder = [file.parent] if file.parent == data_dir() else []
    for path in (*folder, file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                path.chmod(mode & 0o700)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SinkError(
                f"Others can read {path}, and that cannot be changed ({error.strerror}); "
                "choose an archive of your own, or another folder with SMTP_LAB_DATA."
            ) from None
