"""How captured mail is read: as DataFrames, as messages, as a safe preview."""

from smtp_lab.inbox.captured import Attachment, Captured
from smtp_lab.inbox.inbox import Inbox

__all__ = ("Attachment", "Captured", "Inbox")
