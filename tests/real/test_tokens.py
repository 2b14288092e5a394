"""A real Dovecot behind Postfix takes tokens, and says why it refuses one (SASL over SMTP)."""

from __future__ import annotations

import json
import smtplib
import ssl
import subprocess
from base64 import b64decode, b64encode

import pytest
from deliver.servers import authority
from real import tokens
from support import need

import smtp_lab as lab

ANN = "ann@example.com"
REFUSED = {
    "expired": tokens.EXPIRED,
    "for another service": tokens.WRONG_SCOPE,
    "of another person": tokens.OF_ANOTHER,
    "unknown": "made-up",
}
MECHANISMS = pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])


def response(mechanism, token):
    """What the client says first: Google's XOAUTH2, or RFC 7628."""
    said = {
        "XOAUTH2": f"user={ANN}\1auth=Bearer {token}\1\1",
        "OAUTHBEARER": f"n,a={ANN},\1host=127.0.0.1\1port=587\1auth=Bearer {token}\1\1",
    }
    return b64encode(said[mechanism].encode()).decode()


@pytest.fixture
def client(real):
    context = ssl.create_default_context()
    authority().configure_trust(context)
    with smtplib.SMTP("127.0.0.1", real.postfix.ports["starttls"], timeout=10) as smtp:
        smtp.starttls(context=context)
        smtp.ehlo()
        yield smtp


def test_what_is_offered(client):
    """Postfix offers every mechanism Dovecot knows."""
    assert client.esmtp_features["auth"].split() == [
        "PLAIN",
        "LOGIN",
        "CRAM-MD5",
        "XOAUTH2",
        "OAUTHBEARER",
    ]


@MECHANISMS
@pytest.mark.parametrize("lines", [1, 2])
def test_a_good_token(real, client, mechanism, lines):
    """A token of a thousand octets is taken in one line with AUTH and in a line of its own."""
    said = response(mechanism, tokens.GOOD)
    assert len(said) > 1000
    if lines == 1:
        code, _ = client.docmd("AUTH", f"{mechanism} {said}")
    else:
        assert client.docmd("AUTH", mechanism) == (334, b"")
        code, _ = client.docmd(said)
    assert code == 235
    assert real.provider.asked == [tokens.GOOD]


@MECHANISMS
@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
def test_a_token_that_is_refused(real, client, mechanism, token):
    """First a challenge that says why, as JSON; after the client's empty answer, 535."""
    code, challenge = client.docmd("AUTH", f"{mechanism} {response(mechanism, token)}")
    assert code == 334
    said = json.loads(b64decode(challenge))
    assert said["status"] == {"XOAUTH2": "401", "OAUTHBEARER": "invalid_token"}[mechanism]
    assert lab.diagnose(b64decode(challenge), on="sasl").id == "sasl_token_invalid"
    code, text = client.docmd("" if mechanism == "XOAUTH2" else "AQ==")
    assert code == 535
    assert lab.diagnose(smtplib.SMTPAuthenticationError(code, text)).id == "bad_credentials"
    assert real.provider.asked == [token]


@MECHANISMS
@pytest.mark.parametrize("token", [tokens.GOOD, *REFUSED.values()], ids=["good", *REFUSED])
def test_a_test_mail_with_a_token(real, mechanism, token):
    """A token from the endpoint is tried once; refused, it is told in the words of the challenge."""
    real.provider.gives["an-application"] = token
    auth = lab.OAuth2(
        user=ANN,
        client_id="an-application",
        client_secret="s3cret-of-it",
        token_url=real.provider.token_url,
        mechanism=mechanism,
    )
    delivery = lab.send_test(real.profile("starttls", auth=auth), to="bob@example.org")
    assert token not in str(delivery)
    assert real.provider.asked == [token], delivery
    if token == tokens.GOOD:
        assert delivery.ok
        assert real.postfix.arrived(delivery.message_id) == delivery.raw
        assert f"sasl_method={mechanism}," in real.postfix.log.wait_for("sasl_method=", ANN)
    else:
        assert (delivery.diagnosis.id, delivery.stage) == ("sasl_token_invalid", "auth")
        assert "auth=0/1 " in real.postfix.goodbye()


def test_curl_logs_in_with_a_token(real, tmp_path):
    """Another program finds the same server: its token is taken, and its mail too."""
    curl = need("curl", "on Debian: apt-get install curl")
    authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    mail = tmp_path / "mail"
    mail.write_bytes(b"Message-ID: <by-curl@example.com>\r\n\r\nhi\r\n")
    where = f"smtp://127.0.0.1:{real.postfix.ports['starttls']}"
    done = subprocess.run(
        [
            *(curl, "--silent", "--show-error", "--ssl-reqd", "--cacert", tmp_path / "ca.pem"),
            *(where, "--user", ANN, "--oauth2-bearer", tokens.GOOD),
            *("--mail-from", ANN, "--mail-rcpt", "bob@example.org", "--upload-file", mail),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sasl_method=OAUTHBEARER," in real.postfix.log.wait_for("sasl_method=", ANN)
    assert real.postfix.arrived("<by-curl@example.com>") == mail.read_bytes()
