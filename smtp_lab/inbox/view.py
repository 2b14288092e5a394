"""Some captured messages: as a sequence, as tables, as pictures, as files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from smtp_lab.archive import Archive
from smtp_lab.inbox import frames
from smtp_lab.inbox.captured import Captured
from smtp_lab.inbox.exporting import Exports
from smtp_lab.inbox.plots import Plots

if TYPE_CHECKING:
    import pandas as pd

    from smtp_lab.archive import StoredSession
    from smtp_lab.inbox.checks.findings import Findings

__all__ = ("View",)

_SHOWN = 20


class View(Exports, ABC):
    """Messages of an archive, oldest first.

    Attributes:
        archive: Where they are.
    """

    archive: Archive

    # --- which they are -----------------------------------------------------------------------

    @abstractmethod
    def numbers(self) -> list[int]:
        """The numbers of the messages, as in the column ``id``."""

    @abstractmethod
    def _table(self) -> pd.DataFrame:
        """The table of `to_frame`, without labels; not to be changed."""

    @abstractmethod
    def _details(self, kind: str) -> pd.DataFrame:
        """A table of what the index keeps; not to be changed."""

    @abstractmethod
    def _headers(self) -> pd.DataFrame:
        """The table of `headers`; not to be changed."""

    @abstractmethod
    def _sessions(self) -> list[StoredSession]:
        """The sessions that belong to it."""

    @abstractmethod
    def get(self, number: int) -> Captured:
        """The message whose ``id`` is *number*."""

    # --- as a sequence ------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.numbers())

    @abstractmethod
    def __iter__(self) -> Iterator[Captured]: ...

    @overload
    def __getitem__(self, index: int) -> Captured: ...
    @overload
    def __getitem__(self, index: slice) -> list[Captured]: ...
    def __getitem__(self, index: int | slice) -> Captured | list[Captured]:
        numbers = self.numbers()
        if isinstance(index, slice):
            return [self.get(number) for number in numbers[index]]
        try:
            return self.get(numbers[index])
        except IndexError:
            held = self._held(len(numbers))
            raise IndexError(f"{held}, so there is no [{index}].") from None

    @abstractmethod
    def _held(self, count: int) -> str:
        """A sentence's begin: what holds how many."""

    # --- as tables ----------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """The messages, one row each, oldest first.

        Columns:
            id (int64), received_at (datetime64[us, UTC]), mail_from (str), rcpt_to (list of str),
            from (str), to and cc (lists of str), subject (str), date (datetime64[us, UTC], NaT
            where the header gives none), size (int64, octets), attachments (list of names),
            message_id, tls_version, login, ehlo, peer, door (str), mailboxes and tags (lists of
            str). A text that is not there is empty, never NaN. Of mail that was fetched from a
            mailbox, door is ``graph``, and peer and tls_version tell how it was fetched; of mail
            read from files, door is ``import``.
        """
        import pandas as pd

        table = self._table()
        # Copies: whoever changes a cell changes a table, not what the next one is made of.
        lists = {name: list(map(list, table[name])) for name in frames.LISTS}
        numbers = table["id"].tolist()
        only = numbers if len(numbers) < 1_000 else None
        mailboxes, tags = self.archive.mailboxes(only), self.archive.tags(only)
        lists["mailboxes"] = [list(mailboxes.get(number, ())) for number in numbers]
        lists["tags"] = [list(tags.get(number, ())) for number in numbers]
        made = {name: pd.Series(cells, dtype="object") for name, cells in lists.items()}
        return table.assign(**made)

    def recipients(self) -> pd.DataFrame:
        """Who the messages went to, one row for each recipient of each message.

        Columns:
            id (int64), received_at (datetime64[us, UTC]), recipient (str, the address), domain
            (str, in lower case), kind (str: ``rcpt`` of the envelope, ``to`` or ``cc`` of the
            headers).
        """
        return frames.recipients(self._table())

    def headers(self) -> pd.DataFrame:
        """Every header of every message, one row each, in order.

        Columns:
            id (int64), n (int64, counted from 1), name (str), value (str, decoded), raw (str, as
            it was written).
        """
        return self._headers().copy(deep=False)

    def parts(self) -> pd.DataFrame:
        """Every part of every message, one row each, what is made of parts before them.

        Columns:
            id (int64), path (str, as IMAP numbers parts), type (str), role (str: ``text``,
            ``html``, ``attachment``, ``inline`` or ``multipart``), charset, encoding, disposition,
            name, content_id (str), size (int64, octets when decoded), sha256 (str).
        """
        return self._details("parts").copy(deep=False)

    def attachments(self) -> pd.DataFrame:
        """Every file in every message, one row each.

        Columns:
            id (int64), name (str), type (str), size (int64, octets), sha256 (str), role (str:
            ``attachment`` or ``inline``), content_id (str), path (str).
        """
        return self._details("attachments").copy(deep=False)

    def links(self) -> pd.DataFrame:
        """Where the messages lead, one row for each link; none of them is opened.

        Columns:
            id (int64), url (str), text (str, what the reader sees), where (str: ``html``, ``text``
            or ``header``).
        """
        return self._details("links").copy(deep=False)

    def codes(self) -> pd.DataFrame:
        """The one-time codes in the messages, one row each, the likeliest of a message first.

        Columns:
            id (int64), code (str), context (str, the line it stands in).
        """
        return self._details("codes").copy(deep=False)

    def sessions(self) -> pd.DataFrame:
        """Connections, one row each, oldest first, also those no message came of.

        Of an inbox of one mailbox: those its messages came over. Of a search: those too, and those
        that match it themselves (``docs/search.md``).

        Columns:
            id (str), started_at and ended_at (datetime64[us, UTC], NaT while it lasts), door, peer,
            ehlo, tls_version, tls_cipher, login, mechanism (str), login_ok (boolean, missing where
            there was no login), lines (int64, of the transcript), last_reply (str), outcome (str:
            ``mail``, ``partly`` where something was refused too, ``refused``, ``login refused``,
            ``dropped`` without QUIT, ``nothing`` was tried, ``open``), refusals (int64, replies
            with 4xx or 5xx), stage (str, of the last refusal, else of the last line).
        """
        return frames.sessions(self._sessions())

    def commands(self) -> pd.DataFrame:
        """What was said in the sessions, one row for each line, secrets masked.

        Columns:
            session (str), n (int64, counted from 1), at (datetime64[us, UTC]), seconds (float64,
            since the session began), direction (str: ``C`` the client, ``S`` the sink, ``*`` a
            note), stage (str), text (str), code (Int64, of a reply, else missing), tls (bool).
        """
        return frames.commands(self._sessions())

    # --- how right they are -------------------------------------------------------------------

    def check(self, **asked: Any) -> Findings:
        """Hold the messages against the rules of ``docs/checks.md``.

        Args:
            **asked: As for `Captured.check`: client, rules, links, dns, ip, spamassassin.

        Returns:
            A DataFrame with id (int64, the message's), rule, severity, where, why and fix (str).

        Raises:
            InputError: An argument cannot be used.
        """
        from smtp_lab.inbox.checks.findings import checked

        return checked(self, several=True, **asked)

    # --- as pictures --------------------------------------------------------------------------

    @property
    def plot(self) -> Plots:
        """Pictures of it, such as ``inbox.plot.arrivals()``."""
        return Plots(self)

    def _repr_html_(self) -> str:
        import pandas as pd

        shown = self._table()[["id", "received_at", "from", "rcpt_to", "subject", "size"]]
        # pandas escapes every cell of a plain DataFrame; a Styler would not.
        with pd.option_context("display.html.use_mathjax", False):  # pandas' own way
            html: str = shown.tail(_SHOWN).to_html(index=False, notebook=True)
        return html


def in_parts(numbers: Sequence[int], size: int = 500) -> Iterator[Sequence[int]]:
    """*numbers* in pieces that one statement can hold."""
    for at in range(0, len(numbers), size):
        yield numbers[at : at + size]
