"""The language of a search in short."""

from __future__ import annotations

from html import escape

from smtp_lab.widgets.words import N_, _

__all__ = ("TERMS", "search_help")

TERMS = (
    ('report "two words"', N_("a word anywhere in it, or several in this order")),
    ("from:ann  sender:ann", N_("the sender; sender: of the envelope only")),
    ("to:bob  cc:bob  bcc:bob  reply-to:bob", N_("an address in this header")),
    ("rcpt:bob  addressed:bob", N_("a recipient of the envelope; an address anywhere")),
    ('subject:"report 7"  body:invoice', N_("the subject; the text")),
    ("file:.pdf", N_("the name of a file")),
    ("header:X-Mailer:news  message-id:4711", N_("a header by its name, and what it holds")),
    (
        "has:attachment",
        N_("what it has: attachment, inline, html, text, link, code or login"),
    ),
    ("is:refused", N_("what it is: refused, bounce, tagged or complex")),
    ("tag:seen  mailbox:team  login:ann  tls:1.3", N_("exactly this tag or mailbox; how it came")),
    ("larger:1M  smaller:20K", N_("its size in octets")),
    ("after:2026-03-04  before:2h", N_("when it came: a date, a time in UTC, or an age")),
    ("-from:ann  a OR b  ( )", N_("not; one or the other; what belongs together")),
)
"""What can be asked for, with what it means; ``docs/search.md`` has all of it."""


def search_help() -> str:
    """A table of what can be asked for."""
    rows = "".join(
        f'<tr><td style="padding-right:14px"><code>{escape(term)}</code></td><td>{said}</td></tr>'
        for term, said in ((term, escape(_(meaning))) for term, meaning in TERMS)
    )
    label = escape(_("What can be asked for"))
    return f'<table aria-label="{label}">{rows}</table>'
