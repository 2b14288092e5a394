"""Every failure in the book is known by its samples, and what is not in the book is not made up."""

from __future__ import annotations

import smtplib
import socket
import ssl
import tomllib
from collections import Counter
from importlib.resources import files

import pytest
from deliver.servers import Server, certificate
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab

ENTRIES = tomllib.loads(files("smtp_lab.facts").joinpath("failures.toml").read_text("utf-8"))[
    "error"
]
SAMPLES = [
    pytest.param(entry, sample, id=f"{entry['id']}-{number}")
    for entry in ENTRIES
    for number, sample in enumerate(entry["samples"])
]


def asked_of(entry):
    """The arguments under which the samples of *entry* must be known."""
    provider = entry["providers"][0]
    return {
        "on": entry["on"],
        "provider": None if provider == "*" else provider,
        "port": entry.get("when_port", [None])[0],
    }


class TestTheBook:
    @pytest.mark.parametrize(("entry", "sample"), SAMPLES)
    def test_a_sample_is_known_by_its_entry(self, entry, sample):
        """Each sample is diagnosed by the entry it stands in, with all that entry says."""
        found = lab.diagnose(sample, **asked_of(entry))
        assert found.id == entry["id"]
        assert found.known
        assert (found.meaning, found.remedy) == (entry["meaning"], entry["remedy"])
        assert found.temporary is entry["temporary"]
        assert found.stage == entry["where"]
        assert found.sources == tuple(entry["source"])
        assert found.raw == sample

    @pytest.mark.parametrize(
        "entry", [pytest.param(e, id=f"{n}-{e['id']}") for n, e in enumerate(ENTRIES)]
    )
    def test_an_entry_is_complete(self, entry):
        """An entry has samples, sources, a sentence for what happened and one for what to do."""
        assert entry["samples"]
        assert entry["source"]
        assert entry["providers"]
        assert entry["on"] in ("reply", "exception", "sasl", "oauth", "graph")
        for text in (entry["meaning"], entry["remedy"]):
            assert text == text.strip()
            assert text.endswith((".", ")", "?"))

    def test_an_entry_is_found_by_its_name(self):
        """Within what one provider may say, no id stands for two different explanations."""
        keys = Counter((e["id"], provider, e["on"]) for e in ENTRIES for provider in e["providers"])
        assert [key for key, count in keys.items() if count > 1] == []


class TestHonesty:
    @pytest.mark.parametrize(
        ("text", "said", "temporary"),
        [
            ("299 something odd", "accepts", False),
            ("399 something odd", "waits for more", False),
        ],
    )
    def test_a_reply_that_is_not_in_the_book(self, text, said, temporary):
        """An unknown reply is called unknown, and explained by the class of its code only."""
        found = lab.diagnose(text)
        assert (found.id, found.known, found.stage, found.field) == ("unknown", False, "", "")
        assert "not in the book" in found.meaning
        assert said in found.meaning
        assert found.temporary is temporary
        assert found.sources == ()
        assert found.raw == text

    @pytest.mark.parametrize("text", ["", "no code at all", "99", "6000 x", "abc 550 5.1.1"])
    def test_a_text_that_is_no_reply(self, text):
        """What is no reply gets no explanation by a code."""
        found = lab.diagnose(text)
        assert found.meaning == "This failure is not in the book."

    def test_a_kind_of_text_is_matched_with_its_own_kind_only(self):
        """A reply's text is not taken for an exception's, nor the other way round."""
        assert lab.diagnose("535 5.7.8 no", on="exception").id == "unknown"
        assert (
            lab.diagnose("ConnectionRefusedError: [Errno 111] Connection refused").id == "unknown"
        )

    def test_a_port_decides_where_it_matters(self):
        """A time-out means something else on port 25."""
        text = "TimeoutError: timed out"
        assert lab.diagnose(text, on="exception", port=25).id == "port25_blocked"
        assert lab.diagnose(text, on="exception", port=587).id == "connect_timeout"
        assert lab.diagnose(text, on="exception").id == "connect_timeout"

    def test_the_provider_that_is_named_comes_first(self):
        """A reply that more than one may send is explained by whoever is named."""
        named = {e["providers"][0] for e in ENTRIES if e["on"] == "reply"} - {"*"}
        ids = {lab.diagnose("535 5.7.8 no", provider=name).id for name in named}
        assert "bad_credentials" in ids
        assert lab.diagnose("535 5.7.8 no").id == "bad_credentials"

    @given(st.text(max_size=300), st.sampled_from(["reply", "exception", "sasl", "oauth", "graph"]))
    def test_any_text_gives_a_diagnosis(self, text, kind):
        """Whatever is asked about, there is an answer that keeps the text and shows it escaped."""
        found = lab.diagnose(text, on=kind)
        assert found.raw == text
        assert found.meaning
        assert found.remedy
        assert found.to_dict()["id"] == found.id
        assert "<script" not in found._repr_html_().lower()

    def test_a_long_hostile_text_is_answered_soon(self):
        """No pattern of the book takes time that grows without measure."""
        for text in ("550 " + "a" * 20_000, "550 " + "5.7.1 " * 4000, "535 " + "(" * 20_000):
            assert lab.diagnose(text).raw == text


def raised(action):
    with pytest.raises((OSError, ValueError)) as error:
        action()
    return error.value


