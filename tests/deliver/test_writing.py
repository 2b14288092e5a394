"""Messages are written octet by octet as the standard library writes them, only quicker."""

from __future__ import annotations

import random
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.mime.application import MIMEApplication
from email.mime.text import MIMEText
from email.policy import SMTP, SMTPUTF8
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab import InputError
from smtp_lab.deliver.outgoing import prepare
from smtp_lab.deliver.writing import _quickly, copied, fields_of, write

ANN = lab.Profile(
    name="ann",
    sender="Ann Example <ann@example.com>",
    connection=lab.SmtpConnection(host="127.0.0.1"),
)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=200) | st.sampled_from(
    ["hi\n", "a\r\nb\r\n", "a\rb", "From me\n.\n..\n", "\n\n", "ü\n" * 20, "x" * 1200, "  \n"]
)
NAMES = st.sampled_from(
    ["Subject", "Date", "Comments", "X-Note", "Keywords", "X-" + "Long-" * 6 + "Name", "Sender"]
)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=90) | (
    st.sampled_from(
        [
            "a@b.example",
            "1.0",
            " x",
            "x ",
            "a  b",
            "=?utf-8?q?a?=",
            "a =?x",
            "Tue, 3 Mar 2026 04:05:06 +0000",
            "x" * 60,
        ]
    )
    | st.text("ab :;,()<>@=?\"'\\.-", max_size=80)
)
FILES = st.binary(max_size=60)


@st.composite
def messages(draw):
    """A message as people build them: text, HTML, pictures, files, and mails in mails."""
    message = EmailMessage()
    for name, value in draw(st.dictionaries(NAMES, VALUES, max_size=4)).items():
        try:
            message[name] = value
        except Exception:  # noqa: BLE001  # the library has bugs of its own
            continue
    message["To"], message["From"] = "bob@example.org", "ann@example.com"
    message.set_content(
        draw(TEXTS), cte=draw(st.sampled_from([None, "8bit", "quoted-printable", "base64"]))
    )
    kinds = draw(st.lists(st.sampled_from(["html", "file", "text", "mail", "old"]), max_size=3))
    for kind in sorted(kinds, key=["html", "file", "text", "mail", "old"].index):
        if kind == "html":
            message.add_alternative(draw(TEXTS), subtype="html") if "html" not in kinds[
                1:
            ] else None
        elif kind == "file":
            message.add_attachment(
                draw(FILES),
                maintype="image",
                subtype="png",
                filename=draw(st.sampled_from(["a.png", "ü.png"])),
            )
        elif kind == "text":
            message.add_attachment(draw(TEXTS), filename="a.txt")
        else:
            inner = EmailMessage() if kind == "mail" else MIMEText("ü", "plain", "utf-8")
            inner["Subject"] = "inner"
            message.add_attachment(inner) if kind == "mail" else (
                message.make_mixed() if message.get_content_type() != "multipart/mixed" else None,
                message.attach(inner),
            )
    if message.is_multipart():
        message.preamble, message.epilogue = draw(
            st.sampled_from([(None, None), ("a\nb", "c\n"), ("", "")])
        )
        if draw(st.booleans()):
            message.set_boundary("=edge= ü" if draw(st.booleans()) else "edge")
    return message


def both(message, policy=SMTP, seed=1):
    """*message* as we write it, and as the library does; boundaries by the same dice."""
    random.seed(seed)
    mine = copied(message)
    try:
        ours = _quickly(mine, fields_of(mine), policy)
    except Exception as error:  # noqa: BLE001  # the library has to fail as well
        ours = type(error)
    random.seed(seed)
    theirs = copied(message)
    try:
        return ours, theirs.as_bytes(policy=policy)
    except Exception as error:  # noqa: BLE001  # whatever it is
        return ours, type(error)


