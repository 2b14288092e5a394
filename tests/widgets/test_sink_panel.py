"""The panel on the sink, driven as the page drives it, against real sinks."""

from __future__ import annotations

import smtplib
import socket
import ssl
import subprocess
import threading
from datetime import timedelta

import pytest
from sink.talk import until
from support import need
from widgets.panels import book_of, everything, press, put_into_page, type_secret

import smtp_lab as lab
from smtp_lab.config.paths import data_dir
from smtp_lab.sink.clients import CLIENTS, settings_for
from smtp_lab.sink.door import MECHANISMS, OFFERS
from smtp_lab.widgets import SinkPanel
from smtp_lab.widgets.desk import Desk
from smtp_lab.widgets.sessions_table import PAGE
from smtp_lab.widgets.sink_draft import DoorDraft, SinkDraft

MAIL = "Subject: Hello\n\nFrom a test.\n"


@pytest.fixture
def shown():
    """shown(…) gives a panel in a page that is closed, and its sink stopped, when the test ends."""
    made: list[SinkPanel] = []

    def make(*args, **more) -> SinkPanel:
        made.append(SinkPanel(*args, **more))
        put_into_page(made[-1])
        return made[-1]

    yield make
    for panel in made:
        panel.close()
        if panel.desk.sink is not None:
            panel.desk.sink.stop()
            panel.desk.sink.archive.close()


@pytest.fixture
def panel(shown, tmp_path) -> SinkPanel:
    """A panel without a sink, which is to use a temporary archive."""
    panel = shown(book=book_of(tmp_path))
    panel.form.where.value = "temporary"
    return panel


def send(sink: lab.Sink, user: str = "", password: str = "") -> None:
    """Send a message by the STARTTLS door with smtplib, logged in where a *user* is given."""
    context = ssl.create_default_context(cafile=sink.ca_file)
    with smtplib.SMTP("127.0.0.1", sink.port) as smtp:
        smtp.starttls(context=context)
        if user:
            smtp.login(user, password)
        smtp.sendmail("ann@example.com", ["you@example.com"], MAIL)


def rows(panel: SinkPanel, count: int = 1) -> list[list[str]]:
    """The cells of the *count* sessions there are, once all have ended."""

    def ended() -> bool:
        panel.look()
        shown = panel.sessions.table.rows
        return len(shown) == count and not any("open" in row["cells"][6] for row in shown)

    until(ended, 20)
    return [row["cells"] for row in panel.sessions.table.rows]


def counted(panel: SinkPanel, name: str, count: int) -> bool:
    """Whether the panel comes to say that there are *count* of what is called *name*."""

    def said() -> bool:
        panel.look()  # it counts before it reads the rows: what comes between is counted next time
        return f"<span>{name}</span> <b>{count}</b>" in panel.numbers.value

    return until(said, 20)


