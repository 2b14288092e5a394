"""Where captured mail is kept: raw bytes as received, envelope and session, on disk before 250."""

from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.archive.store import Archive

__all__ = ("Archive", "StoredMessage", "StoredSession")
