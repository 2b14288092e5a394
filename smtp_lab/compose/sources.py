"""Where a template comes from: the package, a folder, one file, or strings in a notebook."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from smtp_lab.compose.beside import checked_texts, sample_of, texts_of
from smtp_lab.compose.trouble import one_line, reason_of
from smtp_lab.errors import InputError, Problem, TemplateError, UnknownNameError

__all__ = (
    "PARTS",
    "Source",
    "base_texts",
    "by_name",
    "from_folder",
    "from_strings",
    "shipped",
    "shipped_names",
)

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
    try:
        return _from_path(path.expanduser())
    except (OSError, RuntimeError) as error:  # the second for a home that is not known
        reason = getattr(error, "strerror", None) or reason_of(error)
        problem = f"{path} cannot be read ({reason})"
        raise InputError.of("template", problem, "check the path") from None


def _from_path(path: Path) -> Source:
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
    sample = sample_of(f"{name}/sample.toml", read("sample.toml"), folder)
    if "sample.json" in there:
        sample = sample_of(f"{name}/sample.json", read("sample.json"), folder)
    texts = texts_of(f"{name}/texts.toml", read("texts.toml"))
    return Source(
        name,
        parts,
        Loader(name, parts, beside),
        read("style.css"),
        _merged(base_texts() if name != "_base" else {}, texts),
        sample,
    )


@cache
def base_texts() -> Mapping[str, Mapping[str, str]]:
    """What the base of the shipped templates says, which any template may say, too."""
    text = _folder().joinpath("_base", "texts.toml").read_text(encoding="utf-8")
    return texts_of("_base/texts.toml", text)


def _merged(
    base: Mapping[str, Mapping[str, str]], own: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    return {tag: {**base.get(tag, {}), **own[tag]} for tag in own}


def from_strings(  # noqa: PLR0913  # the parts of a template
    name: str,
    parts: Mapping[str, str],
    *,
    style: str,
    headers: Mapping[str, str] | None,
    texts: Mapping[str, Mapping[str, str]] | None,
    sample: Mapping[str, Any] | None,
    folder: str | os.PathLike[str] | None,
) -> Source:
    """The template whose parts are given; `smtp_lab.compose.template.Template` says what they are.

    Raises:
        InputError: One is of another kind, there is no body, or the name cannot be one.
    """
    for part, text in {**parts, "style": style}.items():
        if not isinstance(text, str):
            raise InputError.of(part, f"is a {type(text).__name__}", "give the template's text")
    if not (parts["body.html"] or parts["body.txt"]):
        fix = "give the HTML, or open a folder with lab.Template.open(path)"
        raise InputError.of("html", "is empty", fix)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError.of("name", f"{name!r} is no name", "use letters, digits and _")
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise InputError.of("folder", f"is a {type(folder).__name__}", "give the path of one")
    parts = {**parts, "headers.txt": _as_lines(by_name("headers", headers))}
    parts = {part: text for part, text in parts.items() if text}
    texts = checked_texts("texts", by_name("texts", texts))
    return Source(
        name,
        parts,
        Loader(name, parts, Path(folder) if folder else None),
        style,
        _merged(base_texts(), texts),
        dict(by_name("sample", sample)),
    )


def by_name(field: str, given: Any) -> Mapping[str, Any]:
    """Give *given* back when it is a mapping with texts as names; an empty one for None.

    Raises:
        InputError: It is something else.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InputError.of(field, f"is a {type(given).__name__}", "give a dict")
    for name in given:
        if not isinstance(name, str):
            raise InputError.of(field, f"{name!r} is no name", "name it by a text")
    return given


def _as_lines(headers: Mapping[str, Any]) -> str:
    for name, value in headers.items():
        where = f"headers[{name!r}]"
        if not isinstance(value, str):
            raise InputError.of(where, f"is a {type(value).__name__}", "give a text")
        one_line(where, name)
        one_line(where, value)
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


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
