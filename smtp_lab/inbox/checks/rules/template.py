"""Marks of a template that nobody filled in, and values that are none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule

_NAMES = (
    "name|first_?name|last_?name|full_?name|user_?name|user|email|e_mail|link|url|company|date|"
    "amount|code|token|order_?id|customer"
)
_MARKS = (
    r"\{\{[^{}\n]{0,200}\}\}"  # Jinja, Django, Handlebars, Liquid
    r"|\{%[^%\n]{0,200}%\}"
    r"|\$\{[\w.]{1,100}\}"
    r"|%\(\w{1,100}\)[sdrf]"
    r"|(?<![\w%])%[sd](?![\w%])"
    r"|<%[=-]?[^%\n]{0,200}%>"
    r"|\*\|[A-Z0-9_:]{1,60}\|\*"  # Mailchimp
    r"|%%[A-Za-z_]\w{0,60}%%"
    r"|(?<![#\w])##[A-Za-z]\w{1,60}##(?![#\w])"
    # These are written for other reasons too: only with a name of what mails are filled with.
    rf"|\[\[ ?(?:{_NAMES}) ?\]\]"
    rf"|(?<![\w%])%(?!user)(?:{_NAMES})%(?![\w%])"
    rf"|(?<![\w{{$])\{{(?:{_NAMES})\}}(?!\}})"
)
_MARK = re.compile(_MARKS, re.IGNORECASE)
_HAIL = (
    r"(?:Hi|Hello|Hey|Dear|Hallo|Liebe[rs]?|Sehr geehrte[rs]?(?: Herr| Frau)?|Bonjour|Cher|Chère|"
    r"Hola|Ciao|Estimad[oa]|Welcome)"
)
_GREETING = re.compile(rf"\b{_HAIL}\s+(undefined|null|None|NaN|nan)\b")
# {0} is Python's and C#'s; elsewhere than here it may be anything.
_GREETED = re.compile(
    rf"^ *(?-i:{_HAIL})(?: [\w.]{{1,20}}){{0,2}} (?P<mark>{_MARKS}|\{{[0-9]?\}})",
    re.IGNORECASE | re.MULTILINE,
)
_NOBODY = re.compile(rf"^ *(?!Bonjour){_HAIL}[ \u00a0]+,", re.MULTILINE)
_ALONE = re.compile(
    r"^(?:[^:\n]{1,60}:\s?)?(undefined|null|nan|NaN|NaT|Invalid Date|NoneType)$", re.MULTILINE
)
_ANYWHERE = re.compile(
    r"\[object Object\]|<no value>|\bInvalid Date\b|[$€£]\s?(?:NaN|nan|None|undefined|null)\b"
    r"|\b(?:NaN|nan|None|undefined|null)\s?(?:EUR|USD|GBP|CHF|€|%)"
)
_IN_URL = re.compile(r"(?<=[/=])(?:undefined|None|null|NaN|nan|%5Bobject%20Object%5D)(?=[/?&#]|$)")
_LOREM = re.compile(r"\blorem ipsum\b", re.IGNORECASE)
_LOOKED_AT = 500_000  # characters


def _texts(mail: Mail) -> Iterator[tuple[str, str]]:
    """What a reader sees, with where: code in the HTML is about marks, it holds none."""
    yield "Subject", mail.message.subject
    for name in ("From", "To", "Reply-To"):
        yield name, ", ".join(shown for shown, _ in mail.addresses(name))
    if mail.message.html.strip():
        yield "HTML", mail.page.loose[:_LOOKED_AT]
    yield "text", mail.message.text[:_LOOKED_AT]


@rule("template-mark", "error", "A mark of a template was not filled in", "the engines' manuals")
def template_mark(mail: Mail) -> Iterator[Hit]:
    """Jinja, Django, Liquid, Mailchimp, Python's and JavaScript's own: the reader sees them."""
    for where, text in _texts(mail):
        marks = {found.start("mark"): found["mark"] for found in _GREETED.finditer(text)}
        if where != "text" or not _is_alone(mail):
            marks |= {found.start(): found[0] for found in _MARK.finditer(text)}
        for _, mark in sorted(marks.items()):
            if where == "text" and mark in mail.page.text and mark not in mail.page.loose:
                continue  # the HTML shows it as code
            yield Hit(where, f"{mark[:80]!r} was not filled in", "give the template its value")
    for link in mail.links:
        if link.tag is None:
            continue  # it is in the text
        found_in = _MARK.search(link.url[:2000].replace("%7B", "{").replace("%7D", "}"))
        if found_in:
            yield Hit(
                link.where, f"the link holds {found_in[0][:80]!r}", "give the template its value"
            )


@rule(
    "template-mark-text",
    "warning",
    "A mark of a template stands in a plain text",
    "the engines' manuals",
)
def template_mark_text(mail: Mail) -> Iterator[Hit]:
    """It was not filled in, or people write to each other about templates."""
    if not _is_alone(mail):
        return
    text = mail.message.text[:_LOOKED_AT]
    greeted = {found.start("mark") for found in _GREETED.finditer(text)}
    for found in _MARK.finditer(text):
        if found.start() not in greeted:
            why = f"{found[0][:80]!r} was not filled in, if the text is not about it"
            yield Hit("text", why, "give the template its value")


def _is_alone(mail: Mail) -> bool:
    """Whether its text is all there is: so people write, and programs seldom."""
    return not mail.message.html.strip()


@rule("value-missing", "warning", "None, nan or undefined stands for a value", "experience")
def value_missing(mail: Mail) -> Iterator[Hit]:
    """Where a name, a number or an address should be: alone in a cell, in a greeting, in a link."""
    for where, text in _texts(mail):
        for pattern in (_GREETING, _NOBODY, _ALONE, _ANYWHERE):
            for found in pattern.finditer(text):
                why = f"{found[0].strip()[:80]!r} looks like a value that is not there"
                yield Hit(where, why, "look at the data, and say in the template what else to show")
    for link in mail.links:
        if found_in := _IN_URL.search(link.url[:2000]):
            why = f"the link holds {found_in[0]!r} where a value should be"
            yield Hit(link.where, why, "look at the data it is made from")


@rule("lorem-ipsum", "warning", "Filler text was left in", "experience")
def lorem_ipsum(mail: Mail) -> Iterator[Hit]:
    """Nobody meant to send it."""
    for where, text in _texts(mail):
        if _LOREM.search(text):
            yield Hit(where, "it holds 'lorem ipsum'", "write the real text")
