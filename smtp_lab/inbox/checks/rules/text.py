"""The plain text beside the HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule

_WORD = re.compile(r"[^\W_]{2,40}")
_URL = re.compile(r"(?:https?://|mailto:|www\.)\S{1,2000}|\S{1,64}@\S{1,255}", re.IGNORECASE)
_COMPARED = 200_000  # characters
_FEW = 10  # words say little
_SHARE = 0.5


@rule("text-missing", "warning", "There is HTML and no text", "RFC 2046 section 5.1.4")
def text_missing(mail: Mail) -> Iterator[Hit]:
    """Clients that show no HTML, previews and watches have nothing; filters count it against it."""
    if mail.message.html.strip() and not mail.message.text.strip():
        why = "there is an HTML body and no plain text"
        yield Hit("message", why, "send multipart/alternative with both")


@rule("body-missing", "warning", "There is no body", "RFC 5322 section 3.5")
def body_missing(mail: Mail) -> Iterator[Hit]:
    """It is allowed, and seldom meant."""
    if mail.message.too_complex or mail.message.text.strip() or mail.message.html.strip():
        return
    yield Hit("message", "there is neither text nor HTML to read", "write something")


@rule("text-differs", "warning", "Text and HTML say different things", "RFC 2046 section 5.1.4")
def text_differs(mail: Mail) -> Iterator[Hit]:
    """Both are meant to say the same; who reads the text misses something."""
    if not mail.message.html.strip() or not mail.message.text.strip() or mail.page.stopped:
        return
    html, text = _words(mail.page.text), _words(mail.message.text)
    for mine, other, where, says in (
        (html, text, "text", "the HTML"),
        (text, html, "HTML", "the text"),
    ):
        missing = mine - other
        if len(mine) >= _FEW and len(missing) > len(mine) * _SHARE:
            some = ", ".join(sorted(missing, key=len, reverse=True)[:5])
            why = f"of {len(mine):,} words in {says}, {len(missing):,} are not here, such as {some}"
            yield Hit(where, why, "make both from the same data")


def _words(text: str) -> set[str]:
    return set(_WORD.findall(_URL.sub(" ", text[:_COMPARED]).casefold()))
