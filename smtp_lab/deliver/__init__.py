"""How mail gets out, what was said on the way, and what went wrong."""

from smtp_lab.deliver.checkup import Checkup, Stage, Suggestion
from smtp_lab.deliver.delivery import Delivery, Recipient
from smtp_lab.deliver.diagnosis import Diagnosis, diagnose
from smtp_lab.deliver.discover import provider_for
from smtp_lab.deliver.dns_checks import check_domain
from smtp_lab.deliver.dsn import Dsn
from smtp_lab.deliver.examination import doctor
from smtp_lab.deliver.fetch import fetch_recent
from smtp_lab.deliver.graph import Fetched
from smtp_lab.deliver.login import LogIn, log_in, log_out
from smtp_lab.deliver.many import Batch, send_many
from smtp_lab.deliver.oauth import AccessToken, TokenClaims, access_token
from smtp_lab.deliver.outcome import Deliveries, Outcome
from smtp_lab.deliver.outgoing import Outgoing, prepare
from smtp_lab.deliver.sending import send, send_octets, send_test

__all__ = (
    "AccessToken",
    "Batch",
    "Checkup",
    "Deliveries",
    "Delivery",
    "Diagnosis",
    "Dsn",
    "Fetched",
    "LogIn",
    "Outcome",
    "Outgoing",
    "Recipient",
    "Stage",
    "Suggestion",
    "TokenClaims",
    "access_token",
    "check_domain",
    "diagnose",
    "doctor",
    "fetch_recent",
    "log_in",
    "log_out",
    "prepare",
    "provider_for",
    "send",
    "send_many",
    "send_octets",
    "send_test",
)
