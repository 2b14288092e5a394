"""A generator of hostile mail: what takes a reader's time or memory, and names that lead astray."""

from __future__ import annotations

from itertools import cycle, islice

from smtp_lab.inbox.page import DEPTH
from smtp_lab.sink import Limits

MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"
BETWEEN = [b"", b"\x1c", b"\x1f", b" ", b"\t", b"\n ", b"\r ", b"*", b"*0", b"*0*"]


def nested(depth: int, body: bytes, spellings=BETWEEN[:1]) -> bytes:
    levels = (
        b"Content-Type: multipart/mixed; boundary%s=b%d\n\n--b%d\n" % (spelling, n, n)
        for n, spelling in enumerate(islice(cycle(spellings), depth))
    )
    return b"".join(levels) + b"\n" + body


def parts(count: int, part: bytes = b"\nx\n") -> bytes:
    return MIXED + b"".join(b"--b\n" + part for _ in range(count)) + b"--b--\n"


def html(piece: bytes, count: int) -> bytes:
    return b"Content-Type: text/html; charset=utf-8\n\n" + piece * count


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
    "parts 100000": parts(100_000),
    "headers 100000": b"".join(b"X-%d: y\n" % n for n in range(100_000)) + b"\nx",
    "headers below the bound": b"a:\n" * 33_000 + b"\nx",
    "addresses below the bound": b"To: " + b"a@b.example,\n " * 7_000 + b"\n\nx",
    "unknown charsets": parts(300, b"Content-Type: text/plain; charset=x-\xff\x00nowhere\n\n\xff\xfe\n"),
    "evil names": parts(
        400,
        b"Content-Disposition: attachment; filename*=utf-8''..%2f..%5cCON%00%E2%80%AEgpj.exe%3c%3e%20.\n\nx\n",
    ),
    "links": html(b'<a href="http://example.com/?%22%3e">' + b"x" * 50 + b"</a>", 100_000),
    "links that never close": html(b"<a href=x>", 500_000),
    "links that never end": html(b"<a href='", 500_000),
    "tags that never end": html(b"<script <style <!-- <p ", 200_000),
    "entities": html(b"&amp;&#x41;&nosuch", 300_000),
    "addresses in a text": b"\n" + b"http://a.example/)))))))))))) " * 150_000,
    "codes": b"Subject: code 123456\n\n" + b"Your code is 123456 or 654-321 PIN: 9999 " * 100_000,
    "code words": b"\n" + b"verification code one-time code " * 200_000 + b"123456",
    "marks": b"Content-Type: text/plain; charset=utf-8\n\na" + "\u0316\u0301".encode() * 300_000,
    "ligatures": b"Content-Type: text/plain; charset=utf-8\n\n" + "\ufdfa".encode() * 500_000,
    "formulas": b"Subject: =cmd|'/c calc'!A1\nFrom: =1+1 <@SUM@example.com>\nX: \x01\x00\n\n-2+3",
    "markup": b'Subject: <script>alert(1)</script>$\\href{javascript:1}{x}$\nFrom: "<img src=x>" <a@b>\n\n<b>',
    "surrogates": b"Subject: \xed\xa0\x80 \xff\nFrom: \xed\xb0\x80@\xff\n\n\xed\xa0\x80",
    "dates": b"".join(b"Date: Fri, 99 Foo 99999 99:99:99 +9999\n" for _ in range(1000)) + b"\nx",
    "nothing": b"",
    "nothing but NUL": bytes(1_000_000),
    "line ends": b"\r" * 1_900_000,
    "8 bit": b"\n" + b"\xff" * 20_000_000,
}  # fmt: skip

PAGES = {
    "deep": "<div>" * 100_000,
    "deep and closed wrong": "<div>" * 100_000 + "</p>" * 100_000,
    "as deep as may be": "<div>" * (DEPTH - 100) + "</p>" * 300_000,
    "tags": "<b>x</b>" * 250_000,
    "attributes": "<a " + " ".join(f"x{n}=1" for n in range(200_000)) + ">",
    "one attribute": f'<a href="{"x" * 1_900_000}">',
    "less than": "<" * 2_000_000,
    "comments": "<!--" * 500_000,
    "20 MB": "<p>x y" * 3_500_000,
    "entities": "&lt;" * 500_000,
    "half a character": "\ud800<p \ud800='\ud800'>",
    "NUL": "a\0b<p\0>\0",
    "style without end": "<style>" * 100_000,
    "braces": f"<style>{'{' * 99_000}</style>",
    "blocks in blocks": f"<style>{'a{' * 33_000}{'}' * 33_000}</style>",
    "functions in functions": f'<p style="x:{"calc(" * 10_000}">',
    "media in media": f"<style>{'@media x{' * 11_000}</style>",
    "styles": '<p style="a:b;c:d">' * 99_000,
    "different styles": "".join(f'<p style="a{n}:b">' for n in range(20_000)),
    "declarations": f'<p style="{"a:b;" * 70_000}">',
    "selectors": f"<style>{'a ' * 49_000}{{}}</style>",
    "links": "".join(f'<a href="https://example.com/{n}">example.com</a>' for n in range(30_000)),
    "link text": f"<a href=x>{'<i>x</i>' * 90_000}</a>",
    "marks": "{{" * 200_000,
    "marks with ends": "{{ x }}" * 200_000,
    "percent": "%(" * 200_000,
    "dollars": "${" * 200_000,
    "blanks": f"<p>{' ' * 1_500_000}</p>",
    "words": f"<p>{'wort ' * 300_000}</p>",
    "cid": "<img src=cid:x>" * 90_000,
}
"""HTML that takes a reader's time."""

MOST = Limits().message


def large(head: bytes, piece: bytes) -> bytes:
    """A mail as large as a sink takes."""
    head += b"\n\n"
    return head + piece * ((MOST - len(head)) // len(piece))


LARGE = {
    "8 bit": large(b"X: y", b"\xff"),
    "euro signs": large(b"Content-Type: text/plain; charset=cp1252", b"\x80 \xe4\n" * 20 + b"\x01" * 99),
    "line ends": large(b"X: y", b"\n"),
    "short lines": large(b"X: y", b"x" * 72 + b"\n"),
    "base64 in lines": large(
        b"Content-Type: image/png; name=x\nContent-Transfer-Encoding: base64", b"QUJD" * 19 + b"\r\n"
    ),
    "quoted": large(b"Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable", b"=E9<p>=\r\n" * 9 + b"x" * 60),
    "uuencoded": large(
        b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x", b"M" + b"1" * 60 + b"\n" + b"garbage" * 9 + b"\n"
    ),
    "signed": large(
        b"From: a@example.com\nDKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s; h=from; bh=AAAA; b=AAAA",
        b"x" * 120 + b" \n",
    )[:29_000_000],
}  # fmt: skip
"""As much as a sink takes, in the ways that need the most room."""
