"""The bounds of reading: exact, told, and not to be got round."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from inbox.hostile import ATTACKS, MIXED, nested, parts
from inbox.mails import captured, lines

# Looks at everything there is of the message on its standard input, with little memory.
READER = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
except (ImportError, ValueError):
    pass
from inbox.mails import captured
raw = sys.stdin.buffer.read()
message = captured(raw)
shown = [
    message.headers, message.subject, message.sender, message.addresses("To"), message.date,
    message.text, message.html, message.attachments, message.transcript,
]
html = message._repr_html_() + message.preview().frame + message.preview(plain=True).frame
(repr(message) + str(message) + html + repr(shown)).encode()
assert message.raw == raw
print("read", message.too_complex)
"""


@pytest.mark.parametrize("raw", ATTACKS.values(), ids=ATTACKS)
def test_no_mail_takes_a_kernel_with_it(raw, request):
    """Every attack is read by a process of its own within a limit of memory, and ends."""
    root = request.config.rootpath
    run = subprocess.run(
        [sys.executable, "-c", READER],
        input=raw,
        capture_output=True,
        timeout=120,  # against hanging: a busy machine is slow
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])},
    )
    assert run.stdout.startswith(b"read"), run.stderr.decode()[-2000:]


class TestExact:
    @pytest.mark.parametrize(("count", "whole"), [(1, True), (1000, True), (1001, False)])
    def test_the_number_of_parts(self, count, whole):
        """A thousand parts are all there; of one more none is, and the message says so."""
        message = captured(parts(count))
        assert message.too_complex == ("" if whole else "it has more than 1,000 parts")
        assert len(message.attachments) == (count - 1 if whole else 0)
        assert bool(message.text) is whole

    @pytest.mark.parametrize(("depth", "whole"), [(1, True), (100, True), (101, False)])
    def test_the_depth(self, depth, whole):
        """A text a hundred parts deep is found; deeper it is not looked for, and that is told."""
        message = captured(nested(depth, b"hello"))
        assert message.text == ("hello" if whole else "")
        assert ("more than 100 deep" in message.too_complex) is not whole

    @pytest.mark.parametrize(("size", "whole"), [(102_000, True), (103_000, False)])
    def test_the_size_of_headers(self, size, whole):
        """Up to 100 KiB of headers are read; beyond, those that are whole below the bound."""
        raw = lines("From: ann@example.com", "X: " + "x" * size, "", "hi")
        message = captured(raw)
        assert message.sender == "ann@example.com"
        assert len(message.headers) == (2 if whole else 1)
        assert message.text == ("hi\n" if whole else "")
        assert message.too_complex == ("" if whole else "its headers are larger than 100 KiB")

    @pytest.mark.parametrize(("size", "whole"), [(256, True), (257, False)])
    def test_the_length_of_a_boundary(self, size, whole):
        """A boundary no program writes is not looked for in every line."""
        raw = MIXED.replace(b"=b", b"=" + b"b" * size) + b"--" + b"b" * size + b"\n\nhi"
        message = captured(raw)
        assert message.text == ("hi" if whole else "")
        assert ("boundary" in message.too_complex) is not whole

    def test_what_was_not_read_is_shown(self):
        """The reason stands in the table, in a terminal and in a notebook."""
        message = captured(parts(1001))
        told = "it has more than 1,000 parts; the whole is in .raw"
        assert told in str(message)
        assert told in message._repr_html_()


class TestNotTooStrict:
    def test_a_long_patch_is_read(self):
        """Lines that begin with dashes are no parts where nothing says there are any."""
        text = "-- a line of SQL\n--- a/file\n" * 5000
        message = captured(b"Subject: patch\n\n" + text.encode())
        assert (message.too_complex, message.text) == ("", text)

    def test_a_text_about_boundaries_is_read(self):
        """What a text says about MIME is not the message's own MIME."""
        text = "Content-Type: multipart/mixed; boundary=x; boundary=y\n" * 20_000
        message = captured(lines("", text.replace("\n", "\r\n")))
        assert message.too_complex == ""
        assert message.text.startswith(text)

    def test_a_long_body_without_headers_is_read(self):
        """A mail that is all body, or never says where it begins, has its text."""
        for start in (
            b"\r\n",
            b"no header here\r\n",
            b"Subject: x\r\nno blank line\r\n",
            b"A: b\r\r",
        ):
            message = captured(start + b"x" * 200_000)
            assert message.too_complex == ""
            assert message.text.endswith("x" * 1000)

    def test_many_semicolons_are_read(self):
        """A header in which the standard library gets lost is read, as far as it means anything."""
        message = captured(
            b"Content-Type: text/html; charset=latin-1" + b";" * 90_000 + b"\n\n\xfc"
        )
        assert (message.html, message.too_complex) == ("ü", "")

    def test_attached_mail_of_any_depth_is_a_file(self):
        """Messages in messages are not followed, so none is too deep."""
        raw = b"Content-Type: message/rfc822\n\n" * 5000
        (found,) = captured(raw).attachments
        assert found.content == raw[30:]
