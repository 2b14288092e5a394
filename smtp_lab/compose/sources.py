"""Where a template comes from: the package, a folder, one file, or strings in a notebook."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from smtp_lab.errors import InputError, Problem, TemplateError, UnknownNameError

__all__ = ("PARTS", "Source", "base_texts", "from_folder", "shipped", "shipped_names")

_KINDS = {".css", ".html", ".ics", ".txt"}
PARTS = ("subject.txt", "body.html", "body.txt", "headers.txt", "invite.ics")
_NAME = re.compile(r"[\w-]+(?: [\w-]+)*")
_MOST_BYTES = 1_000_000  # of one file of a template


@dataclass(frozen=True)
class Source:
    """The parts of a template, as written.

    Attributes:
        name: What it is called; its parts are ``name/body.html`` and so on.
        parts: The text of each of `PARTS` that is there.
        loader: Finds these parts, and what they extend or include.
        style: CSS that is moved into the tags of the HTML; no part of the template language.
        texts: Texts by language and name; those of the base are among them.
        sample: Data to try it with.
    """

    name: str
    parts: Mapping[str, str]
    loader: jinja2.BaseLoader
    style: str = ""
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sample: Mapping[str, Any] = field(default_factory=dict)


class Loader(jinja2.BaseLoader):
    """Finds the own parts of a template, then files beside its folder, then what is shipped.

    A template's file is called by its name in every error, so that a message names no folder of
    whoever runs it.
    """

    def __init__(self, name: str, parts: Mapping[str, str], beside: Path | None = None) -> None:
        self._own = {f"{name}/{part}": text for part, text in parts.items()}
        self._beside = beside

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """See `jinja2.BaseLoader.get_source`."""
        del environment
        if template in self._own:
            return self._own[template], template, lambda: True
        pieces = jinja2.loaders.split_template_path(template)
        if self._beside is not None and (path := _beside(self._beside, pieces)) is not None:
            text = _read(path, template)
            return text, template, lambda: _read(path, template) == text
        entry = _folder().joinpath(*pieces)
        if not entry.is_file():
            raise jinja2.TemplateNotFound(template)
        return entry.read_text(encoding="utf-8"), template, lambda: True


def _beside(folder: Path, pieces: Sequence[str]) -> Path | None:
    """The file of a template in *folder*: none that is hidden, of another kind, or elsewhere."""
    path = folder.joinpath(*pieces)
    hidden = any(piece.startswith(".") for piece in pieces)
    if hidden or path.suffix not in _KINDS or not path.is_file():
        return None
    return path if path.resolve().is_relative_to(folder.resolve()) else None


def _folder() -> Any:
    return files("smtp_lab.compose").joinpath("templates")


@cache
def shipped_names() -> tuple[str, ...]:
    """The names of the templates that ship with smtp_lab."""
    return tuple(sorted(entry.name for entry in _folder().iterdir() if entry.name[:1] not in "._"))


@cache
def shipped(name: str) -> Source:
    """The shipped template called *name*.

    Raises:
        UnknownNameError: There is none.
    """
    if name not in shipped_names():
        known = ", ".join(shipped_names())
        raise UnknownNameError.of(
            "template",
            f"{name!r} is not known",
            f"known are {known}; a folder of your own is given as a pathlib.Path",
        )
    return _from(name, _folder().joinpath(name), None)


def from_folder(path: Path) -> Source:
    """The template in the folder *path*, or in the one HTML file.

    Raises:
        InputError: There is none, or a file of it cannot be read.
    """
    path = path.expanduser()
    if path.is_dir():
        made = _from(path.name or path.resolve().name, path, path.parent)
        if not {"body.html", "body.txt"} & set(made.parts):
            raise InputError.of("template", f"{path} has no body.html", "put one there")
        return made
    if path.is_file() and path.suffix in (".html", ".txt"):
        parts = {f"body{path.suffix}": _read(path, path.name)}
        return Source(path.stem, parts, Loader(path.stem, parts, path.parent))
    raise InputError.of(
        "template", f"{path} is no template", "give a folder with body.html, or an HTML file"
    )


def _from(name: str, folder: Any, beside: Path | None) -> Source:
    there = {entry.name: entry for entry in folder.iterdir() if entry.is_file()}

    def read(part: str) -> str:
        return _read(there[part], f"{name}/{part}") if part in there else ""

    parts = {part: read(part) for part in PARTS if part in there}
    sample = _table(f"{name}/sample.toml", read("sample.toml"))
    if "sample.json" in there:
        sample = _json(f"{name}/sample.json", read("sample.json"))
    texts = _table(f"{name}/texts.toml", read("texts.toml"))
    return Source(
        name,
        parts,
        Loader(name, parts, beside),
        read("style.css"),
        _merged(base_texts(), texts),
        {key: _sample_value(value, folder) for key, value in sample.items()},
    )


@cache
def base_texts() -> Mapping[str, Mapping[str, str]]:
    """What the base of the shipped templates says, which any template may say, too."""
    text = _folder().joinpath("_base", "texts.toml").read_text(encoding="utf-8")
    return _table("_base/texts.toml", text)


def _merged(
    base: Mapping[str, Mapping[str, str]], own: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    return {tag: {**base.get(tag, {}), **own[tag]} for tag in own}


def from_strings(  # noqa: PLR0913  # the parts of a template
    name: str,
    parts: Mapping[str, str],
    *,
    style: str,
    texts: Mapping[str, Mapping[str, str]],
    sample: Mapping[str, Any],
    folder: Path | None,
) -> Source:
    """The template whose parts are given.

    Raises:
        InputError: The name cannot be one.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError.of("name", f"{name!r} is no name", "use letters, digits and _")
    loader = Loader(name, parts, folder)
    return Source(name, parts, loader, style, _merged(base_texts(), texts), dict(sample))


def _read(entry: Any, name: str) -> str:
    try:
        data = entry.read_bytes()
        if len(data) > _MOST_BYTES:
            problem = Problem(name, f"has more than {_MOST_BYTES:,} octets", "make it smaller")
            raise TemplateError(name, None, problem)
        return str(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        problem = Problem(name, "is not UTF-8", "save it as UTF-8")
        raise TemplateError(name, None, problem) from None
    except OSError as error:
        problem = Problem(name, f"cannot be read ({error.strerror})", "check the path")
        raise TemplateError(name, None, problem) from None


def _table(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else None
        where = f"{name}, line {line}" if line else name
        problem = Problem(where, f"is no TOML ({error})", "mend that line")
        raise TemplateError(name, line, problem) from None


def _json(name: str, text: str) -> dict[str, Any]:
    try:
        made = json.loads(text)
    except json.JSONDecodeError as error:
        problem = Problem(f"{name}, line {error.lineno}", f"is no JSON ({error.msg})", "mend it")
        raise TemplateError(name, error.lineno, problem) from None
    if not isinstance(made, dict):
        raise TemplateError(name, None, Problem(name, "holds no object", "begin it with {"))
    return made


def _sample_value(value: Any, folder: Any) -> Any:
    """A table with ``columns`` and ``rows`` is a DataFrame, one with ``file`` that file's bytes."""
    if isinstance(value, list):
        return [_sample_value(one, folder) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"columns", "rows"}:
        import pandas as pd

        return pd.DataFrame(value["rows"], columns=value["columns"])
    if set(value) == {"file"} and "/" not in value["file"] and "\\" not in value["file"]:
        return folder.joinpath(value["file"]).read_bytes()
    return {key: _sample_value(one, folder) for key, one in value.items()}
