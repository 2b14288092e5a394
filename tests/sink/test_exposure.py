"""Who can reach a sink: this machine unless asked, and on a shared one nobody without a login."""

from __future__ import annotations

import os
import socket
import ssl
import stat
from pathlib import Path

import pytest
from sink.talk import Talk, plain
from sink.test_life import HAS_IPV6, listening_sockets, listens, needs_proc

import smtp_lab as lab
from smtp_lab import InputError, PortInUseError, SinkError
from smtp_lab.archive import Archive
from smtp_lab.sink import exposure

# Another address of this machine that is not loopback may not be there; all of them are.
EVERYWHERE = "0.0.0.0"
BEYOND = r"^The sink listens on 0\.0\.0\.0, beyond this machine: whoever can reach it may "


@pytest.fixture
def exposed(new_sink):
    """A sink beyond this machine, which has said so."""

    def make(**settings):
        with pytest.warns(UserWarning, match=BEYOND):
            return new_sink(host=EVERYWHERE, **settings)

    return make


def own_address():
    """An address of this machine that is not loopback; empty when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return ""
        return sock.getsockname()[0]


class TestBeyondThisMachine:
    def test_a_login_is_made_and_required(self, exposed):
        """Nobody gets in without it, the profile has it, and it is in no text of the sink."""
        sink = exposed()
        password = sink.profile().connection.auth.password.reveal()
        assert lab.send_test(sink.profile(), to="bob@example.org").ok
        for door in ("starttls", "implicit", "plain"):
            with Talk(sink, door=door) as client:
                client.starttls() if door == "starttls" else client.hello()
                assert client.say("MAIL FROM:<eve@example.com>").startswith("530")
                assert client.say(b"AUTH PLAIN " + plain("lab", "guess")).startswith("535")
                assert client.say(b"AUTH PLAIN " + plain("lab", password)).startswith("235")
                assert client.mail(b"hi\r\n").startswith("250")
        assert len(password) > 20
        assert password not in f"{sink!r}{sink._repr_html_()}{sink._settings!r}{vars(sink)}"
        assert "BEYOND THIS MACHINE" in sink._repr_html_()

    def test_the_warning_says_what_others_may_do(self, new_sink):
        """With a login they may try to log in; without one, when that was asked for, send mail."""
        with pytest.warns(UserWarning, match=BEYOND + "try to log in; leave host out"):
            new_sink(host=EVERYWHERE, users={"ann": "open sesame"})
        with pytest.warns(UserWarning, match=BEYOND + "send it mail without a login; leave"):
            sink = new_sink(host=EVERYWHERE, login_required=False)
        with Talk(sink) as client:
            client.hello()
            assert client.mail(b"hi\r\n").startswith("250")

    def test_any_login_only_when_asked_for(self, exposed):
        """users="any" takes every login, here too."""
        sink = exposed(users="any", login_required=True)
        with Talk(sink, implicit=True) as client:
            client.hello()
            client.log_in("eve", "whatever")

    @needs_proc
    @pytest.mark.parametrize("process", [False, True])
    def test_the_plain_door_stays_here(self, exposed, process):
        """Without encryption nothing is offered beyond this machine; the other doors are."""
        sink = exposed(process=process)
        address = own_address()
        if not address:
            pytest.skip("this machine has no address but loopback")
        assert listens(sink.port, address)
        assert listens(sink.tls_port, address)
        assert not listens(sink.plain_port, address)
        assert listens(sink.plain_port)

    def test_the_certificate_has_the_name_of_this_machine(self, exposed):
        """A client elsewhere that trusts the lab's authority can verify whom it speaks to."""
        sink = exposed()
        context = ssl.create_default_context(cafile=str(sink.ca_file))
        for name in ("localhost", "127.0.0.1", socket.gethostname().lower()):
            with (
                socket.create_connection(("127.0.0.1", sink.tls_port), 5) as sock,
                context.wrap_socket(sock, server_hostname=name) as secured,
            ):
                assert secured.version() == "TLSv1.3"

    def test_one_address_only(self, new_sink):
        """The sink can be at one of this machine's addresses, and is at no other then."""
        address = own_address()
        if not address:
            pytest.skip("this machine has no address but loopback")
        with pytest.warns(UserWarning, match="beyond this machine"):
            sink = new_sink(host=address)
        assert sink.host == address
        assert lab.send_test(sink.profile(), to="bob@example.org").ok
        assert not listens(sink.port)
        said = rf"^Port {sink.port} on {address} is already"
        with pytest.raises(PortInUseError, match=said), pytest.warns(UserWarning, match="beyond"):
            new_sink(host=address, port=sink.port, users={"ann": "x"})

    @needs_proc
    def test_without_being_asked_it_is_here_only(self, new_sink):
        """The default says nothing and listens on loopback."""
        before = listening_sockets()
        for host in (None, "localhost", "127.0.0.1", "::1"):
            sink = new_sink(host=host)
            assert sink.host == "127.0.0.1"
        assert {host for host, _ in listening_sockets() - before} <= {"127.0.0.1", "::1"}

    def test_another_loopback_address_is_no_reason_to_warn(self, new_sink):
        """What only this machine can reach needs no login and no warning."""
        sink = new_sink(host="127.0.0.2")
        with Talk(sink, host="127.0.0.2") as client:
            client.hello()
            assert client.mail(b"hi\r\n").startswith("250")
        assert lab.send_test(sink.profile(), to="bob@example.org").ok

    @pytest.mark.parametrize("host", ["", "example.com", 5, "127.0.0.1:25", "300.1.1.1", b"::"])
    def test_what_is_no_address(self, tmp_path, host):
        """A name or something else is told, with an address that would do."""
        with pytest.raises(InputError, match=r'^host: is no IP address; give one such as "0\.0'):
            lab.Sink(tmp_path / "mail.sqlite3", host=host)

    @pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
    def test_an_address_of_somebody_else(self, new_sink, host):
        """An address this machine does not have is one sentence."""
        if ":" in host and not HAS_IPV6:
            pytest.skip("this machine has no IPv6")
        with pytest.warns(UserWarning, match="beyond"), pytest.raises(SinkError) as error:
            new_sink(host=host)
        assert str(error.value) == (
            f"This machine has no address {host}; give host one that it has, "
            "or leave it out for this machine only."
        )