class TestExceptions:
    def test_a_name_nobody_has(self):
        """A host that does not exist."""
        error = raised(lambda: socket.create_connection(("no-such-host.invalid", 587), 5))
        assert lab.diagnose(error).id in ("dns_not_found", "dns_temporary")

    def test_a_name_that_is_none(self):
        """A host with an empty label."""
        error = raised(lambda: socket.create_connection(("smtp..example.com", 587), 5))
        assert lab.diagnose(error).id in ("host_bad_label", "dns_not_found")

    def test_a_port_nobody_listens_on(self):
        """A refused connection."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        error = raised(lambda: smtplib.SMTP("127.0.0.1", port, timeout=5))
        found = lab.diagnose(error, port=port)
        assert (found.id, found.field) == ("conn_refused", "connection.host")

    def test_a_port_that_is_taken(self):
        """A port that cannot be listened on."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            error = raised(lambda: socket.create_server(taken.getsockname()))
        assert lab.diagnose(error).id == "address_in_use"

    def test_a_server_that_says_nothing(self):
        """A time-out while smtplib waits for the greeting."""
        with Server(lambda conn: conn.wait_for_the_end()) as server:
            error = raised(lambda: smtplib.SMTP("127.0.0.1", server.port, timeout=0.2))
        assert lab.diagnose(error).id in ("greeting_timeout", "connect_timeout")

    def test_a_server_that_hangs_up(self):
        """A connection that ends before the greeting."""
        with Server(lambda conn: None) as server:
            error = raised(lambda: smtplib.SMTP("127.0.0.1", server.port, timeout=5))
        assert lab.diagnose(error).id in ("disconnected", "conn_reset")

    def test_a_server_of_another_kind(self):
        """A greeting that is no SMTP."""
        with Server(lambda conn: conn.send("SSH-2.0-OpenSSH_9.6")) as server:
            error = raised(lambda: smtplib.SMTP("127.0.0.1", server.port, timeout=5))
        assert lab.diagnose(error).id == "not_smtp"

    def test_a_greeting_that_refuses(self):
        """A refusal with a code is a reply, whatever exception carries it."""
        with Server(lambda conn: conn.send("421 4.7.0 Try later")) as server:
            error = raised(lambda: smtplib.SMTP("127.0.0.1", server.port, timeout=5))
        found = lab.diagnose(error)
        assert found.raw == "421 4.7.0 Try later"
        assert found.temporary

    def test_a_certificate_nobody_knows(self):
        """A failed verification, as ssl raises it."""
        with Server(lambda conn: conn.encrypt(certificate(signed=False))) as server:
            context = ssl.create_default_context()
            error = raised(
                lambda: smtplib.SMTP_SSL("127.0.0.1", server.port, context=context, timeout=5)
            )
        assert isinstance(error, ssl.SSLCertVerificationError)
        assert lab.diagnose(error).id == "tls_unknown_ca"

    def test_tls_to_a_plain_port(self):
        """TLS spoken to a server that greets in plain text."""
        with Server(lambda conn: conn.send("220 hello")) as server:
            error = raised(lambda: smtplib.SMTP_SSL("127.0.0.1", server.port, timeout=5))
        assert lab.diagnose(error).id == "tls_to_plain_port"

    def test_smtplibs_own_refusals(self, sink):
        """What smtplib finds out by itself is known too."""
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            error = raised(lambda: client.login("ann", "x"))
            assert lab.diagnose(error).id == "auth_not_offered"
            error = raised(lambda: client.sendmail("a@example.com", ["b@example.com"], "x"))
            assert lab.diagnose(error).id == "auth_required"
            error = raised(lambda: client.docmd("NOOP", "a\r\nb"))
            assert lab.diagnose(error).id == "newline_in_address"
            client.starttls()
            error = raised(lambda: client.login("ann", "wrong"))
            assert isinstance(error, smtplib.SMTPAuthenticationError)
            assert lab.diagnose(error).id == "bad_credentials"
        assert lab.diagnose(raised(client.noop)).id == "not_connected"
        error = raised(lambda: smtplib.SMTP("127.0.0.1", sink.port, timeout=0))
        assert lab.diagnose(error).id == "timeout_zero"

    def test_refused_recipients(self):
        """The first refusal speaks for the recipients; without any there is nobody to send to."""
        error = smtplib.SMTPRecipientsRefused({"b@example.org": (550, b"5.1.1 User unknown")})
        assert lab.diagnose(error).raw == "550 5.1.1 User unknown"
        assert lab.diagnose(error).id == "user_unknown"
        assert lab.diagnose(smtplib.SMTPRecipientsRefused({})).id == "no_recipients"

    def test_a_reply_that_is_not_utf_8(self):
        """A reply in another encoding is diagnosed all the same."""
        error = smtplib.SMTPDataError(554, b"5.7.1 abgelehnt f\xfcr immer: spam")
        assert lab.diagnose(error).id == "spam_rejected"

    def test_a_reply_without_an_end_is_smtplibs_complaint(self):
        """smtplib's "Line too long." is not taken for a server's reply about the message."""
        own = smtplib.SMTPResponseException(500, "Line too long.")
        assert lab.diagnose(own).id == "reply_line_too_long"
        said = smtplib.SMTPDataError(500, b"Line too long (see RFC5321 4.5.3.1.6)")
        assert lab.diagnose(said).id == "line_too_long"
