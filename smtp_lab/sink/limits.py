"""What one client may ask of a sink before it is sent away."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from smtp_lab.errors import InputError

__all__ = ("Limits",)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on connections; each holds for itself, whatever other clients do.

    Where Postfix has such a bound, it is meant and mostly set as there (postconf(5)).

    Attributes:
        connections: At the same time, all clients together. When there are as many, whoever is
            silent the longest has to go; where nobody is silent, the new one is told 421.
        connections_per_peer: At the same time, from one address.
        commands: In one session.
        errors: Commands answered with a lasting error (5xx), in one session.
        recipients: Of one message; further ones get 452 (RFC 5321 section 4.5.3.1.8 asks for 100).
        logins: Failed logins in one session.
        idle: Seconds without a command from the client.
        total: Seconds a session may last.
        rate: Octets a second a message must come at. A client may fall *idle* seconds behind.
        header: Octets of a message before its first empty line.
        message: Octets of a message.
        unfinished: Octets of all messages together that are on their way (one of the largest is
            always let in); beyond it messages get 452 and may be sent again.

    Raises:
        InputError: One of them is not a number above zero.
    """

    connections: int = 200
    connections_per_peer: int = 100
    commands: int = 1_000_000
    errors: int = 20
    recipients: int = 1_000
    logins: int = 5
    idle: float = 300.0
    total: float = 86_400.0
    rate: float = 500.0
    header: int = 1_048_576
    message: int = 52_428_800
    unfinished: int = 67_108_864

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kinds = (int, float) if field.type == "float" else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < math.inf:
                kind = "number" if float in kinds else "whole number"
                raise InputError.of(field.name, f"is no {kind} above zero", "give one, such as 100")