class TestLife:
    def test_started_used_and_stopped(self, panel):
        """A button starts it, mail is counted and its session shown, a button stops it."""
        assert panel.stop_button.disabled
        press(panel, panel.start_button)
        sink = panel.desk.sink
        assert sink.running
        assert str(sink.port) in panel.state.value
        assert panel.start_button.disabled
        send(sink)
        [row] = rows(panel)
        assert row[2:6] == [row[2], "TLS 1.3", "–", "1"]
        assert row[6] == "mail accepted"
        assert counted(panel, "Messages", 1)
        press(panel, panel.stop_button)
        assert not sink.running
        assert "stopped" in panel.status.value
        assert not panel.start_button.disabled
        assert len(panel.desk.inbox) == 1

    def test_the_same_sink_goes_on(self, panel):
        """Started again with the settings unchanged, what a temporary archive holds is still there."""
        press(panel, panel.start_button)
        sink = panel.desk.sink
        send(sink)
        press(panel, panel.stop_button)
        press(panel, panel.start_button)
        assert panel.desk.sink is sink
        assert len(sink.inbox) == 1

    def test_other_settings_count_after_a_restart(self, panel):
        """Changed while it runs, they are announced, and a button restarts it with them."""
        press(panel, panel.start_button)
        first = panel.desk.sink
        assert panel.restart_button.disabled
        panel.form.offers["CHUNKING"].value = False
        assert "after a restart" in panel.changed.value
        press(panel, panel.restart_button)
        assert not first.running
        assert panel.desk.sink.running
        assert "CHUNKING" not in panel.desk.sink.settings.offers
        assert panel.changed.value == ""

    def test_a_wrong_setting_leaves_it_as_it_is(self, panel):
        """Restarting with a mistake says so at the field, and the sink goes on."""
        press(panel, panel.start_button)
        panel.form.max_size.value = "much"
        press(panel, panel.restart_button)
        assert panel.form.notes["max_size"].wrong
        assert "Correct the settings below." in panel.status.value
        assert panel.desk.sink.running

    def test_a_restart_that_fails_brings_the_old_one_back(self, panel):
        """Where the other port is taken, the sink runs again as it was."""
        press(panel, panel.start_button)
        with socket.create_server(("127.0.0.1", 0)) as other:
            panel.form.doors["plain"][1].value = str(other.getsockname()[1])
            press(panel, panel.restart_button)
        assert panel.form.notes["plain_port"].wrong
        assert panel.desk.sink.running

    def test_it_tells_the_others(self, shown, tmp_path):
        """Who shares the desk hears of another sink, of its start and of its stop."""
        desk, heard = Desk(book_of(tmp_path)), []
        desk.on("sink", heard.append)
        panel = shown(desk=desk)
        panel.form.where.value = "temporary"
        press(panel, panel.start_button)
        press(panel, panel.stop_button)
        assert heard == [desk.sink, desk.sink]

    def test_a_sink_started_by_code_is_seen(self, shown, new_sink):
        """What a cell does to the sink is in the panel a second later."""
        sink = new_sink()
        panel = shown(sink)
        assert "Running" in panel.state.value
        sink.stop()
        until(lambda: "Stopped" in panel.state.value)
        assert "start it again" in panel.status.value
        sink.start()
        until(lambda: str(sink.port) in panel.state.value)

    def test_in_a_process_of_its_own(self, shown, tmp_path):
        """As in a notebook: who is connected now is asked over the pipe."""
        sink = lab.Sink(tmp_path / "mail.sqlite3", process=True)
        panel = shown(sink)
        press(panel, panel.start_button)
        with smtplib.SMTP("127.0.0.1", sink.port):
            assert counted(panel, "Connected now", 1)
        press(panel, panel.stop_button)
        assert "Connected now" not in panel.numbers.value

    def test_waiting_can_be_stopped(self, panel, monkeypatch):
        """A start nobody waits for any more leaves no sink behind."""
        go, ended = threading.Event(), threading.Event()
        begin = lab.Sink.start

        def slow(sink):
            go.wait(20)
            return begin(sink)

        def stop(sink):
            ended.set()

        monkeypatch.setattr(lab.Sink, "start", slow)
        monkeypatch.setattr(lab.Sink, "stop", stop)
        panel.start_button.click()
        panel.work.stop_button.click()
        go.set()
        assert ended.wait(20)
        monkeypatch.undo()
        lab.Sink.stop_all()
        assert panel.desk.sink is None

    def test_closed_it_looks_no_more(self, shown, new_sink):
        """The thread ends with the panel; the sink goes on."""
        sink, before = new_sink(), _watching()
        panel = shown(sink)
        assert _watching() == before + 1
        panel.close()
        until(lambda: _watching() == before)
        assert sink.running


def _watching() -> int:
    return sum(thread.name == "smtp-lab-sink-panel" for thread in threading.enumerate())


