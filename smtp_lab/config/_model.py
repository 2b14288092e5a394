"""The base of every config model: pydantic underneath, our sentences on top."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, NoReturn, ParamSpec, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic_core import ErrorDetails

from smtp_lab.config.hiding import hiding
from smtp_lab.errors import InputError, Problem

__all__ = ("Model", "problems_of")

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=BaseModel)


class Model(BaseModel):
    """Frozen, strict about unknown fields, and quiet about the values that were wrong.

    Building one raises `InputError` with one sentence for each field that cannot be used; the
    offending values are left out, since one of them may be a password.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False
    )

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            problems = problems_of(error, type(self))
        else:
            return
        data.clear()  # one of them may be a password: a traceback with locals shows none
        raise InputError(*problems)

    @field_validator("*")
    @classmethod
    def _check_text(cls, value: Any) -> Any:
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and _SURROGATES.search(text):
                raise ValueError("holds half a character; type it again")
        return value

    @classmethod
    @hiding
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """As pydantic's, with our sentences; see the class."""
        return _ours(cls, super().model_validate, obj, options)

    @classmethod
    @hiding
    def model_validate_json(cls, json_data: Any, **options: Any) -> Self:
        """As pydantic's, with our sentences; see the class."""
        return _ours(cls, super().model_validate_json, json_data, options)

    @classmethod
    @hiding
    def model_validate_strings(cls, obj: Any, **options: Any) -> Self:
        """As pydantic's, with our sentences; see the class."""
        return _ours(cls, super().model_validate_strings, obj, options)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        del value  # it may be a password, and pydantic's own sentence quotes it
        raise InputError.of(name, "cannot be changed in place", "make a copy with replace()")

    @hiding
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Give a copy, with *update* checked like any other value, as `replace` does."""
        del deep  # nothing in a frozen model needs a copy of its own
        return self.replace(**(update or {}))

    def __replace__(self, **changes: Any) -> Self:
        """Serve ``copy.replace`` (Python 3.13)."""
        return self.replace(**changes)

    def replace(self, **changes: Any) -> Self:
        """Give a copy with *changes*, all of it checked again.

        Raises:
            InputError: The result would not be valid; this object is as it was.
        """
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        try:
            return type(self)(**(kept | changes))
        finally:
            changes.clear()  # as in __init__


def _ours(model: type[M], validate: Callable[..., M], data: Any, options: dict[str, Any]) -> M:
    try:
        return validate(data, **options)
    except ValidationError as error:
        problems = problems_of(error, model)
    # Raised out here: the frames of the first error hold what was given.
    raise InputError(*problems)


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Turn pydantic's errors into ours, field by field."""
    problems: list[Problem] = []
    for detail in error.errors(include_url=False, include_input=False):
        problems += _problems(detail, model)
    # A misspelt field is also a missing one: one mistake, one sentence.
    meant = {p.fix for p in problems if p.fix.startswith("did you mean")}
    return [
        p
        for p in problems
        if p.problem != _MISSING or f"did you mean {p.field.rpartition('.')[2]!r}?" not in meant
    ]


def _problems(detail: ErrorDetails, model: type[BaseModel]) -> list[Problem]:  # noqa: PLR0911  # a case each
    # A discriminator's tag ("smtp", "basic") stands in the location; it is no field of ours.
    # The last part may be one all the same, where somebody made it up as a field.
    # A rule between fields has no location.
    *before, last = detail["loc"] or ("",)
    path = [str(part) for part in before if part not in _TAGS]
    if detail["type"] == "extra_forbidden" or last not in _TAGS:
        path.append(str(last))
    field = ".".join(path)
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return [
            Problem(
                p.field if p.field.startswith(field) else f"{field}.{p.field}".strip("."),
                p.problem,
                p.fix,
            )
            for p in cause.problems
        ]
    match detail["type"]:
        case "missing" | "union_tag_not_found" as kind:
            name = field if kind == "missing" else f"{field}.type"
            return [Problem(name, _MISSING, "fill it in")]
        case "extra_forbidden":
            return [Problem(field, "is not a known field", _meant(path[-1], model, path[:-1]))]
        case "value_error":
            problem, _, fix = str(cause).partition("; ")
            return [Problem(field, problem, fix)]
        case "literal_error" | "enum":
            return [Problem(field, "is none of the choices", f"give {detail['ctx']['expected']}")]
        case "union_tag_invalid":
            return [
                Problem(field, "names an unknown type", f"give {detail['ctx']['expected_tags']}")
            ]
        case _:
            text = detail["msg"].removeprefix("Input ").removeprefix("Value ")
            return [Problem(field, text[:1].lower() + text[1:])]


_SURROGATES = re.compile("[\ud800-\udfff]")
_TAGS = {"smtp", "graph", "basic", "oauth2", "none"}
_MISSING = "is missing"


def _meant(name: str, model: type[BaseModel], path: list[str]) -> str:
    """Guess which field of *model*, followed along *path*, was meant by *name*."""
    known: set[str] = set()
    for candidate in _models_at(model, path):
        known |= set(candidate.model_fields)
    close = get_close_matches(name, sorted(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}"


def _models_at(model: type[BaseModel], path: list[str]) -> list[type[BaseModel]]:
    models = [model]
    for name in path:
        models = [
            found
            for at in models
            if name in at.model_fields
            for found in _models_in(at.model_fields[name].annotation)
        ]
    return models


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for arg in getattr(annotation, "__args__", ()) for found in _models_in(arg)]
