"""Microsoft Graph as a way out, and as a way to read back what arrived."""

from smtp_lab.deliver.graph.client import TokenSource
from smtp_lab.deliver.graph.reading import Fetched, fetch
from smtp_lab.deliver.graph.sending import deliver

__all__ = ("Fetched", "TokenSource", "deliver", "fetch")