class TestPorts:
    @pytest.mark.parametrize(
        ("door", "name"), [("starttls", "port"), ("implicit", "tls_port"), ("plain", "plain_port")]
    )
    def test_a_taken_port_is_a_sentence_at_its_field(self, panel, door, name):
        """It names the port and the way out, and the focus goes there."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            panel.form.doors[door][1].value = str(port)
            press(panel, panel.start_button)
        said = f"Port {port} is already in use; give another, or 0 for a free one."
        assert said in panel.form.notes[name].value
        assert panel.manners.target.startswith(f"smtp-lab-at-sink-{name} ")
        panel.form.doors[door][1].value = "0"
        assert not panel.form.notes[name].wrong
        press(panel, panel.start_button)
        assert panel.desk.sink.running

    def test_no_number_is_a_sentence_at_its_field(self, panel):
        """Text, too much, and twice the same."""
        ports = {door: fields[1] for door, fields in panel.form.doors.items()}
        ports["starttls"].value = "many"
        ports["implicit"].value = "70000"
        press(panel, panel.start_button)
        assert panel.form.notes["port"].wrong
        ports["starttls"].value = "2525"
        press(panel, panel.start_button)
        assert "0 and 65535" in panel.form.notes["tls_port"].value
        ports["implicit"].value = "2525"
        press(panel, panel.start_button)
        assert "the same as port" in panel.form.notes["tls_port"].value

    def test_doors_that_are_shut(self, panel):
        """Only what is open listens, is shown and gets a profile; without any it does not start."""
        for door in ("starttls", "implicit", "plain"):
            panel.form.doors[door][0].value = False
        press(panel, panel.start_button)
        assert panel.form.notes["doors"].wrong
        panel.form.doors["plain"][0].value = True
        press(panel, panel.start_button)
        sink = panel.desk.sink
        assert "STARTTLS" not in panel.state.value
        with pytest.raises(lab.SinkError, match="door starttls is not open"):
            _ = sink.port
        assert lab.send_test(sink.profile(), to="you@example.com").ok
        assert lab.ProfileBook.open()["lab"].connection.port == sink.plain_port


class TestLogins:
    def test_only_these_users(self, panel):
        """A list with passwords: one of them gets in, a wrong password is a failed session."""
        panel.form.who.value = "listed"
        [(name, box, _row)] = panel.form.users._rows
        name.value = "ann"
        press(panel, panel.start_button)
        assert "ann has no password" in panel.form.notes["users"].value
        type_secret(box, "canary-51")
        press(panel, panel.start_button)
        sink = panel.desk.sink
        assert sink.settings.login_required == {"starttls", "implicit", "plain"}
        send(sink, "ann", "canary-51")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            send(sink, "ann", "canary-52")
        wrong, good = rows(panel, 2)
        assert good[4] == "✔ ann"
        assert wrong[4] == "✘ ann"
        assert wrong[6].startswith("login refused: 535 ")
        assert counted(panel, "Refused", 1)
        panel.sessions.show_one(panel.sessions.table.rows[0]["id"])
        assert any("535" in line["text"] for line in panel.sessions.replay.lines)
        panel.code_button.click()
        assert "canary-5" not in everything(panel)
        assert "getpass(" in panel.code_view.text

    def test_mistakes_in_the_list(self, panel):
        """Nobody, no name, and twice the same are said below it; a row can be taken away."""
        panel.form.who.value = "listed"
        users = panel.form.users
        users.put(())
        press(panel, panel.start_button)
        assert "add a user" in panel.form.notes["users"].value
        users.add_button.click()
        users.add_button.click()
        for name, box, _row in users._rows:
            name.value = "ann"
            type_secret(box, "open sesame")
        press(panel, panel.start_button)
        assert "ann is there twice" in panel.form.notes["users"].value
        users._rows[1][2].children[2].click()
        press(panel, panel.start_button)
        assert panel.desk.sink.running

    def test_a_login_can_be_required_at_one_door(self, panel):
        """Each door says for itself; so does the code."""
        panel.form.doors["plain"][2].value = True
        press(panel, panel.start_button)
        assert panel.desk.sink.settings.login_required == {"plain"}
        wanted = "login_required={'starttls': False, 'implicit': False, 'plain': True}"
        assert wanted in panel.code()

    def test_a_function_that_decides_is_kept(self, shown, new_sink):
        """A sink that was given one keeps it over a restart; no form can have it otherwise."""

        def decide(login: lab.Login) -> bool:
            return login.username == "ann"

        panel = shown(new_sink(users=decide))
        assert panel.form.who.value == "judge"
        panel.form.mechanisms["PLAIN"].value = False
        press(panel, panel.restart_button)
        assert panel.desk.sink.settings.users is decide
        assert "users=decide" in panel.code()


class TestSettings:
    def test_what_a_sink_was_given_is_in_the_form(self, shown, tmp_path):
        """Every setting of a sink is in the form, and comes back from it unchanged."""
        sink = lab.Sink(
            tmp_path / "mine.sqlite3",
            plain_port=0,
            doors=["starttls", "plain"],
            users={"ann": "open sesame"},
            login_required={"plain": False},
            limits=lab.Limits(message=1000, recipients=7),
            without=["DSN"],
            mechanisms=["LOGIN"],
            retention=lab.Retention(count=5, age=timedelta(days=1.5), bytes=4096),
            rules=[lab.Rule(recipient="*@example.org", mailbox="org")],
            synchronous="NORMAL",
            process=False,
        )
        panel = shown(sink)
        assert panel.form.draft.sink().settings == sink.settings
        assert not panel.form.doors["implicit"][0].value
        assert panel.form.kept["days"].value == "1.5"
        assert panel.form.address.kept_words.endswith("mine.sqlite3")

    def test_every_extension_and_mechanism_has_a_tick(self, panel):
        """What the sink knows can be taken away, each by itself."""
        assert tuple(panel.form.offers) == OFFERS
        assert tuple(panel.form.mechanisms) == MECHANISMS

    def test_the_archive_is_a_path_or_a_url(self, panel, tmp_path):
        """It is typed where a notebook keeps nothing; a mistake is said at the field."""
        panel.form.where.value = "other"
        press(panel, panel.start_button)
        assert "no path or URL is given" in panel.form.notes["archive"].value
        type_secret(panel.form.address, "oracle://ann:canary-53@127.0.0.1/mail")
        press(panel, panel.start_button)
        assert "cannot be opened with oracle" in panel.form.notes["archive"].value
        assert "canary-53" not in everything(panel) + panel.code()
        type_secret(panel.form.address, f"{tmp_path}/kept.sqlite3")
        press(panel, panel.start_button)
        assert (tmp_path / "kept.sqlite3").exists()

    def test_retention(self, panel):
        """Numbers and days; what is none is said at its field."""
        panel.form.kept["count"].value = "1,000"
        panel.form.kept["days"].value = "some"
        press(panel, panel.start_button)
        assert panel.form.notes["days"].wrong
        panel.form.kept["days"].value = "0.5"
        press(panel, panel.start_button)
        kept = panel.desk.sink.settings.retention
        assert kept == lab.Retention(count=1000, age=timedelta(hours=12))

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"max_size": "1000", "count": "10", "days": "2"},
            {"offers": frozenset({"SIZE", "AUTH"}), "mechanisms": frozenset({"PLAIN"})},
            {"doors": SinkDraft().doors | {"plain": DoorDraft(open=False)}},
        ],
    )
    def test_the_code_makes_the_same_sink(self, change, monkeypatch):
        """Run, the lines give a sink with the settings of the form."""
        draft = SinkDraft(where="temporary", **change)
        made: list[lab.Sink] = []
        monkeypatch.setattr(lab.Sink, "start", lambda sink: made.append(sink) or sink)
        exec(draft.code(), {})
        wanted = draft.sink().settings
        assert made[0].settings._replace(archive=None) == wanted._replace(archive=None)

    def test_mine_is_the_archive_of_this_user(self, shown, tmp_path):
        """Without a sink the desk reads the user's own archive, and so does a sink by default."""
        desk = Desk(book_of(tmp_path))
        assert desk.inbox.archive.name == str(data_dir() / "mail.sqlite3")
        panel = shown(desk=desk)
        press(panel, panel.start_button)
        assert panel.desk.sink.archive.name == desk.inbox.archive.name
        assert panel.form.where.value == "mine"


