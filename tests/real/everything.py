"""Postfix, Dovecot, Postgrey and an identity provider, all of them running."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from deliver.servers import profile
from real.certificates import make_all
from real.dovecot import Dovecot
from real.postfix import Postfix
from real.postgrey import Postgrey
from real.tokens import IdentityProvider

import smtp_lab as lab


@dataclass(frozen=True)
class Servers:
    """Postfix, the Dovecot it asks about logins, and whom that asks about tokens."""

    postfix: Postfix
    dovecot: Dovecot
    provider: IdentityProvider

    def profile(self, door: str, **connection: object) -> lab.Profile:
        """An account at *door* that trusts the lab's authority, see `deliver.servers.profile`."""
        return profile(self.postfix.ports[door], **({"timeout": 10} | connection))


@contextlib.contextmanager
def all_servers() -> Iterator[Servers]:
    """The servers, from now until the end."""
    # pytest's own folders cannot be entered by the users these programs change to, and a socket's
    # path may have some hundred characters only.
    with tempfile.TemporaryDirectory(prefix="real-") as name, ExitStack() as running:
        folders = {part: Path(name, part) for part in ("postfix", "dovecot", "postgrey", "certs")}
        Path(name).chmod(0o755)
        for folder in folders.values():
            folder.mkdir(mode=0o755)
        postgrey = running.enter_context(Postgrey(folders["postgrey"]))
        postfix = Postfix(folders["postfix"], make_all(folders["certs"]), postgrey.port)
        provider = running.enter_context(IdentityProvider())
        dovecot = Dovecot(folders["dovecot"], postfix.auth_socket, provider.introspection_url)
        running.enter_context(dovecot)
        yield Servers(running.enter_context(postfix), dovecot, provider)
