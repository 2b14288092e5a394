"""What can be asked of a message beside what it says: is it right, and is it the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from smtp_lab.domain.answers import Dns
    from smtp_lab.inbox.captured import Captured
    from smtp_lab.inbox.checks.findings import Findings
    from smtp_lab.inbox.comparison import Comparison

__all__ = ("Judged",)

_BROKEN = (
    *("too-complex", "nul", "bare-cr", "bare-lf", "line-long", "header-invalid", "header-twice"),
    *("encoding-*", "base64-broken", "8bit-undeclared", "charset-*", "encoded-word-broken"),
    *("boundary-missing", "boundary-unclosed"),
)


class Judged:
    """The part of a `Captured` that judges it."""

    def check(  # noqa: PLR0913  # each can be left out, and is given by name
        self,
        *,
        client: str | Sequence[str] | None = None,
        rules: str | Sequence[str] = (),
        links: str = "offline",
        dns: Dns | None = None,
        ip: str | None = None,
        spamassassin: bool = False,
    ) -> Findings:
        """Hold it against the rules of ``docs/checks.md``; nothing is asked of the network.

        Args:
            client: Look only at what these mail clients do not show, such as ``outlook`` or
                ``gmail.ios``; ``all`` is every client.
            rules: Use only the rules with these names; ``*`` stands for anything.
            links: ``online`` tries each link, at public addresses only.
            dns: Where DNS answers come from, for DKIM keys, SPF and DMARC: a table such as
                ``{"example.com": {"TXT": ["v=spf1 -all"]}}``, a function of name and kind, a
                `dns.resolver.Resolver`, or ``"online"``. By default nobody is asked.
            ip: The address it is taken to come from, for SPF; by default the peer's if public.
            spamassassin: Ask SpamAssassin, if it is installed; its local tests only.

        Returns:
            A DataFrame with rule, severity (error, warning, note), where, why and fix (str).

        Raises:
            InputError: An argument cannot be used.
        """
        from smtp_lab.inbox.checks.findings import checked

        asked = {"client": client, "rules": rules, "links": links, "dns": dns, "ip": ip}
        return checked([cast("Captured", self)], several=False, spamassassin=spamassassin, **asked)

    @cached_property
    def defects(self) -> list[str]:
        """What is broken in how it is written, each with its place; empty when nothing is.

        It is what those rules of `check` find that are about octets, headers, parts and encodings,
        whatever the message says.
        """
        from smtp_lab.inbox.checks import Options, check_many

        found = check_many([cast("Captured", self)], Options(rules=_BROKEN))
        return [f"{row.where}: {row.why}" for row in found]

    def compare(
        self, other: Captured | str | Path, *, ignore: str | Sequence[str] = ()
    ) -> Comparison:
        """Compare it with another message, or with a snapshot.

        Headers, text, HTML and attachments are compared. Dates, ids, boundaries, signatures and
        the marks of servers on the way are masked: they are new each time.

        Args:
            other: A message, or the path of a snapshot.
            ignore: Names of headers that may differ, or a single one.

        Returns:
            True when both are the same; it shows what differs.

        Raises:
            InputError: There is no snapshot at the path, or an argument is of no use.
        """
        from smtp_lab.inbox.comparison import compared

        return compared(cast("Captured", self), other, ignore)

    def snapshot(
        self, path: str | Path, *, update: bool | None = None, ignore: str | Sequence[str] = ()
    ) -> Comparison:
        """Compare it with the snapshot at *path*, a text file made to be read and kept.

        Args:
            path: The file; it is never written unless asked for.
            update: Write it anew. By default only with ``SMTP_LAB_UPDATE_SNAPSHOTS=1`` in the
                environment.
            ignore: Names of headers that may differ, or a single one.

        Raises:
            InputError: It is not there, is no snapshot, or cannot be written.
        """
        from smtp_lab.inbox.comparison import snapshotted

        return snapshotted(cast("Captured", self), path, update=update, ignore=ignore)