class TestSessions:
    def test_pages(self, shown, new_sink):
        """At most a page of rows, the newest first; the older ones are a click away."""
        sink = new_sink()
        panel = shown(sink)
        for _ in range(PAGE + 3):
            with smtplib.SMTP("127.0.0.1", sink.plain_port) as smtp:
                smtp.helo("client.example.com")
        until(lambda: panel.look() or "of 23" in panel.sessions.where.value, 20)
        first = rows(panel, PAGE)
        assert first == sorted(first, key=lambda cells: cells[0], reverse=True)
        assert all(cells[6] == "left without mail" for cells in first)
        assert "1 to 20 of 23" in panel.sessions.where.value
        panel.sessions.older.click()
        assert len(panel.sessions.table.rows) == 3
        assert panel.sessions.older.disabled
        panel.sessions.newer.click()
        assert [row["cells"] for row in panel.sessions.table.rows] == first

    def test_who_is_there_and_who_broke_off(self, shown, new_sink):
        """A client that vanishes is a row, and a hostile name is text cut to a cell."""
        sink = new_sink()
        panel = shown(sink)
        with socket.create_connection(("127.0.0.1", sink.plain_port), 10) as client:
            client.recv(1000)
            client.sendall(b"EHLO <b>" + b"x" * 200 + b"\r\n")
            client.recv(1000)
            assert counted(panel, "Connected now", 1)
        [row] = rows(panel)
        assert row[6] == "broken off"
        assert len(row[2]) == 80

    def test_a_row_that_is_chosen_shows_its_dialogue(self, shown, new_sink):
        """What the page sends for a click is answered with the lines, their meaning, and text."""
        sink = new_sink()
        panel = shown(sink)
        send(sink)
        rows(panel)
        table = panel.sessions.table
        table._handle_custom_msg({"type": "choose", "id": table.rows[0]["id"]}, [])
        assert table.chosen == table.rows[0]["id"]
        lines = panel.sessions.replay.lines
        assert any(line["text"].startswith("EHLO") and line["meaning"] for line in lines)
        assert "EHLO" in panel.sessions.shown.children[2].text
        table._handle_custom_msg({"type": "choose", "id": "nobody's"}, [])
        assert table.chosen == table.rows[0]["id"]

    def test_an_archive_that_is_gone_is_a_sentence(self, shown, new_sink, monkeypatch):
        """What cannot be read is said once, and looking goes on."""
        panel = shown(new_sink())

        def fail(_archive):
            raise lab.ArchiveError("The archive cannot be read.")

        monkeypatch.setattr("smtp_lab.widgets.sink_panel.counted", fail)
        until(lambda: "cannot be read" in panel.status.value)
        panel.say("")
        panel.look_or_say()
        assert panel.status.value == ""


