"""The command line, as a shell starts it."""

from __future__ import annotations

import json
import mailbox
import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

import smtp_lab as lab

SMTP_LAB = str(Path(sys.executable).parent / "smtp-lab")
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


def _run(*args: str, code: int = 0, **more: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [SMTP_LAB, *args], capture_output=True, text=True, timeout=60, check=False, **more
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_demo_prints_the_dialogue_and_the_table():
    """The demonstration ends well and shows what it promises."""
    output = _run("demo").stdout
    assert "The client asks to encrypt this connection" in output
    assert "AUTH PLAIN ••••••" in output
    assert output.count("TLSv1.3   ann") == 3
    assert output.endswith("Three messages were sent and arrived as they were sent.\n")


def test_demo_as_json():
    """With --json the three deliveries are data."""
    data = json.loads(_run("demo", "--json").stdout)
    assert data["differences"] == []
    assert [delivery["ok"] for delivery in data["deliveries"]] == [True, True, True]


@pytest.mark.parametrize(
    ("book", "variables"),
    [
        ('[policy]\napproved_domains = ["example.com"]\n', {}),
        ('[policy]\nredirect_all_to = "staging@example.com"\n', {}),
        ("", {"SMTP_LAB_POLICY__APPROVED_DOMAINS": "x.example"}),
        ("", {"SMTP_LAB_NONSENSE__OF": "nobody"}),
        ("not TOML", {}),
    ],
    ids=["domains", "redirected", "domains of the environment", "unknown setting", "broken book"],
)
def test_demo_is_about_nobodys_own_book(tmp_path, book, variables):
    """Whatever the book and the environment of a person say, the demonstration is the same."""
    Path(os.environ["SMTP_LAB_CONFIG"]).write_text(book)
    done = _run("demo", "--json", env=os.environ | variables)
    assert json.loads(done.stdout)["differences"] == []
    assert done.stderr == ""


def test_python_m_is_the_same_program():
    """`python -m smtp_lab` works where the program is not on the path, and says so in its help."""
    command = [sys.executable, "-m", "smtp_lab", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("Usage: python -m smtp_lab [OPTIONS] COMMAND")


def test_demo_fails_when_something_arrives_otherwise(monkeypatch, tmp_path):
    """A sink that loses a byte makes the demonstration exit with 1 and say what is different."""
    code = """
import smtp_lab.archive.reading as store
whole = store.message_of
def shorter(row):
    message = whole(row)
    message.raw = message.raw.replace(b"survive", b"vanish")
    return message
store.message_of = shorter
from smtp_lab.cli import main
main(["demo"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "DIFFERENT" in done.stderr
    assert "every byte as sent" in done.stderr


def test_jupyter_finds_the_command():
    """`jupyter smtp-lab` is the same program."""
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "smtp-lab", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == f"smtp-lab, version {lab.__version__}"


def test_a_sink_in_the_shell_takes_mail_until_interrupted(tmp_path):
    """`smtp-lab sink` says where it listens, prints what arrives, and ends on Ctrl-C."""
    archive = tmp_path / "mail.sqlite3"
    command = [
        SMTP_LAB,
        "sink",
        "--port",
        "0",
        "--tls-port",
        "0",
        "--archive",
        str(archive),
        "--json",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        about = json.loads(process.stdout.readline())
        profile = lab.Profile(
            name="shell",
            sender="ann@example.com",
            connection=lab.SmtpConnection(
                host=about["host"], port=about["port"], ca_file=about["ca_file"]
            ),
        )
        assert lab.send_test(profile, to="you@example.com").ok
        assert json.loads(process.stdout.readline())["rcpt_to"] == ["you@example.com"]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert process.returncode == 0
    listed = json.loads(_run("inbox", "--archive", str(archive), "--json").stdout)
    assert listed["mail_from"] == "ann@example.com"


def test_a_sink_beyond_this_machine_wants_a_user(tmp_path):
    """It says that others can reach it, takes the user's login and no other, and drains on TERM."""
    archive = str(tmp_path / "mail.sqlite3")
    command = ["sink", "--host", "0.0.0.0", "--port", "0", "--tls-port", "0", "--archive", archive]
    refused = _run(*command, code=1)
    assert refused.stderr == "Error: Others can reach this sink: give --user, who may log in.\n"
    assert not Path(archive).exists()
    process = subprocess.Popen(
        [SMTP_LAB, *command, "--user", "ann", "--json"],
        env=os.environ | {"SMTP_LAB_SINK_PASSWORD": "open sesame"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        about = json.loads(process.stdout.readline())
        connection = lab.SmtpConnection(
            host="127.0.0.1",
            port=about["port"],
            ca_file=about["ca_file"],
            auth=lab.BasicAuth(username="ann", password="open sesame"),
        )
        profile = lab.Profile(name="shell", sender="ann@example.com", connection=connection)
        assert not lab.send_test(profile.with_password("open barley"), to="you@example.com").ok
        assert lab.send_test(profile, to="you@example.com").ok
        assert json.loads(process.stdout.readline())["rcpt_to"] == ["you@example.com"]
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert said.startswith("The sink listens on 0.0.0.0, beyond this machine: whoever can reach it")
    assert "sesame" not in said
    assert said.endswith("stopped\n")
    opened = lab.Inbox.open(archive)
    assert all(session.ended_at for session in opened.archive.sessions())
    opened.archive.close()


def test_a_taken_port_is_one_sentence(sink):
    """No traceback: the port and what to do."""
    done = _run("sink", "--port", str(sink.port), "--tls-port", "0", code=1)
    assert done.stderr.startswith(f"Error: Port {sink.port} on 127.0.0.1 is already in use; ")
    assert "Traceback" not in done.stderr


def test_a_sink_without_a_terminal_says_how_to_give_the_password():
    """One sentence and no warning; and the host is looked at before anything is asked."""
    quiet = {"stdin": subprocess.DEVNULL, "start_new_session": True}
    done = _run("sink", "--port", "0", "--tls-port", "0", "--user", "ann", code=1, **quiet)
    assert done.stderr == (
        "Error: There is no terminal to ask for the password of ann: "
        "give it in SMTP_LAB_SINK_PASSWORD.\n"
    )
    done = _run("sink", "--host", "nonsense.invalid", "--user", "ann", code=1, **quiet)
    assert done.stderr.startswith("Error: host: is no IP address; give one such as")


def test_send_test_through_a_saved_profile(sink):
    """A profile of the book, its password from the environment; a refusal exits with 1."""
    lab.ProfileBook.open().save(sink.profile("team"))
    variable = lab.ProfileBook.open().secrets.variable("team")
    good = _run(
        "send-test", "team", "--to", "you@example.com", env=os.environ | {variable: "open sesame"}
    )
    assert good.stdout.startswith("Accepted by")
    bad = _run("send-test", "team", "--json", code=1, env=os.environ | {variable: "open barley"})
    assert json.loads(bad.stdout)["diagnosis"]["id"] == "bad_credentials"
    assert "barley" not in bad.stdout
    assert "is not known" in _run("send-test", "team", code=1).stderr
    assert "'tema' is not in" in _run("send-test", "tema", code=1).stderr


def test_doctor_through_a_saved_profile(sink):
    """Each stage has a line; a stage that failed exits with 1, and nothing is ever sent."""
    lab.ProfileBook.open().save(sink.profile("team"))
    variable = lab.ProfileBook.open().secrets.variable("team")
    env = os.environ | {variable: "open sesame"}
    good = _run("doctor", "team", "--to", "you@example.com", "--others", env=env)
    assert "✔ rcpt" in good.stdout
    assert "Nothing was sent." in good.stdout
    bad = _run("doctor", "team", "--json", code=1, env=os.environ | {variable: "open barley"})
    assert json.loads(bad.stdout)["failed_at"] == "auth"
    assert "barley" not in bad.stdout
    short = _run("doctor", "team", "--until", "ehlo-again")
    assert "– auth" in short.stdout
    wrong = _run("doctor", "team", "--until", "xyz", code=1).stderr
    listed = re.fullmatch(r"Error: until: 'xyz' is no stage; give one of (.*)\.\n", wrong)[1]
    helped = " ".join(_run("doctor", "--help").stdout.split())
    assert f"The last stage: {' or '.join(listed.rsplit(', ', 1))}." in helped
    assert len(sink.inbox) == 0


def test_an_empty_inbox_says_so(tmp_path):
    """Nothing captured is not an error, but an archive that is not there is."""
    done = _run("inbox", env=os.environ | {"SMTP_LAB_DATA": str(tmp_path)})
    assert done.stdout == "No mail has been captured yet.\n"
    missing = tmp_path / "typo" / "mail.sqlite3"
    assert "is not there" in _run("inbox", "--archive", str(missing), code=1).stderr
    assert not missing.parent.exists()


def _three(folder: Path) -> str:
    """The archive of a sink that took two messages, and refused a third."""
    file = str(folder / "mail.sqlite3")
    with lab.Sink(file) as sink:
        profile = sink.profile()
        for number in range(2):
            message = EmailMessage()
            message["From"], message["To"] = "ann@example.com", f"bob{number}@example.org"
            message["Subject"] = f"Report {number}"
            message.set_content("Hello")
            lab.send(message, profile=profile)
        with smtplib.SMTP("127.0.0.1", sink.plain_port) as client:
            client.ehlo("early.example")
            assert client.mail("nobody@example.com", ["SIZE=999999999"])[0] == 552
    return file


def test_the_inbox_is_searched(tmp_path):
    """A query finds messages, and connections without one; what is wrong with it is a sentence."""
    archive = _three(tmp_path)
    found = _run("inbox", 'subject:"report 1"', "--archive", archive, "--json").stdout
    assert json.loads(found)["subject"] == "Report 1"
    refused = _run("inbox", "from:nobody is:refused", "--archive", archive).stdout
    assert re.fullmatch(rf"     -  {MOMENT}  127\.0\.0\.1:\d+  refused, .*\n", refused)
    newest = _run("inbox", "from:ann", "--limit", "1", "--archive", archive).stdout
    way = r"lab@example\.com → bob1@example\.org"
    assert re.fullmatch(rf"The newest 1 of 2:\n     2  {MOMENT}  {way}  Report 1\n", newest)
    assert (
        _run("inbox", "--archive", archive, "--", "-from:ann subject:report").stdout
        == "Nothing matches.\n"
    )
    assert "there is no field form:" in _run("inbox", "form:x", "--archive", archive, code=1).stderr


def test_a_connection_that_ended_before_the_first_reply_has_a_line(tmp_path):
    """Without TLS at the door that begins with it, nothing is said: the line tells the outcome."""
    archive = str(tmp_path / "mail.sqlite3")
    with lab.Sink(archive) as sink, socket.create_connection(("127.0.0.1", sink.tls_port)):
        pass
    said = _run("inbox", "--archive", archive, "--", "-from:ann").stdout
    assert re.fullmatch(rf"     -  {MOMENT}  127\.0\.0\.1:\d+  dropped\n", said)


def test_a_line_of_the_inbox_holds_no_escape(tmp_path):
    """Many recipients are counted, and a terminal is told nothing by what a client sent."""
    archive = str(tmp_path / "mail.sqlite3")
    with lab.Sink(archive) as sink, smtplib.SMTP("127.0.0.1", sink.plain_port) as client:
        to = [f"bob{n}@example.org" for n in range(5)]
        client.sendmail("", to, b"Subject: \x1b[2J\xc2\x9b31m red\r\n\r\nHello\r\n")
        client.sendmail("ann@example.com", to[0], b"\r\nHello\r\n")
    first, second = _run("inbox", "--archive", archive).stdout.splitlines()
    way = "<> → bob0@example.org, bob1@example.org, bob2@example.org and 2 more"
    assert re.fullmatch(rf"     1  {MOMENT}  {way}  .*red", first)
    assert first.isprintable()
    assert second.endswith("ann@example.com → bob0@example.org  (no subject)")


def test_captured_mail_and_files_are_checked(tmp_path):
    """An error is exit code 1; with --json each finding is a line."""
    archive = _three(tmp_path)
    fine = _run("check", "subject:report", "--rule", "date-*", "--archive", archive).stdout
    assert fine == "Nothing found.\n"
    mail = tmp_path / "mail.eml"
    mail.write_bytes(b"From: ann@example.com\nSubject: {{ x }}\n\nHello\n")
    rows = _run("check", str(mail), "--json", code=1).stdout.splitlines()
    rules = {row["rule"]: row["severity"] for row in map(json.loads, rows)}
    assert rules["template-mark"] == "error"
    assert "date-missing" in _run("check", str(mail), str(mail), code=1).stdout
    assert "nope.eml is not there" in _run("check", "nope.eml", code=1).stderr
    html = b"Content-Type: text/html\r\n\r\n<style>p {display: flex}</style><p>Hello"
    mail.write_bytes(html)
    outlook = _run("check", str(mail), "--client", "outlook").stdout
    assert "Outlook" in outlook
    assert "date-missing" not in outlook


def test_line_ends_on_a_disk_are_not_those_of_the_wire(tmp_path):
    """Mail that Python wrote with LF alone is sound, in a file, a Maildir or a ZIP; mixed it is not."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@example.com", "bob@example.org", "Hi"
    message.set_content("Hello\n\nBob\n")
    file, box = tmp_path / "mail.eml", mailbox.Maildir(tmp_path / "box")
    file.write_bytes(message.as_bytes())
    box.add(message)
    with zipfile.ZipFile(tmp_path / "mail.zip", "w") as packed:
        packed.write(file, "mail.eml")
    only = ("--rule", "bare-*", "--rule", "line-*")
    for name in ("mail.eml", "box", "mail.zip"):
        assert _run("check", str(tmp_path / name), *only).stdout == "Nothing found.\n"
    file.write_bytes(message.as_bytes().replace(b"Hello\n", b"Hello\r\n"))
    assert "bare-lf" in _run("check", str(file), *only, code=1).stdout
    file.write_bytes(message.as_bytes().replace(b"Hello\n", b"Hello\rthere\n"))
    bare = _run("check", str(file), *only, "--json", code=1).stdout
    assert [json.loads(row)["rule"] for row in bare.splitlines()] == ["bare-cr"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_lab_starts_jupyterlab_with_a_sink(tmp_path, monkeypatch):
    """`smtp-lab lab` brings the first notebook, starts the sink and JupyterLab, and ends both."""
    monkeypatch.setenv("HOME", str(tmp_path))
    log = tmp_path / "log.txt"
    command = [SMTP_LAB, "lab", "--no-browser", "--port", "0"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=out, stderr=out, start_new_session=True
        )
    try:
        _await(log, r"http://127\.0\.0\.1:\d+/lab/tree/01_first_mail\.ipynb\?token=")
        port = int(_await(log, r"port (\d+) \(STARTTLS\)")[1])
        with pytest.raises(lab.PortInUseError):
            lab.Sink(tmp_path / "other.sqlite3", port=port).start()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
    assert (tmp_path / "01_first_mail.ipynb").exists()
    lab.Sink(tmp_path / "other.sqlite3", port=port).start().stop()


def test_a_notebook_that_is_not_there_is_one_sentence(tmp_path):
    """`smtp-lab lab NAME` says so before it starts anything."""
    assert (
        "nope.ipynb is not there"
        in _run("lab", "nope.ipynb", "--no-browser", code=1, cwd=tmp_path).stderr
    )


def _await(log: Path, pattern: str) -> re.Match[str]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if found := re.search(pattern, log.read_text()):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{pattern} did not appear in:\n{log.read_text()}")
