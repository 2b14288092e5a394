"""The table of all settings, made from the models: ``python tests/settings_docs.py`` renews it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from smtp_lab.config.auth import BasicAuth, NoAuth, OAuth2
from smtp_lab.config.builtin import LabProfile
from smtp_lab.config.connection import GraphConnection, SmtpConnection
from smtp_lab.config.policy import Contact, Policy
from smtp_lab.config.profile import Profile
from smtp_lab.config.secrets import SECRET_FIELDS
from smtp_lab.config.throttle import ENDPOINTS, LIMITS

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

_INTRO = """\
# Settings

Every setting stands in the TOML file of the profile book, and every one but a contact can also come from the
environment: `SMTP_LAB_`, then the path of the field in capitals with two underscores between its parts. The
environment wins over the file, is never written into it, and forms show what it gives as locked. Lists are
separated by commas. `TEAM` and `team` stand for the name of a profile. What is in force, the environment included,
is what a duplicate, an export and a mail are made of.

This page is made from the models; `.venv/bin/python tests/settings_docs.py` renews it.

## Where things are

| variable | what it says |
|---|---|
| `SMTP_LAB_CONFIG` | the profile book; by default the nearest `smtp_lab.toml` in the working folder or above it, else the one in the user's config folder |
| `SMTP_LAB_DATA` | the folder for captured mail, the lab CA, tokens and the throttle; by default the user's data folder |
| `SMTP_LAB_LANGUAGE` | the language of the panels: `en`, `de` or `ja`; by default that of the locale |
| `SMTP_LAB_LOCKED` | `1`: forms show, nothing saves |
| `SMTP_LAB_SECRETS_FILE` | a file for secrets, readable by its owner only; by default they go to the system's keyring or stay in memory |
| `SMTP_LAB_UPDATE_SNAPSHOTS` | `1`: `message.snapshot()` writes the files it compares with anew |

The throttle has no setting, since whoever could widen it could scan ports with the test button: {test} tests and
{save} saves a minute for each server, and {endpoints} different servers.
"""

_SECTIONS: list[tuple[str, str, str, type[BaseModel] | None]] = [
    ("The whole book", "", "", None),
    ("The built-in profile", "lab", "LAB", LabProfile),
    ("Policy", "policy", "POLICY", Policy),
    ("A profile", "profiles.team", "PROFILES__TEAM", Profile),
    (
        "A connection to an SMTP server",
        "profiles.team.connection",
        "PROFILES__TEAM__CONNECTION",
        SmtpConnection,
    ),
    (
        "A connection through Microsoft Graph",
        "profiles.team.connection",
        "PROFILES__TEAM__CONNECTION",
        GraphConnection,
    ),
    ("No login", "profiles.team.connection.auth", "PROFILES__TEAM__CONNECTION__AUTH", NoAuth),
    (
        "A login with a password",
        "profiles.team.connection.auth",
        "PROFILES__TEAM__CONNECTION__AUTH",
        BasicAuth,
    ),
    (
        "A login with OAuth 2.0",
        "profiles.team.connection.auth",
        "PROFILES__TEAM__CONNECTION__AUTH",
        OAuth2,
    ),
    ("A contact", "contacts", "", Contact),
]

_BOOK = [
    (
        "default",
        "DEFAULT",
        "name of a profile",
        "the built-in one, else the first",
        "The default profile.",
    ),
    ("builtin", "BUILTIN", "true or false", "true", "Whether the built-in profile `lab` is there."),
    (
        "activities.NAME",
        "ACTIVITIES__NAME",
        "name of a profile",
        "the default profile",
        "The profile for an activity.",
    ),
]


def page() -> str:
    """The whole page."""
    limits = {**LIMITS, "endpoints": ENDPOINTS}
    return "\n".join([_INTRO.format(**limits), *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    for title, path, variable, model in _SECTIONS:
        yield f"## {title}\n\n| in the file | in the environment | choices | default | meaning |\n|---|---|---|---|---|"
        rows = _BOOK if model is None else list(_rows(model))
        for key, name, choices, default, meaning in rows:
            toml = f"{path}.{key}".lstrip(".")
            env = (
                "" if model is Contact else f"`SMTP_LAB_{variable}{'__' if variable else ''}{name}`"
            )
            if key in SECRET_FIELDS:
                toml, env = "never", f"`SMTP_LAB_PROFILES__TEAM__{name}`"
            yield f"| {toml if toml == 'never' else f'`{toml}`'} | {env} | {choices} | {default} | {meaning} |"
        yield ""


def _rows(model: type[BaseModel]) -> Iterator[tuple[str, str, str, str, str]]:
    meanings = _meanings(model)
    for name, field in model.model_fields.items():
        if (model, name) in ((Profile, "name"), (Profile, "connection"), (SmtpConnection, "auth")):
            continue  # the table's own name, and sections of their own
        meaning = meanings.get(name, "Says which kind of table this is.")
        default = "" if field.is_required() else _shown(field.default)
        yield name, name.upper(), _choices(field.annotation), default, meaning


def _choices(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    inner = [arg for arg in get_args(annotation) if arg not in (type(None), ...)]
    if get_origin(annotation) is tuple:
        return "list"
    if inner:
        return _choices(inner[0])
    return {str: "text", int: "number", float: "number", bool: "`true`, `false`"}.get(
        annotation, "secret"
    )


def _shown(value: Any) -> str:
    if value in (None, "", ()):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """What the docstring says of each attribute, on one line."""
    block = re.search(
        r"Attributes:\n(.*?)(\n\n|\Z)", inspect.cleandoc(model.__doc__ or ""), re.DOTALL
    )
    found: dict[str, str] = {}
    name = ""
    for line in (block[1] if block else "").splitlines():
        if start := re.match(r" {4}(\w+): (.*)", line):
            name = start[1]
            found[name] = start[2]
        elif name:
            found[name] += f" {line.strip()}"
    return {
        key: re.sub(r"``([^`]+)``", r"`\1`", text).replace("|", "\\|")
        for key, text in found.items()
    }


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
