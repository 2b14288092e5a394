"""Passwords: a type that shows itself nowhere by accident, and the place they are kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic_core import core_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler

__all__ = ("Secret", "SecretStore")

_SHOWN = "••••"


class Secret:
    """A text that is not shown in repr, str, format, JSON, pickle, copies or tracebacks.

    Only `reveal` gives it away, and that is called where the text leaves for the server.

    Args:
        text: The secret itself.
    """

    __slots__ = ("__reveal",)

    def __init__(self, text: str) -> None:
        # A closure, not an attribute: tools that print the values of slots find a function here.
        self.__reveal: Callable[[], str] = lambda: text

    def reveal(self) -> str:
        """Give the text itself."""
        return self.__reveal()

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    __hash__ = None  # type: ignore[assignment]  # a hash would be a fingerprint of the secret

    def __repr__(self) -> str:
        return f"Secret('{_SHOWN if self else ''}')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; keep it in a SecretStore and pickle the rest")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._of, serialization=core_schema.plain_serializer_function_ser_schema(repr)
        )

    @classmethod
    def _of(cls, value: Any) -> Secret:
        if isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return cls(value)
        raise ValueError("is not a text; give the password as text or as a Secret")


class SecretStore:
    """Where passwords are: the environment first, then the memory of the running kernel.

    A secret is bound to the host and port it was typed for: ask for another host or port and it
    is not there. The environment variable of a profile named ``team`` is
    ``SMTP_LAB_PROFILES__TEAM__PASSWORD``; whoever sets it answers for the host.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Secret] = {}

    def __repr__(self) -> str:
        return f"<SecretStore of {len(self._kept)} secrets in memory>"

    @staticmethod
    def variable(name: str) -> str:
        """The environment variable that gives the secret of the profile called *name*."""
        return f"SMTP_LAB_PROFILES__{name.upper()}__PASSWORD"

    def get(self, name: str, binding: str) -> Secret | None:
        """Give the secret of profile *name* for *binding* (``host:port``), or None."""
        if given := os.environ.get(self.variable(name)):
            return Secret(given)
        return self._kept.get((name, binding))

    def put(self, name: str, binding: str, secret: Secret) -> None:
        """Keep *secret* in memory; what was kept for another host or port is forgotten."""
        self.forget(name)
        self._kept[name, binding] = secret

    def forget(self, name: str) -> None:
        """Drop everything kept for profile *name*."""
        for key in [key for key in self._kept if key[0] == name]:
            del self._kept[key]

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()


KERNEL = SecretStore()
"""The store of this process: what a form typed is known to every book until the kernel ends."""
