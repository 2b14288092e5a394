"""Other people's mail programs send to the sink, through either door, logged in and verified."""

from __future__ import annotations

import json
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from support import missing, need

import smtp_lab as lab

pytestmark = pytest.mark.interop

USER, PASSWORD = "ann", "open sesame"
DOORS = pytest.mark.parametrize("door", ["starttls", "implicit"])


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd, check=False)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def _port(sink: lab.Sink, door: str) -> int:
    return sink.port if door == "starttls" else sink.tls_port


def _look(sink: lab.Sink, door: str, subject: str) -> lab.Captured:
    """The captured message, after what holds for every client was checked."""
    captured = sink.inbox[-1]
    assert captured.subject == subject
    assert (captured.mail_from, captured.rcpt_to) == ("ann@example.com", ("you@example.com",))
    assert captured.session.door == door
    assert captured.session.tls_version == "TLSv1.3"
    assert (captured.session.login, captured.session.login_ok) == (USER, True)
    assert PASSWORD not in str(captured.transcript)
    return captured


@DOORS
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks(sink, door, mechanism):
    """swaks verifies the certificate and sends with AUTH PLAIN and AUTH LOGIN."""
    how = "on Debian: apt-get install swaks libnet-ssleay-perl"
    swaks = need("swaks", how)
    if "TLS supported" not in _run(swaks, "--support"):
        missing("TLS for swaks", how)
    output = _run(
        *(swaks, "--server", sink.host, "--port", str(_port(sink, door))),
        *(
            "--tls" if door == "starttls" else "--tls-on-connect",
            "--tls-verify",
            "--tls-ca-path",
            str(sink.ca_file),
        ),
        *("--auth", mechanism, "--auth-user", USER, "--auth-password", PASSWORD),
        *(
            "--from",
            "ann@example.com",
            "--to",
            "you@example.com",
            "--header",
            "Subject: From swaks",
        ),
    )
    assert "250 2.0.0 Ok" in output
    assert _look(sink, door, "From swaks").session.mechanism == mechanism


@DOORS
def test_curl(sink, door, tmp_path):
    """curl uploads a message and the bytes arrive as they were."""
    curl = need("curl", "on Debian: apt-get install curl")
    raw = b"From: ann@example.com\r\nTo: you@example.com\r\nSubject: From curl\r\n\r\nA dot:\r\n.\r\n..two\r\n"
    (tmp_path / "mail.eml").write_bytes(raw)
    scheme = "smtp" if door == "starttls" else "smtps"
    _run(
        *(curl, "--silent", "--show-error", "--ssl-reqd", "--cacert", str(sink.ca_file)),
        *(f"{scheme}://{sink.host}:{_port(sink, door)}", "--user", f"{USER}:{PASSWORD}"),
        *("--mail-from", "ann@example.com", "--mail-rcpt", "you@example.com"),
        *("--upload-file", str(tmp_path / "mail.eml")),
    )
    assert _look(sink, door, "From curl").raw == raw


@DOORS
def test_smtplib(sink, door):
    """Python's own smtplib logs in and sends."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "ann@example.com",
        "you@example.com",
        "From smtplib",
    )
    message.set_content("Sent by smtplib.\n.\n")
    context = ssl.create_default_context(cafile=sink.ca_file)
    if door == "implicit":
        client = smtplib.SMTP_SSL(sink.host, sink.tls_port, context=context, timeout=10)
    else:
        client = smtplib.SMTP(sink.host, sink.port, timeout=10)
        client.starttls(context=context)
    with client:
        client.login(USER, PASSWORD)
        assert client.send_message(message) == {}
    assert _look(sink, door, "From smtplib").text == "Sent by smtplib.\n.\n"


@pytest.fixture(scope="session")
def nodemailer(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """nodemailer(**settings) sends a message with it; gives what it printed."""
    node, npm = need("node", "install Node.js 18 or newer"), need("npm", "it comes with Node.js")
    folder = tmp_path_factory.mktemp("nodemailer")
    here = Path(__file__).parent / "nodemailer"
    for name in ("package.json", "send.js"):
        shutil.copy(here / name, folder)
    _run(
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--ignore-scripts",
        "--silent",
        cwd=folder,
    )
    return lambda **settings: _run(node, "send.js", json.dumps(settings), cwd=folder)


@DOORS
def test_nodemailer(sink, door, nodemailer):
    """nodemailer sends text, HTML and an attachment."""
    nodemailer(
        host="localhost",
        port=_port(sink, door),
        secure=door == "implicit",
        ca=str(sink.ca_file),
        user=USER,
        **{"pass": PASSWORD},
    )
    captured = _look(sink, door, "From nodemailer: grüße")
    assert captured.text == "Sent by nodemailer.\n.\n"
    assert "<b>nodemailer</b>" in captured.html
    assert [(a.name, a.content) for a in captured.attachments] == [("data.txt", b"some data")]
