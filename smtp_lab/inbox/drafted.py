"""A message that was never sent, looked at as if it had been captured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from smtp_lab.archive import StoredMessage, StoredSession, session_id
from smtp_lab.inbox.captured import Captured

__all__ = ("unsent",)


def unsent(raw: bytes, mail_from: str = "", rcpt_to: Sequence[str] = ()) -> Captured:
    """Give a message to preview and to check before it is sent.

    It is in no archive: its id is 0, and it has no dialogue.

    Args:
        raw: The message, such as the `raw` of what `lab.prepare` gives.
        mail_from: The envelope sender it would be sent with.
        rcpt_to: The envelope recipients it would be sent to.
    """
    now = datetime.now(UTC)
    session = StoredSession(session_id(), now, "unsent", "", ended_at=now)
    return Captured(StoredMessage(raw, mail_from, tuple(rcpt_to), now, session))
