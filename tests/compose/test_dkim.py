"""DKIM: what arrives verifies with another program's code, byte for byte as it was sent."""

from __future__ import annotations

import base64
import traceback

import dkim
import pandas as pd
import pytest
from cryptography.hazmat.primitives import serialization as kinds
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import smtp_lab as lab
from smtp_lab.errors import InputError


def pem(key, kind=kinds.PrivateFormat.PKCS8, password=None):
    lock = kinds.BestAvailableEncryption(password) if password else kinds.NoEncryption()
    return key.private_bytes(kinds.Encoding.PEM, kind, lock).decode()


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def key(rsa_key):
    return lab.DkimKey("example.com", "mail2026", pem(rsa_key))


@pytest.fixture
def verify(rsa_key):
    public = rsa_key.public_key().public_bytes(
        kinds.Encoding.DER, kinds.PublicFormat.SubjectPublicKeyInfo
    )

    def check(raw):
        def txt(name, **_):
            assert name == b"mail2026._domainkey.example.com."
            return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

        return dkim.verify(raw, dnsfunc=txt)

    return check


FRAME = pd.DataFrame({"year": [2025, 2026], "Größe": [1.5, 2.5], "long": ["x" * 300, "日本" * 90]})


def signed(key, **changes):
    options = {
        "to": '"Zoë, Sales" <b@example.org>', "sender": "Änn Example <ann@example.com>",
        "title": "Zahlen für 日本 " * 9, "summary": "ü" * 3000, "table": FRAME,
        "attachments": {"a.xlsx": FRAME, "a.csv": FRAME},
        "unsubscribe": ["https://example.com/out?u=1", "out@example.com"], "dkim": key,
    }  # fmt: skip
    return lab.render("report", **(options | changes))


class TestSending:
    """Signed last, over the bytes that leave."""

    def test_what_arrives_verifies(self, sink, key, verify):
        """Through SMTP and the sink every byte is the same, and both headers of RFC 8058 count."""
        profile = sink.profile(sender="Änn Example <ann@example.com>")
        lab.send(signed(key), profile=profile)
        raw = sink.inbox[-1].raw
        assert verify(raw)
        assert not verify(
            raw.replace(b"List-Unsubscribe-Post: List-Unsub", b"List-Unsubscribe-Post: List-unsub")
        )
        assert not verify(b"From: Eve <eve@example.org>\r\n" + raw)
        assert raw.isascii()

    def test_signature_and_reply_to_of_the_profile_are_signed(self, sink, key, verify):
        """Rendered with the profile, sending has nothing to add."""
        made = sink.profile(sender="ann@example.com")
        profile = made.replace(signature="Ann\nTeam", reply_to="desk@example.com")
        message = signed(key, profile=profile, sender=None)
        lab.send(message, profile=profile)
        captured = sink.inbox[-1]
        assert verify(captured.raw)
        assert captured.header("Reply-To") == "desk@example.com"
        assert captured.text.rstrip().endswith("-- \r\nAnn\r\nTeam".replace("\r\n", "\n"))
        assert captured.text.count("Team") == captured.html.count("Team") == 1

    def test_a_batch_and_bcc_verify_too(self, sink, key, verify):
        """Prepared, sent in a batch, with hidden recipients: the signature holds."""
        message = signed(key)
        message["Bcc"] = "hidden@example.com"
        profile = sink.profile(sender="Änn Example <ann@example.com>")
        lab.send_many([lab.prepare(message, profile), message], profile)
        assert [verify(captured.raw) for captured in sink.inbox] == [True, True]

    @pytest.mark.parametrize(
        "change",
        [{"signature": "Ann"}, {"reply_to": "x@example.com"}, {"recipients_as": "bcc"}],
        ids=str,
    )
    def test_a_profile_that_would_change_it_is_refused(self, sink, key, change):
        """A broken signature is worse than none: one sentence, and nothing is sent."""
        profile = sink.profile(sender="ann@example.com").replace(**change)
        with pytest.raises(
            InputError, match=r"was signed with DKIM, and profile .* would change it"
        ):
            lab.send(signed(key), profile=profile)
        assert len(sink.inbox) == 0


class TestRefusals:
    """What cannot be signed is told before anything is made."""

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"sender": None}, "dkim: needs to know who sends; give profile= or sender="),
            ({"sender": "a@example.org"}, "example.com cannot sign for example.org"),
            ({"sender": "a@notexample.com"}, "cannot sign for notexample.com"),
            ({"dkim": "key"}, "dkim: is a str; give a lab.DkimKey"),
            ({"to": "ü@example.com"}, "dkim: cannot sign what is not ASCII on the wire"),
        ],
    )
    def test_a_message(self, key, changes, words):
        """Each has its sentence."""
        with pytest.raises(InputError) as caught:
            signed(changes.pop("dkim", key), **changes)
        assert words in str(caught.value)

    def test_a_subdomain_may_be_signed_for(self, key, verify):
        """A domain signs for what is below it."""
        assert verify(signed(key, sender="a@mail.example.com").as_bytes().replace(b"\n", b"\r\n"))

    def test_a_profile_that_moves_the_recipients(self, sink, key):
        """It is known while it is rendered."""
        profile = sink.profile(sender="ann@example.com").replace(recipients_as="bcc")
        with pytest.raises(InputError, match="moves the recipients to bcc"):
            signed(key, profile=profile, sender=None)

    def test_a_key(self, rsa_key, tmp_path):
        """Domain, selector and key are checked when it is made, and the key is never shown."""
        good = pem(rsa_key)
        bad = [
            (("no domain", "s", good), "domain: "),
            (("example.com", "a b", good), "selector: 'a b' is no selector"),
            (("example.com", "s", "nonsense"), "private_key: is no private key"),
            (("example.com", "s", good[:400]), "private_key: is no private key"),
            (("example.com", "s", pem(rsa_key, password=b"pw")), "private_key: is no private key"),
            (("example.com", "s", pem(ec.generate_private_key(ec.SECP256R1()))), "is no RSA key"),
            (("example.com", "s", tmp_path / "none.pem"), "cannot be read (No such file"),
            (("example.com", "s", 3), "private_key: "),
        ]
        for args, words in bad:
            with pytest.raises(InputError) as caught:
                lab.DkimKey(*args)
            assert words in str(caught.value)
            trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
            assert (
                "MII"
                not in "".join(
                    line for line in trace.format() if "test_dkim" not in line
                ).partition("args = ")[0]
            )

    def test_nothing_shows_the_key(self, rsa_key, key, tmp_path):
        """Not its repr, not its attributes; a file and a Secret do as well."""
        path = tmp_path / "key.pem"
        path.write_text(pem(rsa_key, kinds.PrivateFormat.TraditionalOpenSSL))
        for one in (
            key,
            lab.DkimKey("example.com", "s", path),
            lab.DkimKey("example.com", "s", lab.Secret(pem(rsa_key))),
        ):
            assert "MII" not in f"{one!r}{one}{vars(one)}"
