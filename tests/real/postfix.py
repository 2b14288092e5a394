"""Postfix: one server with a door for each way to be right or wrong."""

from __future__ import annotations

import os
import re
import subprocess
from email import message_from_bytes
from pathlib import Path
from pwd import getpwnam
from typing import Self

from real.programs import Log, Program, free_port, need_root, program, wait_for

USERS = ("bob@example.org", "cid@example.org", "jürgen@example.org")
SMALL = 20_000  # octets

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = mail.example.org
mydestination =
mynetworks =
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
# What passes is not to be touched: clients on this machine are no reason to mend headers.
local_header_rewrite_clients =
# Who is known here, and where their mail lies; mail for others is taken and thrown away.
virtual_mailbox_domains = example.org
virtual_mailbox_base = {folder}/boxes
virtual_mailbox_maps = texthash:{folder}/boxes.txt
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
default_transport = discard:
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
smtpd_sender_login_maps = inline:{{ {{ ann@example.com = ann }} }}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_chain_files = {good}
# Tests that fail on purpose are no reason for tarpits and limits.
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 100
smtpd_hard_error_limit = 100
smtpd_client_connection_count_limit = 0
"""
_SERVICES = """
cleanup  unix n - n - 0 cleanup
qmgr     unix n - n 300 1 qmgr
tlsmgr   unix - - n 1000? 1 tlsmgr
rewrite  unix - - n - - trivial-rewrite
bounce   unix - - n - 0 bounce
defer    unix - - n - 0 bounce
trace    unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error    unix - - n - - error
retry    unix - - n - - error
discard  unix - - n - - discard
virtual  unix - n n - - virtual
anvil    unix - - n - 1 anvil
postlog  unix-dgram n - n - 1 postlogd
"""
_QUEUES = "active bounce corrupt defer deferred flush hold incoming private saved trace"
_ADDED = re.compile(
    rb"\A(?:(?:Return-Path|X-Original-To|Delivered-To|Received):.*\n(?:[ \t].*\n)*)+"
)


def _doors(certificates: dict[str, Path], greylist: int) -> dict[str, tuple[str, ...]]:
    """The settings in which each door differs from the one called starttls."""
    return {
        "starttls": (),
        "implicit": ("smtpd_tls_wrappermode = yes",),
        "expired": (f"smtpd_tls_chain_files = {certificates['expired']}",),
        "wrong_host": (f"smtpd_tls_chain_files = {certificates['wrong_host']}",),
        "unknown_ca": (f"smtpd_tls_chain_files = {certificates['unknown_ca']}",),
        "self_signed": (f"smtpd_tls_chain_files = {certificates['self_signed']}",),
        # OpenSSL 3 signs for TLS 1.0 at security level 0 only.
        "tls10": (
            "smtpd_tls_protocols = >=TLSv1, <=TLSv1",
            "tls_medium_cipherlist = DEFAULT@SECLEVEL=0",
        ),
        "no_starttls": ("smtpd_tls_security_level = none", "smtpd_tls_auth_only = no"),
        "no_auth": ("smtpd_sasl_auth_enable = no",),
        "must_starttls": ("smtpd_tls_security_level = encrypt",),
        # As the comments in Debian's master.cf have it for submission.
        "members": ("smtpd_recipient_restrictions = permit_sasl_authenticated, reject",),
        "owners": ("smtpd_sender_restrictions = reject_sender_login_mismatch",),
        "small": (f"message_size_limit = {SMALL}",),
        "small_unsaid": (
            f"message_size_limit = {SMALL}",
            "smtpd_discard_ehlo_keywords = size",
        ),
        "two_at_once": ("smtpd_recipient_limit = 2",),
        "ascii_only": ("smtputf8_enable = no",),
        "greylisting": (
            f"smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:{greylist}",
        ),
    }


class Postfix:
    """A Postfix that takes mail for `USERS` and keeps it, and for others when they log in.

    Args:
        folder: An empty folder that others may enter; nothing outside is written to.
        certificates: Paths by name, see `certificates.make_all`.
        greylist: Port of a policy server.

    Attributes:
        ports: The port of each door, by its name.
        log: What it wrote.
        auth_socket: Where it asks about logins.
    """

    def __init__(self, folder: Path, certificates: dict[str, Path], greylist: int) -> None:
        need_root()
        self._command = program("master", "postfix")
        self._postlog = program("postlog", "postfix")
        self._tests = 0
        self._folder = folder
        self.log = Log(folder / "mail.log")
        self.auth_socket = folder / "queue/private/auth"
        doors = _doors(certificates, greylist)
        self.ports = {name: free_port() for name in doors}
        nobody = getpwnam("nobody")
        main = _MAIN.format(
            folder=folder, good=certificates["good"], uid=nobody.pw_uid, gid=nobody.pw_gid
        )
        (folder / "main.cf").write_text(main, "utf-8")
        lines = [
            f"127.0.0.1:{self.ports[name]} inet n - n - - smtpd"
            + "".join(f"\n  -o {{ {setting} }}" for setting in settings)
            for name, settings in doors.items()
        ]
        (folder / "master.cf").write_text("\n".join(lines) + _SERVICES)
        boxes = "".join(f"{user} {user.partition('@')[0]}/\n" for user in USERS)
        (folder / "boxes.txt").write_text(boxes, "utf-8")
        self._make_folders(nobody.pw_uid)

    def _make_folders(self, reader: int) -> None:
        postfix = getpwnam("postfix").pw_uid
        # As Postfix's own list of files has it.
        folders = {"queue": 0, "data": postfix, "boxes": reader, "queue/pid": 0}
        folders |= {f"queue/{name}": postfix for name in [*_QUEUES.split(), "public", "maildrop"]}
        for name, owner in folders.items():
            path = self._folder / name
            path.mkdir()
            path.chmod(0o755 if owner == 0 else 0o700)
            os.chown(path, owner, 0)

    def __enter__(self) -> Self:
        self._program = Program(
            *(self._command, "-c", str(self._folder), "-d"),
            output=self._folder / "output",
            env={"MAIL_CONFIG": str(self._folder)},
        )
        self._program.wait_for_port(self.ports["starttls"])  # master opens all of them at once
        return self

    def __exit__(self, *_: object) -> None:
        self._program.end()

    def begin(self) -> None:
        """Mark the log, once all that was said before stands in it."""
        self._tests += 1
        line = f"test {self._tests} begins"
        subprocess.run([self._postlog, "-c", self._folder, line], check=True, timeout=20)
        self.log.wait_for(line)
        wait_for(self._quiet, "the end of every conversation")
        self.log.mark()

    def _quiet(self) -> bool:
        said = self.log.path.read_text("utf-8", "replace")
        return said.count(": connect from") == said.count(": disconnect from")

    def goodbye(self) -> str:
        """How the first conversation since `begin` ended: its verbs, counted."""
        line = self.log.wait_for("disconnect from", "commands=")
        return line.partition("] ")[2]

    def box(self, user: str) -> list[bytes]:
        """The mails of *user* as they lie there."""
        found = (self._folder / "boxes" / user.partition("@")[0] / "new").glob("*")
        return [path.read_bytes() for path in found]

    def arrived(self, message_id: str, user: str = USERS[0]) -> bytes:
        """The mail with this Message-ID as it came over the wire.

        Taken away is what RFC 5321 section 4.4 has the server write above it, and the line ends
        are those of the wire again.
        """

        def look() -> bytes:
            for raw in self.box(user):
                if message_from_bytes(raw)["Message-ID"] == message_id:
                    return raw
            return b""

        raw = wait_for(look, f"the mail {message_id} for {user}")
        return _ADDED.sub(b"", raw).replace(b"\n", b"\r\n")
