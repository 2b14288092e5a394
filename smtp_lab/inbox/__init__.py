"""How captured mail is read: as DataFrames, as messages, as a safe preview."""

from smtp_lab.inbox.captured import Attachment, Captured
from smtp_lab.inbox.codes import Code
from smtp_lab.inbox.drafted import unsent
from smtp_lab.inbox.found import Found
from smtp_lab.inbox.inbox import Inbox
from smtp_lab.inbox.plain import Link
from smtp_lab.inbox.tree import PartInfo

__all__ = ("Attachment", "Captured", "Code", "Found", "Inbox", "Link", "PartInfo", "unsent")
