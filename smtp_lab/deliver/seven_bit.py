"""A message in ASCII only, for a server that takes no eight bits (RFC 6152 section 3)."""

from __future__ import annotations

from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from email.policy import compat32
from typing import Any

from smtp_lab.deliver.writing import check_same

__all__ = ("in_seven_bits",)

_AS_IT_IS = compat32.clone(linesep="\r\n", max_line_length=None)
_CTE = "Content-Transfer-Encoding"
_MANY = 3  # from one octet in so many on, base64 is shorter and as easy to read


def in_seven_bits(raw: bytes) -> bytes:
    """*raw* with what is beyond ASCII encoded anew, part by part; its own headers stay.

    A part that holds others is never encoded as a whole: RFC 2045 section 6.4 forbids it for
    ``multipart``, RFC 2046 section 5.2.1 for ``message/rfc822``. What is signed is not touched.

    Raises:
        ValueError: That cannot be done.
    """
    problem = ""
    try:
        message = message_from_bytes(raw, policy=_AS_IT_IS)
        for part in _parts(message):
            _encode(part)
        made = message.as_bytes(policy=_AS_IT_IS)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        problem = "it cannot be read"
        made = b""
    if problem or not made.isascii():
        raise ValueError(problem or "a header is not ASCII")
    made = made if made.endswith(b"\r\n") else made + b"\r\n"
    check_same(made, raw, but=(_CTE.lower().encode(),))
    return made


def _parts(message: Message[Any, Any]) -> Iterator[Message[Any, Any]]:
    """*message* and whatever is in it."""
    if message.get_content_type() == "multipart/signed" and not _is_ascii(message):
        raise ValueError("a signature would no longer hold")
    yield message
    inside: Any = message.get_payload()
    for part in inside if isinstance(inside, list) else ():
        yield from _parts(part)


def _is_ascii(message: Message[Any, Any]) -> bool:
    return message.as_bytes(policy=_AS_IT_IS).isascii()


def _encode(part: Message[Any, Any]) -> None:
    if part.is_multipart():
        if _CTE in part and str(part[_CTE]).strip().lower() in ("8bit", "binary"):
            part.replace_header(_CTE, "7bit")
        return
    content = vars(part)["_payload"].encode("ascii", "surrogateescape")  # octet by octet as it came
    if content.isascii():
        return
    beyond = sum(octet > 127 for octet in content)
    if part.get_content_maintype() == "text" and beyond * _MANY < len(content):
        how, written = "quoted-printable", b2a_qp(content, istext=True)
    else:
        how, written = "base64", encodebytes(content).replace(b"\n", b"\r\n")
    part.set_payload(written.decode("ascii"))
    del part[_CTE]
    part[_CTE] = how
