"""What lies beside a template, not filled itself: data to try it with, and its texts."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from smtp_lab.compose.content import check_file_name
from smtp_lab.compose.trouble import reason_of
from smtp_lab.compose.variables import GIVEN
from smtp_lab.errors import InputError, Problem, TemplateError

__all__ = ("checked_texts", "sample_of", "texts_of")


def sample_of(name: str, text: str, folder: Any) -> dict[str, Any]:
    """The data that the file *name* holds.

    Args:
        name: What it is called in an error; it ends in ``.toml`` or ``.json``.
        text: What stands in it.
        folder: Where the files lie that it names.

    Raises:
        TemplateError: It cannot be used; the line is named.
    """
    found = _json(name, text) if name.endswith(".json") else _toml(name, text)
    made = {}
    for key, value in found.items():
        try:
            if key in GIVEN:
                raise InputError.of("data", f"{key!r} is a name of smtp_lab's own", "rename it")
            made[key] = _value(key, value, folder)
        except InputError as error:
            raise _at(name, text, key, error) from None
    return made


def texts_of(name: str, text: str) -> dict[str, dict[str, str]]:
    """The texts by language and name that the file *name*, which holds *text*, has.

    Raises:
        TemplateError: It cannot be used; the line is named.
    """
    found = _toml(name, text)
    try:
        return checked_texts("", found)
    except InputError as error:
        key = error.problems[0].field.rpartition(".")[2]
        raise _at(name, text, key, error) from None


def checked_texts(field: str, given: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """*given* when it has texts by language and name.

    Raises:
        InputError: Something in it is none.
    """
    before = f"{field}." if field else ""
    for tag, texts in given.items():
        if not isinstance(texts, Mapping):
            problem = f"is a {type(texts).__name__}"
            raise InputError.of(f"{before}{tag}", problem, "give texts by name")
        for key, one in texts.items():
            if not isinstance(one, str):
                problem = f"is a {type(one).__name__}"
                raise InputError.of(f"{before}{tag}.{key}", problem, "give a text")
    return {tag: dict(texts) for tag, texts in given.items()}


def _at(name: str, text: str, key: str, error: InputError) -> TemplateError:
    """*error*, which is about *key*, with its place in the file."""
    quoted = rf"""(?<![\w-])["']?{re.escape(key)}["']?"""
    found = re.search(rf"^[^#\n]*?{quoted}[ \t]*[].=:]", text, re.MULTILINE)
    line = text.count("\n", 0, found.end()) + 1 if found else None
    where = f"{name}, line {line}" if line else name
    first = error.problems[0]
    return TemplateError(name, line, Problem(f"{where}: {first.field}", first.problem, first.fix))


def _toml(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        # What is not said to be in a line is at the end of the file.
        line = int(at[1]) if at else max(1, len(text.rstrip().split("\n")))
        reason = re.sub(r" \(at .*\)\Z", "", reason_of(error))
    except RecursionError:
        raise _too_deep(name) from None
    except ValueError as error:  # a number of thousands of digits
        raise _unusable(name, error) from None
    problem = Problem(f"{name}, line {line}", f"is no TOML ({reason})", "mend that line")
    raise TemplateError(name, line, problem)


def _json(name: str, text: str) -> dict[str, Any]:
    try:
        made = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        problem = Problem(f"{name}, line {error.lineno}", f"is no JSON ({error.msg})", "mend it")
        raise TemplateError(name, error.lineno, problem) from None
    except InputError as error:
        raise _at(name, text, error.problems[0].field, error) from None
    except RecursionError:
        raise _too_deep(name) from None
    except ValueError as error:
        raise _unusable(name, error) from None
    if not isinstance(made, dict):
        raise TemplateError(name, None, Problem(name, "holds no object", "begin it with {"))
    return made


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise InputError.of(key, "is there twice", "give it once")
        made[key] = value
    return made


def _too_deep(name: str) -> TemplateError:
    problem = Problem(name, "is nested too deeply", "make it flatter")
    return TemplateError(name, None, problem)


def _unusable(name: str, error: Exception) -> TemplateError:
    problem = Problem(name, f"cannot be read ({reason_of(error)})", "mend it")
    return TemplateError(name, None, problem)


def _value(key: str, value: Any, folder: Any) -> Any:
    """A table with ``columns`` and ``rows`` is a DataFrame, one with ``file`` that file's bytes.

    Raises:
        InputError: It cannot be made one.
    """
    if isinstance(value, list):
        return [_value(key, one, folder) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"columns", "rows"}:
        import pandas as pd

        try:
            return pd.DataFrame(value["rows"], columns=value["columns"])
        except (TypeError, ValueError) as error:
            fix = "give as many columns as there are values in each row"
            raise InputError.of(key, f"is no table ({reason_of(error)})", fix) from None
    if set(value) == {"file"}:
        return _bytes(key, value["file"], folder)
    return {name: _value(key, one, folder) for name, one in value.items()}


def _bytes(key: str, name: Any, folder: Any) -> bytes:
    """The file *name* in *folder*: none that is hidden, and none a link leads to elsewhere."""
    check_file_name(key, name)
    file = folder.joinpath(name)
    if name.startswith(".") or not file.is_file() or _leads_out(file, folder):
        raise InputError.of(key, f"there is no file {name!r}", "put it beside the template")
    try:
        return bytes(file.read_bytes())
    except OSError as error:
        reason = error.strerror or reason_of(error)
        raise InputError.of(key, f"{name} cannot be read ({reason})", "check the path") from None


def _leads_out(file: Any, folder: Any) -> bool:
    """Whether *file* is elsewhere; one of a package that is no folder cannot be."""
    return hasattr(file, "resolve") and not file.resolve().is_relative_to(folder.resolve())
