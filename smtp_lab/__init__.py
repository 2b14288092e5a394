"""Configure a mail account in a notebook form, send a test, and see exactly what happened.

    >>> import smtp_lab as lab
    >>> sink = lab.Sink().start()
    >>> lab.send_test(sink.profile(), to="you@example.com")  # -> Delivery
    >>> sink.inbox.to_frame()  # -> DataFrame, one row a message
    >>> sink.inbox[-1]  # -> safe preview of the message

Everything listed in ``__all__`` is public and is loaded when first used, so that the import is
cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smtp_lab.archive import Retention as Retention
    from smtp_lab.compose import DkimKey as DkimKey
    from smtp_lab.compose import Template as Template
    from smtp_lab.compose import digest as digest
    from smtp_lab.compose import handout as handout
    from smtp_lab.compose import render as render
    from smtp_lab.compose import render_each as render_each
    from smtp_lab.compose import templates as templates
    from smtp_lab.config import Advice as Advice
    from smtp_lab.config import BasicAuth as BasicAuth
    from smtp_lab.config import Contact as Contact
    from smtp_lab.config import GraphConnection as GraphConnection
    from smtp_lab.config import NoAuth as NoAuth
    from smtp_lab.config import OAuth2 as OAuth2
    from smtp_lab.config import Policy as Policy
    from smtp_lab.config import Profile as Profile
    from smtp_lab.config import ProfileBook as ProfileBook
    from smtp_lab.config import Provider as Provider
    from smtp_lab.config import Secret as Secret
    from smtp_lab.config import SecretStore as SecretStore
    from smtp_lab.config import SmtpConnection as SmtpConnection
    from smtp_lab.config import provider as provider
    from smtp_lab.config import providers as providers
    from smtp_lab.deliver import Batch as Batch
    from smtp_lab.deliver import Checkup as Checkup
    from smtp_lab.deliver import Deliveries as Deliveries
    from smtp_lab.deliver import Delivery as Delivery
    from smtp_lab.deliver import Diagnosis as Diagnosis
    from smtp_lab.deliver import Dsn as Dsn
    from smtp_lab.deliver import Fetched as Fetched
    from smtp_lab.deliver import LogIn as LogIn
    from smtp_lab.deliver import Outcome as Outcome
    from smtp_lab.deliver import TokenClaims as TokenClaims
    from smtp_lab.deliver import check_domain as check_domain
    from smtp_lab.deliver import diagnose as diagnose
    from smtp_lab.deliver import doctor as doctor
    from smtp_lab.deliver import fetch_recent as fetch_recent
    from smtp_lab.deliver import log_in as log_in
    from smtp_lab.deliver import log_out as log_out
    from smtp_lab.deliver import prepare as prepare
    from smtp_lab.deliver import provider_for as provider_for
    from smtp_lab.deliver import send as send
    from smtp_lab.deliver import send_many as send_many
    from smtp_lab.deliver import send_test as send_test
    from smtp_lab.errors import ArchiveError as ArchiveError
    from smtp_lab.errors import ArchiveFullError as ArchiveFullError
    from smtp_lab.errors import ArchiveUnavailableError as ArchiveUnavailableError
    from smtp_lab.errors import ConfigFileError as ConfigFileError
    from smtp_lab.errors import DeliveryError as DeliveryError
    from smtp_lab.errors import ExpectationError as ExpectationError
    from smtp_lab.errors import FetchError as FetchError
    from smtp_lab.errors import InputError as InputError
    from smtp_lab.errors import PortInUseError as PortInUseError
    from smtp_lab.errors import SendingInterrupted as SendingInterrupted
    from smtp_lab.errors import SinkError as SinkError
    from smtp_lab.errors import SmtpLabError as SmtpLabError
    from smtp_lab.errors import TemplateError as TemplateError
    from smtp_lab.errors import TokenError as TokenError
    from smtp_lab.errors import UnknownNameError as UnknownNameError
    from smtp_lab.inbox import Captured as Captured
    from smtp_lab.inbox import Found as Found
    from smtp_lab.inbox import Inbox as Inbox
    from smtp_lab.releasing import release as release
    from smtp_lab.sink import Limits as Limits
    from smtp_lab.sink import Login as Login
    from smtp_lab.sink import Rule as Rule
    from smtp_lab.sink import Sink as Sink
    from smtp_lab.transcript import Transcript as Transcript
    from smtp_lab.widgets import BatchPanel as BatchPanel
    from smtp_lab.widgets import ComposePanel as ComposePanel
    from smtp_lab.widgets import InboxPanel as InboxPanel
    from smtp_lab.widgets import ProfileForm as ProfileForm
    from smtp_lab.widgets import ProfilesPanel as ProfilesPanel
    from smtp_lab.widgets import SendTestPanel as SendTestPanel
    from smtp_lab.widgets import SinkPanel as SinkPanel
    from smtp_lab.widgets import app as app

_HOMES = {
    "archive": ("Retention",),
    "compose": ("DkimKey", "Template", "digest", "handout", "render", "render_each", "templates"),
    "config": (
        "Advice",
        "BasicAuth",
        "Contact",
        "GraphConnection",
        "NoAuth",
        "OAuth2",
        "Policy",
        "Profile",
        "ProfileBook",
        "Provider",
        "Secret",
        "SecretStore",
        "SmtpConnection",
        "provider",
        "providers",
    ),
    "deliver": (
        "Batch",
        "Checkup",
        "Deliveries",
        "Delivery",
        "Diagnosis",
        "Dsn",
        "Fetched",
        "LogIn",
        "Outcome",
        "TokenClaims",
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
        "send_test",
    ),
    "errors": (
        "ArchiveError",
        "ArchiveFullError",
        "ArchiveUnavailableError",
        "ConfigFileError",
        "DeliveryError",
        "ExpectationError",
        "FetchError",
        "InputError",
        "PortInUseError",
        "SendingInterrupted",
        "SinkError",
        "SmtpLabError",
        "TemplateError",
        "TokenError",
        "UnknownNameError",
    ),
    "inbox": ("Captured", "Found", "Inbox"),
    "releasing": ("release",),
    "sink": ("Limits", "Login", "Rule", "Sink"),
    "transcript": ("Transcript",),
    "widgets": (
        "BatchPanel",
        "ComposePanel",
        "InboxPanel",
        "ProfileForm",
        "ProfilesPanel",
        "SendTestPanel",
        "SinkPanel",
        "app",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__version__ = "0.1.0"

__all__ = sorted(_HOME)  # noqa: PLE0605  # tests/test_public_names.py holds it against the imports above


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
