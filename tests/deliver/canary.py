"""A search for secrets in everything a person, a tool or a log could see."""

from __future__ import annotations

import dataclasses
import io
import logging
import pprint
import traceback
from base64 import b64encode
from contextlib import contextmanager
from urllib.parse import quote, quote_plus


def forms(secret: str) -> set[str]:
    """*secret* as text, in base64 at each alignment, quoted, in hex, and in Python's escapes."""
    raw = secret.encode()
    shifted = {
        b64encode(b"\0" * skip + raw).decode()[4 if skip else 0 :].rstrip("=")[:-2]
        for skip in range(3)
    }
    plain = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), raw.hex()}
    return plain | shifted | {repr(secret)[1:-1], ascii(secret)[1:-1]}


def assert_hidden(secrets: list[str], *texts: str) -> None:
    for text in texts:
        for secret in secrets:
            found = [form for form in forms(secret) if form.casefold() in text.casefold()]
            where = text.casefold().find(found[0].casefold()) if found else 0
            assert not found, f"a secret is shown: …{text[max(where - 80, 0) : where]}⟨here⟩"


def shown(error: BaseException) -> str:
    """All of *error*, and of each that led to it, with the variables of every frame, spelt out."""
    texts, seen, todo = [], set(), [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        todo += [one.__cause__, one.__context__]
        texts += [str(one), repr(one), repr(one.args), deep(vars(one))]
        texts.append("".join(traceback.format_exception(one)))
        frame = one.__traceback__
        while frame is not None:
            # The test's own frames hold the secrets on purpose.
            if "/tests/" not in frame.tb_frame.f_code.co_filename.replace("\\", "/"):
                texts.append(deep(frame.tb_frame.f_locals))
            frame = frame.tb_next
    return "\n".join(texts)


def deep(value: object, depth: int = 4) -> str:
    """*value* as tools spell it out that look into attributes, lists and data classes."""
    texts = [repr(value), pprint.pformat(value)]
    if depth:
        if isinstance(value, dict):
            inner = list(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            inner = list(value)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            inner = [getattr(value, one.name) for one in dataclasses.fields(value)]
        else:
            inner = list(getattr(value, "__dict__", {}).values())
        texts += [deep(one, depth - 1) for one in inner if not isinstance(one, type | str | bytes)]
    return "\n".join(texts)


@contextmanager
def every_log():
    """Everything that is logged meanwhile at any level, by anybody, and what http.client prints."""
    from contextlib import redirect_stderr, redirect_stdout
    from http.client import HTTPConnection

    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    level, debuglevel = root.level, HTTPConnection.debuglevel
    root.addHandler(handler)
    root.setLevel(1)
    HTTPConnection.debuglevel = 1
    try:
        with redirect_stdout(stream), redirect_stderr(stream):
            yield stream
    finally:
        HTTPConnection.debuglevel = debuglevel
        root.setLevel(level)
        root.removeHandler(handler)
