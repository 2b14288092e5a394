"""A person at the pages of an OpenID provider: follows, fills in and agrees, as a browser would."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests


class Form(HTMLParser):
    """The first form of a page: where it leads, and what is filled in already."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.buttons: set[str] = set()
        self._open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        found = dict(attrs)
        if tag == "form" and self.action is None:
            self.action, self._open = found.get("action", ""), True
        elif tag == "button" and found.get("name"):
            self.buttons.add(found["name"])
        elif self._open and tag == "input" and found.get("name"):
            self.fields.setdefault(found["name"], found.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "form"


def visit(
    url: str, ca_file: str, *, stop: str = "http://localhost", agree: bool = True, **typed: str
) -> str:
    """Go through the pages from *url* on; give the last address, or the last page's text.

    What begins with *stop* is not visited; without *agree* the first page is left by its way out.
    """
    with requests.Session() as session:
        session.trust_env = False
        session.verify = ca_file
        answer = session.get(url, timeout=10, allow_redirects=False)
        for _ in range(20):
            if "Location" in answer.headers:
                url = urljoin(answer.url, answer.headers["Location"])
                if url.startswith(stop):
                    return url
                answer = session.get(url, timeout=10, allow_redirects=False)
                continue
            form = Form(answer.text)
            if form.action is None:
                return answer.text
            if not agree:
                url = urljoin(answer.url, form.action) + "/abort"
                answer = session.get(url, timeout=10, allow_redirects=False)
                continue
            known = {*form.fields, *form.buttons}
            fields = form.fields | {k: v for k, v in typed.items() if k in known}
            url = urljoin(answer.url, form.action)
            answer = session.post(url, fields, timeout=10, allow_redirects=False)
            if "abort" in fields:
                return answer.text
    raise AssertionError(f"the pages have no end: {url}")