class TestTheSameOctets:
    @given(messages(), st.sampled_from([SMTP, SMTPUTF8]), st.integers(0, 9))
    def test_whatever_is_written_quickly_is_what_the_library_writes(self, message, policy, seed):
        """Bodies, headers, boundaries, preambles: octet by octet, also where both fail."""
        ours, theirs = both(message, policy, seed)
        assert ours == theirs

    @given(NAMES, VALUES)
    def test_headers(self, name, value):
        """A header that is written without the library is what the library would have written."""
        message = EmailMessage()
        try:
            message[name] = value
        except Exception:  # noqa: BLE001  # the library has bugs of its own
            return
        message.set_raw("X-Raw", value)
        message.set_payload("hi\n")
        ours, theirs = both(message)
        assert ours == theirs

    @pytest.mark.parametrize("kind", ["signed", "report", "rfc822", "text of parts", "nothing"])
    def test_what_is_rare_is_left_to_the_library(self, kind):
        """Of signatures, reports and mails as a whole nothing is written here, or all the same."""
        message = EmailMessage()
        message["To"] = "bob@example.org"
        if kind == "signed":
            message["Content-Type"] = "multipart/signed; boundary=edge"
            message.set_payload([MIMEText("a"), MIMEApplication(b"sig")])
        elif kind == "report":
            message["Content-Type"] = "message/delivery-status"
            message.set_payload([MIMEText("a"), MIMEText("b")])
        elif kind == "rfc822":
            inner = EmailMessage()
            inner.set_content("ü")
            message.set_content(inner)
        elif kind == "text of parts":
            message["Content-Type"] = "multipart/mixed; boundary=edge"
            message.set_payload("--edge\n\nhi\n--edge--\n")
        ours, theirs = both(message)
        assert ours in (None, theirs)
        bodies = [raw.partition(b"\r\n\r\n")[2] for raw in (prepare(message, ANN).raw, theirs)]
        made, library = (body.replace(b"\r\n", b"\n").rstrip(b"\n") for body in bodies)
        assert made == library

    def test_a_boundary_that_stands_in_the_text_is_not_taken(self):
        """Another is thrown."""
        dice = [7, 7, 8]
        message = EmailMessage()
        message["To"] = "bob@example.org"
        message.set_content(f"--{'=' * 15}{7:019d}==\n")
        message.add_alternative("x", subtype="html")
        with patch("random.randrange", side_effect=dice):
            raw = prepare(message, ANN).raw
        found = message_from_bytes(raw)
        assert found.get_boundary() == f"{'=' * 15}{8:019d}=="
        assert len(found.get_payload()) == 2

    def test_the_library_is_not_asked_for_common_mail(self):
        """Text and HTML with a file, short headers: nothing of it is generated a line at a time."""
        message = EmailMessage()
        message["To"], message["Subject"] = "bob@example.org", "Report: sales (Q3), 12 %"
        message.set_content("Grüße\n" * 50)
        message.add_alternative("<p>hi</p>", subtype="html")
        message.add_attachment(b"\x00", maintype="image", subtype="png", filename="a.png")
        with patch.object(EmailMessage, "as_bytes", side_effect=AssertionError):
            assert prepare(message, ANN).raw.count(b"Content-Type") == 5


class TestProof:
    @given(
        st.lists(
            st.tuples(st.sampled_from(["X-A", "Subject"]), st.text("ab\r\n\t :", max_size=12)),
            max_size=3,
        )
    )
    def test_no_raw_value_makes_another_header(self, items):
        """Whatever is put into a message without being read: its own header, or a refusal."""
        for make in (EmailMessage, Message):
            message = make()
            message.set_payload("hi\n")
            fields = [("To", "bob@example.org"), *items]
            try:
                raw = write(message, fields, utf8=False)
            except InputError:
                continue
            assert [name for name, _ in message_from_bytes(raw).items()] == [n for n, _ in fields]

    def test_odd_values_are_refused_in_a_sentence(self):
        """A value that is no text gives a sentence, not a traceback."""
        message = EmailMessage()
        message["To"] = "bob@example.org"
        message.set_payload("hi\n")
        message.set_raw("X-Number", 5)
        with pytest.raises(InputError, match="cannot be written as mail"):
            prepare(message, ANN)
