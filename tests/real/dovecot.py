"""Dovecot: checks passwords and tokens for Postfix, and speaks IMAP."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from deliver.servers import PASSWORD
from real.programs import Log, Program, free_port, need_root, program
from real.tokens import SCOPE

_MAIN = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
auth_verbose = yes
listen = 127.0.0.1
protocols = imap
ssl = no
mail_location = maildir:{folder}/mail/%u
auth_mechanisms = plain login cram-md5 xoauth2 oauthbearer
# A test that gives a wrong password is no reason to make the next one wait.
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {socket} {{
    mode = 0660
    user = postfix
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5
  args = scheme=PLAIN {folder}/users
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
"""
_OAUTH = """
introspection_url = {url}
introspection_mode = post
force_introspection = yes
username_attribute = email
active_attribute = active
active_value = true
scope = {scope}
"""


class Dovecot:
    """A Dovecot whose users have the password "open sesame".

    Args:
        folder: An empty folder; nothing outside is written to.
        socket: Where Postfix asks.
        introspection: URL that tells good tokens from bad ones.

    Attributes:
        imap: The port where it speaks IMAP.
        log: What it wrote.
    """

    def __init__(self, folder: Path, socket: Path, introspection: str) -> None:
        need_root()
        self._command = program("dovecot", "dovecot-imapd")
        self._folder = folder
        self.imap = free_port()
        self.log = Log(folder / "dovecot.log")
        main = _MAIN.format(folder=folder, socket=socket, imap=self.imap)
        (folder / "dovecot.conf").write_text(main)
        (folder / "oauth2.conf").write_text(_OAUTH.format(url=introspection, scope=SCOPE))
        users = ("ann", "ann@example.com", "kim")
        (folder / "users").write_text("".join(f"{user}:{PASSWORD}\n" for user in users))

    def __enter__(self) -> Self:
        conf = str(self._folder / "dovecot.conf")
        self._program = Program(self._command, "-F", "-c", conf, output=self._folder / "output")
        self._program.wait_for_port(self.imap)
        return self

    def __exit__(self, *_: object) -> None:
        self._program.end()
