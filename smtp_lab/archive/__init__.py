"""Where captured mail is kept: raw bytes as received, envelope and session, on disk before "250"."""

from smtp_lab.archive.store import Archive, StoredMessage, StoredSession

__all__ = ("Archive", "StoredMessage", "StoredSession")
