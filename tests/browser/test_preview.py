"""Hostile mail shown in a real browser: nothing runs, nothing is fetched, nothing navigates."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from jupyter import Notebook
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ATTACKS = """
<h1>Hostile greetings</h1>
<script>fetch("{url}/script")</script>
<script src="{url}/script.js"></script>
<img src="{url}/image.png" onerror="fetch('{url}/onerror')">
<img src=x onerror="parent.document.title='owned'">
<svg onload="fetch('{url}/svg')"><image href="{url}/svg.png"/></svg>
<iframe src="{url}/frame"></iframe><iframe srcdoc="<script>fetch('{url}/nested')</script>"></iframe>
<object data="{url}/object"></object><embed src="{url}/embed">
<link rel="stylesheet" href="{url}/style.css"><style>@import "{url}/import.css"; body {{ background: url({url}/bg.png) }}</style>
<video src="{url}/video" poster="{url}/poster.png" autoplay></video><audio src="{url}/audio" autoplay></audio>
<meta http-equiv="refresh" content="0; url={url}/refresh">
<base href="{url}/">
<details open ontoggle="fetch('{url}/toggle')"><summary>more</summary></details>
<form action="{url}/form"><button id="send">Send</button></form>
<a href="{url}/top" target="_top" id="top">a link</a>
<a href="javascript:parent.document.title='owned'">another</a>
<meta http-equiv="Content-Security-Policy" content="default-src *; script-src * 'unsafe-inline'">
</body></html></iframe></div><script>document.title="owned"</script><img src=x onerror="document.title='owned'">
"""

CELLS = """
import smtp_lab as lab
from email.message import EmailMessage
sink = lab.Sink(":temporary:").start()
message = EmailMessage()
message["To"] = "you@example.com"
message["Subject"] = "<img src=x onerror=\\"document.title='owned'\\"> $\\\\href{{javascript:alert(1)}}{{x}}$"
message.set_content("the text")
message.add_alternative({html!r}, subtype="html")
message.add_attachment(b"x", maintype="text", subtype="html", filename="<script>document.title='owned'<!-- .html")
lab.send(message, profile=sink.profile(sender='"<b onmouseover=alert(1)>" <ann@example.com>'))
sink.inbox[-1]
"""


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """An HTTP server that writes down whatever is asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET  # noqa: N815  # the name http.server asks for

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_hostile_mail_is_shown_and_harmless(notebook: Notebook, canary):
    """The mail can be read; no script ran, nothing was asked for, no page was left."""
    url, asked = canary
    title = notebook.page.title
    notebook.write(
        CELLS.format(html=ATTACKS.format(url=url)), "sink.inbox.to_frame()", name="hostile.ipynb"
    )
    outer = notebook.output(0).locator("iframe")
    # First that it is shown at all: a broken preview would pass everything below.
    expect(
        outer.content_frame.locator("iframe").content_frame.get_by_role(
            "heading", name="Hostile greetings"
        )
    ).to_be_visible()
    expect(notebook.output(0).get_by_role("row", name="Subject")).to_contain_text(
        "<img src=x onerror="
    )
    expect(notebook.output(0).get_by_role("row", name="Subject")).to_contain_text(
        "$\\href{javascript:alert(1)}{x}$"
    )
    expect(notebook.output(1).get_by_role("cell", name="<img src=x")).to_be_visible()
    outer.content_frame.locator("iframe").content_frame.locator("#send").click()
    outer.content_frame.locator("iframe").content_frame.locator("#top").click()
    notebook.page.wait_for_timeout(1000)
    assert asked == []
    assert "owned" not in title()
    assert "/lab/" in notebook.page.url
    assert notebook.page.context.pages == [notebook.page]


def test_the_canary_does_hear_a_plain_image(chromium, server, canary):
    """The check above can fail: shown without the frame, the same image is fetched."""
    url, asked = canary
    base, token, root = server
    with chromium.new_context() as context:  # not the page fixture: it forbids what is wanted here
        notebook = Notebook(context.new_page(), base, token, root)
        show = f"from IPython.display import HTML\nHTML('<img src=\"{url}/canary.png\">')"
        notebook.write(show, name="canary.ipynb")
        notebook.page.wait_for_timeout(500)
    assert "/canary.png" in asked
