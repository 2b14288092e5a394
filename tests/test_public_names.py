"""The names a script can rely on, and what it costs to import them."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import smtp_lab
from smtp_lab import errors

HEAVY = {
    "pandas",
    "numpy",
    "ipywidgets",
    "IPython",
    "msal",
    "requests",
    "sqlalchemy",
    "pydantic",
    "jinja2",
    "aiosmtpd",
    "trustme",
    "cryptography",
}


def test_every_public_name_can_be_had():
    """Each name in __all__ leads to something."""
    assert all(getattr(smtp_lab, name) is not None for name in smtp_lab.__all__)


def test_the_type_checker_sees_the_same_names():
    """The imports under TYPE_CHECKING and the lazy table name the same things from the same rooms."""
    tree = ast.parse(Path(smtp_lab.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("smtp_lab.")
        for alias in node.names
    }
    assert seen == {name: f"smtp_lab.{home}" for name, home in smtp_lab._HOME.items()}


def test_every_error_can_be_caught_by_its_name():
    """Whatever is raised on purpose is public."""
    raised = {
        name
        for name in errors.__all__
        if isinstance(getattr(errors, name), type)
        and issubclass(getattr(errors, name), BaseException)
    }
    assert "UnknownNameError" in raised
    assert raised - set(smtp_lab.__all__) == set()


def test_an_unknown_name_is_an_attribute_error():
    """A misspelt name fails as it would in any module."""
    with pytest.raises(AttributeError, match="Snik"):
        smtp_lab.Snik  # noqa: B018


def test_importing_the_package_loads_nothing_heavy():
    """The import is cheap because what is heavy is loaded when first used."""
    code = "import json, sys, smtp_lab; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
    )
    assert HEAVY.isdisjoint(loaded)


def test_no_room_exports_a_name_that_is_also_one_of_its_modules():
    """Importing a module never puts itself in the place of a function of the same name."""
    clashes = {}
    for room in pkgutil.walk_packages(smtp_lab.__path__, "smtp_lab."):
        if room.ispkg:
            package = importlib.import_module(room.name)
            modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
            clashes[room.name] = modules & set(getattr(package, "__all__", ()))
    modules = {module.name for module in pkgutil.iter_modules(smtp_lab.__path__)}
    clashes["smtp_lab"] = modules & set(smtp_lab.__all__)
    assert {room for room, names in clashes.items() if names} == set()
