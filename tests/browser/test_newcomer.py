"""Someone who has never seen it: from an empty form to mail on a real Postfix, every mistake on the way mended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deliver.servers import authority
from jupyter import Notebook
from place import Place
from playwright.sync_api import expect
from real import tokens
from real.everything import Servers, all_servers
from real.programs import wait_for

pytestmark = pytest.mark.browser

ANN, BOB = "ann@example.com", "bob@example.org"


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Postfix with logins, and an endpoint that gives tokens."""
    with all_servers() as running:
        yield running


class Newcomer(Place):
    """What a person does in the app: presses what can be seen, types into what has a name."""

    def __init__(self, notebook: Notebook, name: str) -> None:
        setup = (
            'import smtp_lab as lab\nsink = lab.Sink(":temporary:").start()\n'
            f'book = lab.ProfileBook.open("{name}.toml")'
        )
        cells = [setup, "lab.app(book, sink=sink)"]
        notebook.write(*cells, name=f"{name}.ipynb")
        super().__init__(notebook, 1)
        expect(self.place.get_by_role("tab", name="Profiles")).to_be_visible()

    def press(self, name: str) -> None:
        """Press the button called *name* in the panel in sight."""
        self.button(name).first.click()

    def go_to(self, tab: str) -> None:
        """Choose a tab."""
        self.place.get_by_role("tab", name=tab).first.click()

    def type(self, name: str, text: str) -> None:
        """Type *text* into the field called *name*."""
        self.field(name).fill(text)
        self.field(name).press("Tab")

    def choose(self, name: str, label: str) -> None:
        """Choose *label* in the field called *name*."""
        self.field(name).select_option(label)

    def reads(self, text: str) -> None:
        """See *text* somewhere in the panel in sight."""
        expect(self.said(text)).to_be_visible()

    def test_again(self) -> None:
        """Save, and send the test mail once more."""
        self.press("Save")
        self.reads("Saved as")
        self.go_to("Send test")
        self.press("Send test")


@pytest.fixture
def ca_file(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The certificate of the authority behind Postfix's."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return str(path)


def begin(newcomer: Newcomer, servers: Servers) -> None:
    newcomer.press("New")
    newcomer.type("Profile name", "work")
    newcomer.type("Sender", f"Ann Example <{ANN}>")
    newcomer.type("Server", "127.0.0.1")
    newcomer.type("Port", str(servers.postfix.ports["starttls"]))


def finds_it_on_the_sink(newcomer: Newcomer) -> None:
    """The same test to the bundled sink, and the mail in the inbox."""
    newcomer.go_to("Profiles")
    newcomer.place.locator(".smtp-lab-cards [data-name='lab']").click()
    newcomer.press("Test")
    newcomer.type("Send test to", BOB)
    newcomer.press("Send test")
    newcomer.reads("Accepted by 127.0.0.1")
    newcomer.go_to("Inbox")
    row = newcomer.said(BOB)
    expect(row).to_be_visible()
    row.click()
    page = newcomer.place.frame_locator("iframe:visible").first.frame_locator("iframe").first
    expect(page.locator("body")).to_contain_text("test", ignore_case=True)


def test_a_password_and_the_first_mistakes(notebook, servers, ca_file):
    """TLS on the wrong port, an unknown authority, a wrong password: told, mended, sent, and sent to the sink."""
    servers.postfix.begin()
    newcomer = Newcomer(notebook, "newcomer")
    begin(newcomer, servers)
    newcomer.choose("Security", "TLS from the first byte")
    newcomer.type("User name", "ann")
    newcomer.type("Password", "open barley")
    newcomer.press("Save")
    newcomer.reads("Saved as work")
    newcomer.go_to("Send test")
    newcomer.type("Send test to", BOB)
    newcomer.press("Send test")
    newcomer.press("Go to the field Security")
    expect(newcomer.field("Security")).to_be_focused()
    newcomer.choose("Security", "STARTTLS, required")
    newcomer.test_again()
    newcomer.press("Go to the field CA file")
    newcomer.type("CA file", ca_file)
    newcomer.test_again()
    newcomer.reads("User name or password was refused")
    newcomer.press("Go to the field Password")
    newcomer.type("Password", "open sesame")
    newcomer.test_again()
    newcomer.reads("Accepted by 127.0.0.1")
    (kept,) = wait_for(lambda: servers.postfix.box(BOB), "the mail in Bob's box")
    assert f"From: Ann Example <{ANN}>".encode() in kept
    finds_it_on_the_sink(newcomer)
    assert b"open sesame" not in notebook.save().encode()


def test_oauth_with_an_endpoint_of_ones_own(notebook, servers, ca_file):
    """A mistyped client is told as the endpoint's answer; mended, the token is good for Postfix."""
    servers.postfix.begin()
    servers.provider.asked.clear()
    servers.provider.gives["an-application"] = tokens.GOOD
    newcomer = Newcomer(notebook, "newcomer-oauth")
    begin(newcomer, servers)
    newcomer.choose("Login", "OAuth 2.0: a token")
    newcomer.choose("Grant", "client credentials: the application itself")
    newcomer.type("Mailbox", ANN)
    newcomer.type("Token URL", servers.provider.token_url)
    newcomer.type("Client ID", "an-aplication")
    newcomer.type("Client secret", "s3cret-of-it")
    newcomer.press("More settings")
    newcomer.type("CA file", ca_file)
    newcomer.press("Save")
    newcomer.reads("Saved as work")
    newcomer.go_to("Send test")
    newcomer.type("Send test to", BOB)
    newcomer.press("Send test")
    newcomer.reads("The OAuth client ID or secret is wrong")
    newcomer.press("Go to the field Client secret")
    newcomer.type("Client ID", "an-application")
    newcomer.reads("Type it again")
    newcomer.type("Client secret", "s3cret-of-it")
    newcomer.test_again()
    newcomer.reads("Accepted by 127.0.0.1")
    assert servers.provider.asked == [tokens.GOOD]
    finds_it_on_the_sink(newcomer)
    saved = notebook.save()
    assert "s3cret-of-it" not in saved
    assert tokens.GOOD[:40] not in saved
