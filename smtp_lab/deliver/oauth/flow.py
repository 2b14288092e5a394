"""The two ways a person logs in, whoever gives the token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtp_lab.config.tokens import Kept
    from smtp_lab.deliver.oauth.http import Http  # it loads requests

__all__ = ("CodeFlow", "DeviceFlow")


@dataclass(frozen=True)
class DeviceFlow:
    """A login that waits for a person to type a code elsewhere (RFC 8628).

    Attributes:
        url: Where.
        code: What.
        seconds: How long that is possible.
        interval: Gives the seconds to wait before the server is asked again.
        poll: Asks the server: the token, or None while the person has not come.
        http: Through which session.
    """

    url: str
    code: str
    seconds: float
    interval: Callable[[], float] = field(repr=False)
    poll: Callable[[], Kept | None] = field(repr=False)
    http: Http = field(repr=False)


@dataclass(frozen=True)
class CodeFlow:
    """A login on a page, at whose end stands an address with a code (RFC 6749 section 4.1).

    Attributes:
        url: The page.
        state: What the address must carry, so that it is of this login.
        finish: Gets the token for the parameters of the address.
        http: Through which session.
    """

    url: str
    state: str
    finish: Callable[[Mapping[str, str]], Kept] = field(repr=False)
    http: Http = field(repr=False)
