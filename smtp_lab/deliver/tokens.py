"""Where access tokens for Microsoft Graph come from: the one place that joins them to sending."""

from __future__ import annotations

from smtp_lab.config import Profile, Secret
from smtp_lab.deliver.graph import TokenSource
from smtp_lab.errors import InputError
from smtp_lab.transcript import Transcript

__all__ = ("graph_tokens",)


def graph_tokens(profile: Profile) -> TokenSource:
    """Give what `smtp_lab.deliver.graph` asks for tokens for the mailbox of *profile*."""

    def token(fresh: bool, transcript: Transcript) -> Secret:
        del fresh, transcript
        problem = "graph is configured but cannot send yet: nothing here gets a token for it"
        raise InputError.of("connection.type", problem, "use a profile with an SMTP connection")

    del profile
    return token
