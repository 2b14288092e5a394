"""Where access tokens for Microsoft Graph come from: the one place that joins them to sending."""

from __future__ import annotations

from smtp_lab.config import Profile
from smtp_lab.deliver.graph import TokenSource
from smtp_lab.deliver.oauth import access_token
from smtp_lab.deliver.oauth.token import AccessToken
from smtp_lab.transcript import Transcript

__all__ = ("graph_tokens",)


def graph_tokens(profile: Profile, refresh: bool = False) -> TokenSource:
    """Give what `smtp_lab.deliver.graph` asks for tokens for the mailbox of *profile*.

    With *refresh* the first token is a new one, too, and not one that is kept.
    """

    def token(fresh: bool, transcript: Transcript) -> AccessToken:
        return access_token(profile, refresh=fresh or refresh, transcript=transcript)

    return token
