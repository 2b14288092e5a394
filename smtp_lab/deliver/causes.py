"""What can be looked up of a failure: the text inside an exception, an answer or a pasted line."""

from __future__ import annotations

import binascii
import json
import re
import smtplib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ("Reading", "chain_of", "of_body", "of_exception", "of_text")

_MOST = 50  # exceptions of a chain that are looked at
# Wrappings that say more than what they wrap: that it was a proxy, that the request had left.
_MORE = re.compile(r"Proxy|ReadTimeout")
_AADSTS = re.compile(r"AADSTS\d{4,}")
# The last line of a traceback: a class, perhaps with its module, and what it says.
_RAISED = re.compile(
    r"(?:\w+\.)*(\w*(?:Error|Exception|Refused|Disconnected|[Tt]imeout|gaierror|herror)):\s(.*)",
    re.DOTALL,
)
_SAID = re.compile(r"SMTP\w+: .*?\((\d{3}), b?(['\"])(.*?)\2", re.DOTALL)
_GRAPH = re.compile(r"4(?:0[01345]|13|29) [A-Za-z_]+: ")  # no such codes in SMTP
# What an answer of a token endpoint may show; a token among the rest may not (RFC 6749 5.2).
_SHOWN = ("error", "error_description", "error_codes", "suberror", "error_uri")
_SASL = ("status", "schemes", "scope", "openid-configuration")  # RFC 7628 section 3.2.2


class Reading(NamedTuple):
    """One text that a failure can be looked up by.

    Attributes:
        kind: ``reply``, ``exception``, ``sasl``, ``oauth`` or ``graph``, as ``on`` in the facts.
        text: The text.
    """

    kind: str
    text: str


def chain_of(error: BaseException) -> list[BaseException]:
    """*error* and what is behind it: causes, contexts, members of a group, what a library wraps.

    The outermost comes first, except that what requests and urllib3 wrap comes before the wrapping:
    it says no more than that a request failed.
    """
    found: list[BaseException] = []
    seen: set[int] = set()

    def walk(each: BaseException) -> None:
        if id(each) in seen or len(seen) >= _MOST:
            return
        seen.add(id(each))
        wraps = _library(each) in ("requests", "urllib3") and not _MORE.match(type(each).__name__)
        if not wraps:
            found.append(each)
        for inner in _behind(each):
            walk(inner)
        if wraps:
            found.append(each)

    walk(error)
    return found


def of_exception(error: BaseException) -> Iterator[Reading]:
    """The texts *error* can be looked up by, the best first; nothing behind it is looked at."""
    if match := _AADSTS.search(str(error)):
        yield Reading("oauth", str(error)[match.start() :])
    if isinstance(error, smtplib.SMTPRecipientsRefused) and error.recipients:
        code, text = next(iter(error.recipients.values()))
        yield Reading("reply", _reply(code, text))
        return
    # smtplib puts its own complaint into the same shape; no server said that.
    own = error.args == (500, "Line too long.")
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0 and not own:
        yield from _of_answered(error)
        # 421 says that the server closes, whatever was asked.
        if not isinstance(error, smtplib.SMTPHeloError) or error.smtp_code == 421:
            return
    if (answer := getattr(error, "response", None)) is not None:
        yield from _of_answer(answer)
    # MSAL keeps what the endpoint said beside the exception's text.
    if isinstance(said := getattr(error, "_error", None), str):
        about = {"error": said, "error_description": getattr(error, "_error_description", "")}
        yield of_body(about)
    # Libraries derive exceptions of their own from the well-known ones.
    for kind in type(error).__mro__:
        if kind not in (Exception, BaseException, object) and issubclass(kind, BaseException):
            yield Reading("exception", f"{kind.__name__}: {error}")
    if type(error) is Exception:
        yield Reading("exception", f"Exception: {error}")


def _of_answered(error: smtplib.SMTPResponseException) -> Iterator[Reading]:
    said = _reply(error.smtp_code, error.smtp_error)
    if error.smtp_code < 400:
        # Nothing was refused: the reply is no answer to what had been said.
        yield Reading("exception", f"{type(error).__name__}: {said}")
    yield Reading("reply", said)


def of_body(data: Mapping[str, Any], status: str = "") -> Reading:
    """The text to look up of an answer in JSON.

    Args:
        data: The body of a token endpoint, of Graph or of a SASL challenge, or what MSAL returns.
        status: The HTTP status it came with.
    """
    error = data.get("error")
    if isinstance(error, Mapping):
        codes: list[str] = []
        inner = error.get("innerError") or error.get("innererror")
        while isinstance(inner, Mapping) and len(codes) < 5:
            codes += [str(inner["code"])] if "code" in inner else []
            inner = inner.get("innerError") or inner.get("innererror")
        finer = f" ({', '.join(codes)})" if codes else ""
        said = f"{error.get('code', '')}: {error.get('message', '')}{finer}"
        return Reading("graph", f"{status} {said}".strip())
    if isinstance(error, str):
        return Reading("oauth", json.dumps({name: data[name] for name in _SHOWN if name in data}))
    if "status" in data:
        return Reading("sasl", json.dumps({name: data[name] for name in _SASL if name in data}))
    if status:
        return Reading("graph", status)
    return Reading("oauth", f"an answer with {', '.join(map(str, data)) or 'nothing in it'}")


def of_text(text: str) -> Reading:
    """What kind of text *text* obviously is; a reply unless it is something else."""
    text = text.strip()
    data = _json(text)
    if data is None and (match := re.fullmatch(r"(?:334[ -])?([A-Za-z0-9+/]{8,}={0,2})", text)):
        data = _json(_decoded(match[1]))
    if data is not None:
        return of_body(data)
    if match := _AADSTS.search(text):
        return Reading("oauth", text[match.start() :])
    if match := _SAID.search(text):
        return Reading("reply", _reply(int(match[1]), match[3].replace(r"\n", " ")))
    if _GRAPH.match(text):
        return Reading("graph", text)
    if match := _RAISED.fullmatch(text):
        return Reading("exception", f"{match[1]}: {match[2]}")
    first, *more = text.splitlines() or [""]
    code = first[:3]
    rest = [line[4:] if line[:3] == code and line[3:4] in ("-", " ") else line for line in more]
    return Reading("reply", " ".join([first, *rest]) if rest else text)


def _library(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def _behind(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        yield from error.exceptions
    around = [getattr(error, "reason", None), error.__cause__]
    if not error.__suppress_context__:
        around.append(error.__context__)
    for each in (*error.args, *around):
        if isinstance(each, BaseException):
            yield each
        elif isinstance(each, tuple):
            yield from (one for one in each if isinstance(one, BaseException))


def _of_answer(answer: Any) -> Iterator[Reading]:
    """What a response of requests says, whatever library made it look like one."""
    status, body = str(getattr(answer, "status_code", "")), _json(getattr(answer, "text", ""))
    if body is not None:
        yield of_body(body, status)
    elif status:
        yield Reading("graph", status)


def _json(text: Any) -> Mapping[str, Any] | None:
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, Mapping) else None


def _decoded(text: str) -> str:
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _reply(code: int, text: bytes | str) -> str:
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(shown.split())}"
