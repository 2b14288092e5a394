"""Tokens are kept where only their owner reads them, used while they are good, and dropped by a call."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from deliver.servers import Server, _ca_path
from deliver.tokens import GOOD, TOKEN, Bearer, TokenEndpoint, account, jwt, takes_tokens

import smtp_lab as lab
from smtp_lab.config.secrets import Secret
from smtp_lab.config.tokens import Kept, Tokens
from smtp_lab.deliver import access_token
from smtp_lab.deliver.oauth.request import TokenRequest

TO = "bob@example.org"


@pytest.fixture(autouse=True)
def data(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def server():
    with Server(takes_tokens(Bearer())) as running:
        yield running


def lasting(seconds):
    return 200, {"access_token": jwt(n=seconds), "token_type": "Bearer", "expires_in": seconds}


class TestUse:
    def test_a_good_one_is_used_again(self, server):
        """Until five minutes before its end a token is not asked for again."""
        with TokenEndpoint(lasting(301), lasting(299), lasting(4000)) as endpoint:
            profile = account(server, endpoint.url)
            first = access_token(profile)
            assert access_token(profile) == first
            assert len(endpoint.asked) == 1
            access_token(profile, refresh=True)
            for count in (3, 3, 3):
                access_token(profile)
                assert len(endpoint.asked) == count

    def test_one_whose_end_is_not_known(self, server):
        """A token of which nobody said until when is asked for each time."""
        with TokenEndpoint((200, {"access_token": "opaque"})) as endpoint:
            profile = account(server, endpoint.url)
            assert access_token(profile).expires_at is None
            access_token(profile)
        assert len(endpoint.asked) == 2

    def test_the_token_may_say_its_end_itself(self, server):
        """Without expires_in the claim exp counts."""
        with TokenEndpoint((200, {"access_token": TOKEN})) as endpoint:
            profile = account(server, endpoint.url)
            assert access_token(profile).expires_at.timestamp() == 4e9
            access_token(profile)
        assert len(endpoint.asked) == 1

    def test_another_application_user_or_scope_has_another(self, server):
        """A token is kept for one place, user, grant and set of scopes; their order is no matter."""
        with TokenEndpoint() as endpoint:
            profiles = [
                account(server, endpoint.url),
                account(server, endpoint.url, user="bob@example.com"),
                account(server, endpoint.url, client_id="other"),
                account(server, f"{endpoint.url}/", scopes=("mail.send",)),
                account(server, endpoint.url, scopes=("a", "b")),
                account(server, endpoint.url, scopes=("b", "a")),
                account(server, endpoint.url, client_secret="typed anew"),
            ]
            for profile in profiles:
                access_token(profile)
        assert len(endpoint.asked) == 6

    def test_another_process_uses_it_too(self, server):
        """What one kernel got is there for the next."""
        with TokenEndpoint() as endpoint:
            access_token(account(server, endpoint.url))
            code = (
                "import sys; sys.path.insert(0, 'tests')\n"
                "from deliver.tokens import account\n"
                "from smtp_lab.deliver import access_token\n"
                f"print(access_token(account({server.port}, {endpoint.url!r})).expires_at)"
            )
            done = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                check=False,
                cwd=Path(__file__).parent.parent.parent,
                timeout=60,
            )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("20")
        assert len(endpoint.asked) == 1

    def test_many_at_once_ask_once(self, server):
        """Threads that need the same token share one request."""
        with TokenEndpoint() as endpoint:
            profile = account(server, endpoint.url)
            found = []
            threads = [
                threading.Thread(target=lambda: found.append(access_token(profile)))
                for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        assert len(found) == 8
        assert len(endpoint.asked) == 1

    def test_a_login_without_a_refresh_token(self, server):
        """It is used to its end, also by tests, and then a login is asked for."""
        with TokenEndpoint(lasting(60)) as endpoint:
            profile = account(
                server,
                endpoint.url,
                grant="authorization_code",
                auth_url=f"https://{endpoint.host}/authorize",
            )
            login = lab.log_in(profile)
            login.finish(f"http://localhost?code=c&state={login._flow.state}")
            assert lab.send_test(profile, to=TO).ok
            assert len(endpoint.forms) == 1
        tokens, key = Tokens(), TokenRequest.of(profile).key
        kept = tokens.get(key)
        tokens.keep(key, Kept(kept.value, 1.0, given=kept.given))
        with pytest.raises(lab.InputError, match=r'has expired; call lab\.log_in\("ann"\)'):
            lab.send_test(profile, to=TO)


class TestFile:
    def test_it_is_its_owner_s_alone(self, server, data):
        """The file has mode 0600 in a folder of mode 0700."""
        with TokenEndpoint() as endpoint:
            access_token(account(server, endpoint.url))
        path = Tokens().path
        assert path == data / "tokens" / "tokens.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert [p.name for p in path.parent.iterdir()] == ["tokens.json"]

    @pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
    @pytest.mark.parametrize("which", ["file", "folder"])
    def test_it_is_not_used_when_others_can_read_it(self, server, which):
        """One sentence says what to do, and after it everything goes on."""
        with TokenEndpoint() as endpoint:
            profile = account(server, endpoint.url)
            access_token(profile)
            path = Tokens().path
            (path if which == "file" else path.parent).chmod(0o755)
            with pytest.raises(lab.InputError) as caught:
                lab.send_test(profile, to=TO)
            assert "can be read by others (mode 755); call lab.log_out()" in str(caught.value)
            assert TOKEN not in str(caught.value)
            lab.log_out()
            assert lab.send_test(profile, to=TO).ok
            assert lab.send_test(profile, to=TO).ok

    @pytest.mark.parametrize(
        "text",
        ["", "no json", "[]", '{"a": 1}', '{"a": {"value": "x"}}', "\udc80"],
    )
    def test_a_file_of_something_else(self, server, text):
        """What holds no tokens is left alone, in one sentence, until everything is dropped."""
        path = Tokens().path
        with Tokens().held():
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
        path.chmod(0o600)
        with TokenEndpoint() as endpoint:
            profile = account(server, endpoint.url)
            with pytest.raises(lab.InputError, match="holds no tokens of smtp_lab"):
                access_token(profile)
            lab.log_out()
            assert not path.exists()
            access_token(profile)

    def test_where_nothing_can_be_written(self, server, data):
        """Then it is kept in memory, and the transcript says so."""
        data.mkdir()
        (data / "tokens").write_text("in the way")
        with TokenEndpoint() as endpoint:
            profile = account(server, endpoint.url)
            delivery = lab.send_test(profile, to=TO)
            assert delivery.ok
            assert "kept in the memory of this kernel only: " in str(delivery.transcript)
            access_token(profile)
            assert len(endpoint.asked) == 1
            lab.log_out()
            access_token(profile)
        assert len(endpoint.asked) == 2
        assert (data / "tokens").read_text() == "in the way"

    def test_everything_comes_back(self):
        """Each part of what is kept survives the file; nothing shows it."""
        tokens = Tokens()
        kept = Kept(Secret("v"), 5.5, "a b", Secret("r"), Secret("m"), "g")
        key = json.dumps(["binding", "ann", "grant"])
        with tokens.held():
            assert tokens.keep(key, kept) == ""
        assert Tokens().get(key) == kept
        assert "Secret('v')" not in repr(kept)


class TestLogOut:
    def test_one_account(self, server):
        """All tokens of the account go, of whatever scope; others stay."""
        with TokenEndpoint() as endpoint:
            mine = account(server, endpoint.url)
            more = account(server, endpoint.url, scopes=("b",))
            other = account(server, endpoint.url, user="bob@example.com")
            for profile in (mine, more, other):
                access_token(profile)
            lab.log_out(mine)
            for profile, count in ((other, 3), (mine, 4), (more, 5)):
                access_token(profile)
                assert len(endpoint.asked) == count

    def test_all_of_them(self, server):
        """Without an argument nothing is left, not even the file; again is no error."""
        with TokenEndpoint() as endpoint:
            access_token(account(server, endpoint.url))
            for _ in range(2):
                lab.log_out()
                assert not Tokens().path.exists()

    def test_graph(self):
        """The tokens of a GraphConnection can be dropped, too."""
        connection = lab.GraphConnection(
            user="ann@example.com", tenant_id="t", client_id="c", client_secret="s"
        )
        profile = lab.Profile(name="g", sender="ann@example.com", connection=connection)
        tokens, key = Tokens(), TokenRequest.of(profile).key
        with tokens.held():
            tokens.keep(key, Kept(Secret("v")))
        lab.log_out(profile)
        assert tokens.get(key) is None

    def test_who_is_not_in_the_book(self):
        """An unknown name is named."""
        with pytest.raises(lab.InputError, match="nobody"):
            lab.log_out("nobody")


class TestWithTheBook:
    """A profile in a book, a token kept for it, and what becomes of the token."""

    @pytest.fixture
    def endpoint(self):
        with TokenEndpoint() as running:
            yield running

    @pytest.fixture
    def book(self, server, endpoint):
        book = lab.ProfileBook.open()
        book.save(account(server, endpoint.url))
        access_token(book["ann"])
        assert kept() == ["ann"]
        return book

    def test_deleting_drops_them(self, book):
        """Of a profile that is gone no token is left."""
        assert book.delete("ann").startswith("Deleted ann with its secrets, for good.")
        assert kept() == []

    def test_renaming_does_not_hand_them_on(self, book):
        """Under another name the account logs in again."""
        book.rename("ann", "team")
        assert kept() == []

    def test_a_copy_has_none(self, book, endpoint):
        """A copy that gets the very same secret gets no token with it."""
        copy = book.duplicate("ann", secret=book["ann"].secrets["client_secret"])
        assert kept() == ["ann"]
        access_token(copy)
        assert len(endpoint.asked) == 2
        assert kept() == ["ann", "ann_copied"]

    def test_going_elsewhere_drops_them(self, book):
        """When the secrets of a profile are bound to another place, its tokens go with them."""
        profile = book["ann"]
        auth = profile.connection.auth.replace(client_id="other")
        book.save(profile.replace(connection=profile.connection.replace(auth=auth)))
        assert kept() == []

    def test_other_profiles_keep_theirs(self, book, server, endpoint):
        """Only the tokens of the profile that goes are dropped."""
        book.save(account(server, endpoint.url).replace(name="bob"))
        access_token(book["bob"])
        book.delete("ann", next_default="bob")
        assert kept() == ["bob"]

    def test_what_cannot_be_dropped_is_told(self, book):
        """A file that others can read is not written; the sentence says what is left."""
        Tokens().path.chmod(0o644)
        said = book.delete("ann")
        assert "Its tokens are still kept: SMTP_LAB_DATA:" in said
        assert "ann" not in book


def kept():
    """Names of the profiles that tokens are kept for."""
    path = Tokens().path
    return (
        sorted(json.loads(key)[0] for key in json.loads(path.read_bytes())) if path.exists() else []
    )


def test_a_bare_answer_is_enough(server):
    """RFC 6749 asks for little in an answer; that is enough to send."""
    with TokenEndpoint((200, {"access_token": GOOD["access_token"]})) as endpoint:
        assert lab.send_test(account(server, endpoint.url), to=TO).ok
