"""How mail gets out, what was said on the way, and what went wrong."""

from smtp_lab.deliver.delivery import Delivery, Recipient
from smtp_lab.deliver.diagnosis import Diagnosis, diagnose
from smtp_lab.deliver.discover import provider_for
from smtp_lab.deliver.send import send, send_test

__all__ = ("Delivery", "Diagnosis", "Recipient", "diagnose", "provider_for", "send", "send_test")
