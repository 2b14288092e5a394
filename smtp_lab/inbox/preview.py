"""Mail HTML in a notebook: a sandboxed frame whose policy fetches nothing.

The browser does the blocking; the mail is not rewritten to make it harmless, which loses sooner or
later. ``sandbox=""`` gives the frame an origin of its own and forbids scripts, forms, pop-ups and
navigation of the page around it; the policy allows inline styles and ``data:`` images and nothing
from any host. The policy stands first, and a second one in the mail can only tighten it.
"""

from __future__ import annotations

from html import escape

__all__ = ("CSP", "document", "frame", "text_document")

CSP = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "form-action 'none'; base-uri 'none'; frame-src 'none'; object-src 'none'"
)


def document(mail_html: str) -> str:
    """The page that shows *mail_html* and nothing else."""
    return (
        '<!doctype html><html><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(CSP)}">'
        '<meta name="referrer" content="no-referrer">'
        # With pop-ups forbidden, a link that opens a new window goes nowhere.
        '<base target="_blank"></head><body>'
        f"{mail_html}</body></html>"
    )


def text_document(text: str) -> str:
    """The page that shows plain *text*."""
    style = "white-space:pre-wrap;overflow-wrap:anywhere;font:14px/1.5 monospace;margin:0"
    return document(f'<pre style="{style}">{escape(text)}</pre>')


def frame(page: str, *, height: int = 420, title: str = "Message preview") -> str:
    """An iframe with *page*, a whole document from `document` or `text_document`.

    Args:
        page: The document.
        height: In CSS pixels.
        title: What a screen reader calls the frame.
    """
    return (
        f'<iframe sandbox="" referrerpolicy="no-referrer" title="{escape(title)}" '
        f'style="width:100%;height:{height}px;border:1px solid var(--jp-border-color2,#ccc);'
        f'background:#fff" srcdoc="{escape(page)}"></iframe>'
    )
