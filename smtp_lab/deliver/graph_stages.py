"""The doctor at Microsoft Graph: its two hosts, and whether there is a token to be had."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from smtp_lab.config import Advice, GraphConnection, Profile, ProfileBook, SmtpConnection
from smtp_lab.config.connection import LOGINS
from smtp_lab.deliver.checkup import Checkup, Stage
from smtp_lab.deliver.http import authorities
from smtp_lab.deliver.oauth import access_token
from smtp_lab.deliver.stages import Round
from smtp_lab.errors import InputError, TokenError
from smtp_lab.transcript import Mask, Transcript

__all__ = ("on_graph",)

PORT = 443
_STAGES = ("name", "address", "tcp", "tls", "certificate")
_MOST = "the mailbox is left to a test mail, which shows whether the token opens it"


def on_graph(profile: Profile, book: ProfileBook) -> Checkup:
    """Reach the host tokens come from and that of Microsoft Graph, and get a token.

    Raises:
        InputError: There were too many tests.
    """
    connection = profile.connection
    assert isinstance(connection, GraphConnection)  # noqa: S101  # the caller has looked
    book.throttle.take("test", profile)
    mask = Mask(connection.user, *(secret.reveal() for secret in profile.secrets.values()))
    stages: list[Stage] = []
    transcript = Transcript()
    for where in (LOGINS[connection.cloud], connection.endpoint):
        host, _, port = where.partition(":")
        https = SmtpConnection(
            host=host,
            port=int(port or PORT),
            security="implicit",
            ca_file=authorities(),
            timeout=connection.timeout,
        )
        its_round = Round(profile, https, until="certificate", mask=mask, transcript=transcript)
        found = {stage.name: stage for stage in its_round.run()}
        stages += [replace(found[name], endpoint=https.endpoint) for name in _STAGES]
    failed = next((n for n, stage in enumerate(stages) if stage.state == "failed"), None)
    if failed is not None and _proxy():
        stages[failed] = replace(stages[failed], advice=(_ON_PROXY,))
    stages.append(_token(profile, transcript, reached=failed is None))
    why = f"Nothing is sent; {_MOST}."
    stages.append(Stage("send", "skipped", why, advice=_advice(profile, "send")))
    return Checkup(profile.name, connection.endpoint, tuple(stages), transcript)


def _token(profile: Profile, transcript: Transcript, *, reached: bool) -> Stage:
    advice = _advice(profile, "token")
    if not reached:
        why = "It did not come to that: one of the hosts was not reached."
        return Stage("token", "skipped", why, advice=advice)
    begun = time.perf_counter()
    try:
        token = access_token(profile, refresh=True, transcript=transcript)
        facts = token.claims.facts
        stage = Stage("token", "passed", "There is a token for Graph.", facts=facts)
    except TokenError as error:
        stage = Stage("token", "failed", str(error), diagnosis=error.diagnosis)
    except InputError as error:
        stage = Stage("token", "failed", str(error))
    return replace(stage, seconds=time.perf_counter() - begun, advice=advice)


def _advice(profile: Profile, stage: str) -> tuple[Advice, ...]:
    at_login = ("connection.password", "connection.client_secret")
    return tuple(a for a in profile.advice() if (a.field in at_login) == (stage == "token"))


def _proxy() -> bool:
    return any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"))


_ON_PROXY = Advice(
    "proxy",
    "connection",
    "note",
    "a proxy is set in the environment; mail goes through it and may get out all the same",
    "requests: Proxies, https://requests.readthedocs.io/",
)
