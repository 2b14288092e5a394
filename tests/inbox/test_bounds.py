"""The bounds of reading: exact, told, and not to be got round."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import cycle, islice

import pytest
from inbox.mails import captured, lines

MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"
BETWEEN = [b"", b"\x1c", b"\x1f", b" ", b"\t", b"\n ", b"\r ", b"*", b"*0", b"*0*"]

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


def nested(depth: int, body: bytes, spellings=BETWEEN[:1]) -> bytes:
    levels = (
        b"Content-Type: multipart/mixed; boundary%s=b%d\n\n--b%d\n" % (spelling, n, n)
        for n, spelling in enumerate(islice(cycle(spellings), depth))
    )
    return b"".join(levels) + b"\n" + body


def parts(count: int, part: bytes = b"\nx\n") -> bytes:
    return MIXED + b"".join(b"--b\n" + part for _ in range(count)) + b"--b--\n"


ATTACKS = {
    "nesting 2000": nested(2000, b"x\n" * 10_000),
    "nesting spelled oddly": nested(90, b"\n" * 1_900_000, BETWEEN),
    "nesting in hidden spelling": nested(900, b"\n" * 1_000_000, [b"\x1c"]),
    "nesting at the bound": nested(99, b"\n" * 95_000),
    "parts 20000": parts(20_000),
    "parts that are multiparts": parts(900, b"Content-Type: multipart/mixed; boundary=" + b"c" * 250 + b"\n\nx\n"),
    "boundaries of 90 KB": parts(300, b"Content-Type: multipart/mixed; boundary=" + b"c" * 90_000 + b"\n\nx\n"),
    "blocks of a report": b"Content-Type: message/delivery-status\n\n" + b"a: b\n\n" * 900_000,
    "messages in messages": b"Content-Type: message/rfc822\n\n" * 60_000,
    "semicolons behind CR": parts(1, b"Content-Type: text/plain" + b"\r ;" * 3_000_000 + b"\n\nx\n"),
    "semicolons below the bound": parts(250, b"Content-Type: text/plain" + b";a" * 50_000 + b"\n\nx\n"),
    "quotes below the bound": parts(250, b'Content-Type: a/b; x="' + b"\\a" * 50_000 + b"\n\nx\n"),
    "names in words": parts(100, b"Content-Type: a/b; name=" + b"=?utf-8?q?a?= " * 7_000 + b"\n\nx\n"),
    "headers in one part": parts(1, b"a:\n" * 1_900_000 + b"\nx\n"),
    "headers in every part": parts(50, b"a:\n" * 33_000 + b"\nx\n"),
    "header of 30 MB": b"Subject: " + b"x" * 30_000_000,
    "words of 260 KB": b"Subject: " + b"=?utf-8?q?a?=" * 20_000 + b"\n\nx",
    "words below the bound": b"Subject: " + b"=?utf-8?q?=C3?= " * 6_300 + b"\n\nx",
    "open parentheses": b"From: a@x.test\nTo: " + b"(" * 2_000 + b"\n\nx",
    "20000 addresses": b"To: " + b"a@x.test, " * 20_000 + b"\n\nx",
    "addresses of routes": b"To: " + b"<@a," * 25_000 + b"\n\nx",
    "charset idna": b"Content-Type: text/plain; charset=idna\n\n" + b"\xc3\xa9." * 2_000_000,
    "charset punycode": b"Content-Type: text/plain; charset=punycode\n\n" + b"\xc3a-zz9" * 2_000_000,
    "name in punycode": b"Content-Type: a/b; name*=punycode''" + b"a-zzz9" * 16_000 + b"\n\nx",
    "base64 of nothing": b"Content-Transfer-Encoding: base64\n\n" + b"A===" * 5_000_000,
    "names of pictures": b"Content-Type: text/html\n\n<img src=cid:" + b"&amp%40" * 3_000_000,
    "controls": b"\n" + b"\x01" * 10_000_000,
    "8 bit": b"\n" + b"\xff" * 20_000_000,
}  # fmt: skip


@pytest.mark.parametrize("raw", ATTACKS.values(), ids=ATTACKS)
def test_no_mail_takes_a_kernel_with_it(raw, request):
    """Every attack is read by a process of its own within a limit of memory, and ends."""
    root = request.config.rootpath
    run = subprocess.run(
        [sys.executable, "-c", READER],
        input=raw,
        capture_output=True,
        timeout=20,
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
