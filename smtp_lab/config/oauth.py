"""From the facts about a provider to a login with OAuth 2.0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smtp_lab.config.auth import OAuth2
from smtp_lab.errors import InputError

__all__ = ("oauth_login",)

TENANT = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]*")
"""The id of a directory of Microsoft, or one of its domains."""

_SHARED = "/common/"  # stands for everybody's tenant in Microsoft's addresses


def oauth_login(name: str, facts: Mapping[str, Any], user: str, more: Mapping[str, Any]) -> OAuth2:
    """The login of *user* with the provider called *name*.

    Args:
        name: The provider.
        facts: Its table ``oauth``.
        user: Whose mailbox it is.
        more: Fields of `OAuth2` that win over the facts, and ``tenant_id``.

    Raises:
        InputError: The provider has no such login, or something is missing for it.
    """
    if not facts:
        raise InputError.of("oauth", f"{name} has no OAuth 2.0 for SMTP", "log in with a password")
    grants = " ".join(facts["grants"])
    usual = "device_code" if "device_code" in grants else "authorization_code"
    given: dict[str, Any] = {
        "user": user,
        "token_url": facts["token_url"],
        "auth_url": facts["auth_url"],
        "device_url": facts.get("device_url"),
        "scopes": tuple(facts["scopes"]),
        "grant": usual,
        "mechanism": "XOAUTH2" if "XOAUTH2" in facts["mechanisms"] else "auto",
    }
    wanted = dict(more)
    tenant = wanted.pop("tenant_id", None)
    if tenant and not TENANT.fullmatch(tenant):
        problem = f"{tenant!r} is no id of a directory"
        raise InputError.of("tenant_id", problem, "copy it from the application's overview page")
    if wanted.get("grant") == "client_credentials":
        given |= _as_application(name, facts, tenant, asked="token_url" in wanted)
    elif tenant:
        urls = ("token_url", "auth_url", "device_url")
        given |= {key: given[key] and given[key].replace(_SHARED, f"/{tenant}/") for key in urls}
    return OAuth2(**(given | wanted))


def _as_application(
    name: str, facts: Mapping[str, Any], tenant: str | None, *, asked: bool
) -> dict[str, Any]:
    """What is otherwise where the application logs in as itself."""
    if "token_url_app" not in facts:
        problem = f"is client_credentials, which {name} does not have"
        raise InputError.of("grant", problem, f"choose one of {', '.join(facts['grants'])}")
    if not tenant and not asked:
        problem = f"is missing: an application of {name} logs in to one organisation"
        raise InputError.of("tenant_id", problem, "give the id of its directory, or its domain")
    return {
        "token_url": facts["token_url_app"].replace("{tenant}", tenant or ""),
        "scopes": (facts["app_scope"],),
        "auth_url": None,
        "device_url": None,
    }
