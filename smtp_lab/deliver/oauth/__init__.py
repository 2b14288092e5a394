"""OAuth 2.0: how tokens are had, read and kept."""

from smtp_lab.deliver.oauth.get import access_token, distrust
from smtp_lab.deliver.oauth.token import AccessToken, TokenClaims

__all__ = ("AccessToken", "TokenClaims", "access_token", "distrust")