@pytest.mark.parametrize(
    "variable", ["JUPYTERHUB_USER", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_SERVICE_PREFIX"]
)
class TestOnAHub:
    @pytest.fixture(autouse=True)
    def _hub(self, monkeypatch, variable):
        monkeypatch.setenv(variable, "x")

    def test_a_login_is_made_and_required(self, new_sink):
        """Others on the machine do not get in; a profile of the sink does, with nothing typed."""
        sink = new_sink()
        assert lab.send_test(sink.profile(), to="bob@example.org").ok
        with Talk(sink) as client:
            client.starttls()
            assert client.say("MAIL FROM:<eve@example.com>").startswith("530")
            assert client.say(b"AUTH PLAIN " + plain("lab", "any")).startswith("535")
        assert sink._repr_html_().count("only the users it was given, required") == 1

    def test_a_cell_run_again_finds_it(self, tmp_path, new_sink):
        """The login that was made is the same for all sinks of the kernel."""
        first, second = (new_sink(tmp_path / "mail.sqlite3") for _ in range(2))
        assert first.port == second.port
        assert first.profile() == second.profile()

    def test_it_can_be_open_when_asked(self, new_sink):
        """Who says so may have it as on a machine of one's own."""
        for settings in ({"users": "any"}, {"login_required": False}):
            with Talk(new_sink(**settings)) as client:
                client.hello()
                assert client.mail(b"hi\r\n").startswith("250")

    def test_the_archive_is_nobody_elses(self, monkeypatch, tmp_path):
        """A folder and files that others could read are closed to them; nothing else is changed."""
        home = tmp_path / "home"
        data = home / "data"
        data.mkdir(parents=True, mode=0o755)
        data.chmod(0o755)
        home.chmod(0o755)
        monkeypatch.setenv("SMTP_LAB_DATA", str(data))
        Archive(data / "mail.sqlite3").close()
        (data / "mail.sqlite3").chmod(0o664)
        with lab.Sink() as sink:
            lab.send_test(sink.profile(), to="bob@example.org")
            found = {p.name: stat.S_IMODE(p.stat().st_mode) for p in data.glob("mail.sqlite3*")}
        assert set(found.values()) == {0o600}
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert stat.S_IMODE(home.stat().st_mode) == 0o755
        sink.archive.close()

    def test_a_folder_of_somebody_else_is_left_as_it_is(self, tmp_path, new_sink):
        """Beside the user's own folder only the archive's files are closed."""
        tmp_path.chmod(0o755)
        sink = new_sink(tmp_path / "mail.sqlite3")
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
        assert stat.S_IMODE(Path(sink.archive.name).stat().st_mode) == 0o600

    def test_what_cannot_be_closed_is_said(self, tmp_path, monkeypatch):
        """Where the mode cannot be changed the sink is not made, with a sentence."""
        Archive(tmp_path / "mail.sqlite3").close()
        (tmp_path / "mail.sqlite3").chmod(0o644)

        def refuse(*_):
            raise PermissionError(1, os.strerror(1))

        monkeypatch.setattr(exposure.Path, "chmod", refuse)
        with pytest.raises(SinkError, match=r"^Others can read .*mail\.sqlite3, and that cannot"):
            lab.Sink(tmp_path / "mail.sqlite3")

    def test_an_archive_on_a_server(self, postgres, new_sink):
        """Of a database on a server there is no file to look after."""
        assert lab.send_test(new_sink(postgres.new()).profile(), to="bob@example.org").ok