class TestClients:
    def test_a_profile_for_it(self, shown, sink, tmp_path):
        """It is saved, chosen, and works; a name that is there is said at the field."""
        panel = shown(sink, book=book_of(tmp_path))
        panel.way_in.name.value = "local"
        panel.way_in.add_button.click()
        book = panel.desk.book
        assert panel.desk.chosen == "local"
        assert lab.send_test("local", to="you@example.com", book=book).ok
        panel.way_in.add_button.click()
        assert "There is a profile of that name" in panel.way_in.note.value
        panel.way_in.name.value = "a name with spaces"
        panel.way_in.add_button.click()
        assert panel.way_in.note.wrong

    def test_settings_for_other_programs(self, shown, sink):
        """Each can be copied, and none has the password in it."""
        panel = shown(sink)
        for client in CLIENTS:
            panel.way_in.client.value = client
            assert panel.way_in.settings.text == settings_for(sink, client)
            assert str(sink.port) in panel.way_in.settings.text
            assert "sesame" not in panel.way_in.settings.text
        assert panel.way_in.ca_file.text == str(sink.ca_file)
        with pytest.raises(lab.InputError, match="is not known"):
            settings_for(sink, "mutt")

    @pytest.mark.parametrize("more", [{}, {"doors": ["implicit"]}, {"doors": ["plain"]}])
    def test_the_swaks_line_sends(self, new_sink, more):
        """Pasted into a shell, it sends a message that arrives."""
        need("swaks", "on Debian: apt-get install swaks libnet-ssleay-perl")
        sink = new_sink(**more)
        line = settings_for(sink, "swaks")
        done = subprocess.run(
            line, shell=True, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout
        assert sink.inbox[-1].session.login == "lab"

    @pytest.mark.parametrize("more", [{}, {"doors": ["implicit"]}, {"doors": ["plain"]}])
    def test_the_python_program_sends(self, new_sink, more):
        """It runs as it is and its message arrives, verified and logged in."""
        sink = new_sink(**more)
        exec(settings_for(sink, "smtplib"), {})
        assert sink.inbox[-1].subject == "Hello"
        assert sink.inbox[-1].session.login_ok

    def test_what_env_and_django_say_is_so(self, sink, monkeypatch):
        """With the certificate they name, a default context trusts the sink."""
        lines = dict(x.split("=", 1) for x in settings_for(sink, "env").splitlines())
        monkeypatch.setenv("SSL_CERT_FILE", lines["SSL_CERT_FILE"])
        with smtplib.SMTP(lines["SMTP_HOST"], int(lines["SMTP_PORT"])) as smtp:
            assert smtp.starttls(context=ssl.create_default_context())[0] == 220
        django: dict = {}
        exec(settings_for(sink, "django"), django)
        assert (django["EMAIL_PORT"], django["EMAIL_USE_TLS"]) == (sink.port, True)


def test_no_sink_without_a_word(shown, tmp_path):
    """Alone and in an app it begins with none, and says so."""
    panel = shown(book=book_of(tmp_path))
    assert "No sink yet" in panel.state.value
    assert panel.settings.unfolded
    app = lab.app(book_of(tmp_path))
    assert app.desk.sink is None
    assert "No sink yet" in app.panels["sink"].state.value
    app.close()
