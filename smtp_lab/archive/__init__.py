"""Where captured mail is kept: raw bytes as received, envelope and session, on disk before 250."""

from smtp_lab.archive.records import StoredMessage, StoredSession, session_id
from smtp_lab.archive.retention import Retention
from smtp_lab.archive.store import Archive

__all__ = ("Archive", "Retention", "StoredMessage", "StoredSession", "session_id")
