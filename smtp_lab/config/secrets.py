"""A text that shows itself nowhere by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from smtp_lab.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ("SECRET_FIELDS", "Secret", "secret_variable")

SECRET_FIELDS = ("password", "client_secret", "refresh_token", "service_account_key")
"""Every field of a profile that holds a secret."""

_SHOWN = "••••"


def secret_variable(name: str, field: str = "password") -> str:
    """The environment variable that gives a secret of the profile called *name*."""
    return f"SMTP_LAB_PROFILES__{name.upper()}__{field.upper()}"


class Secret:
    """A text that is not shown in repr, str, format, JSON, pickle, copies or tracebacks.

    Only `reveal` gives it away, and that is called where the text leaves for the server.

    Args:
        text: The secret itself.

    Raises:
        InputError: *text* is no text.
    """

    __slots__ = ("__reveal",)

    def __init__(self, text: str) -> None:
        # A closure, not an attribute: tools that print the values of slots find a function here.
        self.__reveal: Callable[[], str] = lambda: text
        if not isinstance(text, str):
            kind, text = type(text).__name__, ""  # octets may be one: a traceback shows none
            raise InputError.of("secret", f"is a {kind}", "give a text")

    def reveal(self) -> str:
        """Give the text itself."""
        return self.__reveal()

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(Secret)  # the same for all: another would be a fingerprint of the secret

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
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

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
