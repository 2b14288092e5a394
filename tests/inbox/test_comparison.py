"""Two messages, or one and its snapshot: what differs is shown, what is new each time is masked."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inbox.mails import captured, lines, tags, text_of
from inbox.test_hostile import MAILS, bounded

import smtp_lab as lab

ROOT = Path(__file__).parents[2]


def made(number: int = 1, name: str = "Ann", price: str = "10", file: bytes = b"a,b", **headers):
    """The same mail each time, but for what a new mail has new."""
    message = EmailMessage()
    message["From"], message["To"] = "ann@example.com", "bob@example.org"
    message["Subject"] = f"The order of {name}"
    message["Date"] = f"Wed, 04 Mar 2026 06:06:{number:02} +0100"
    message["Message-ID"] = f"<{number}@example.com>"
    message["DKIM-Signature"] = f"v=1; b={'x' * number}"
    message["References"] = f"<{number}-0@example.com>"
    for key, value in headers.items():
        message[key.replace("_", "-")] = value
    message.set_content(
        f"Hello {name},\n\nit costs {price}.\nSent 2026-03-04 05:06:{number:02} UTC.\n"
    )
    body = f"<h1>Hello {name}</h1><table><tr><td>Price</td><td>{price}</td></tr></table>"
    message.add_alternative(f'{body}<img src="cid:{number}@x" alt="x">', subtype="html")
    message.get_payload(1).add_related(
        b"PNG", "image", "png", cid=f"<{number}@x>", filename="x.png"
    )
    message.add_attachment(file, "text", "csv", filename="figures.csv")
    message.set_boundary(f"===={number}====")
    return captured(message.as_bytes(policy=SMTP), id=number)


class TestSame:
    """What is new in every mail is no difference."""

    def test_ids_dates_boundaries_and_signatures(self):
        """Two mails from the same data are the same."""
        comparison = made(1).compare(made(2))
        assert comparison
        assert comparison.differences == {}
        assert str(comparison) == "message 1 is the same as message 2."
        comparison.assert_same()

    def test_marks_of_the_way(self):
        """Received, Return-Path and Authentication-Results come from servers; their values differ."""
        one, other = (
            made(n, Received=f"from {n}", Authentication_Results=f"x; {n}") for n in (1, 2)
        )
        assert one.compare(other)

    def test_two_test_mails(self, sink):
        """send_test twice gives the same mail."""
        for _ in range(2):
            lab.send_test(sink.profile(), to="you@example.com")
        assert sink.inbox[0].compare(sink.inbox[1])


class TestDifferent:
    """What was written is compared, line by line."""

    @pytest.mark.parametrize(
        ("changes", "section", "shown"),
        [
            (
                {"name": "Bob"},
                "headers",
                ("-Subject: The order of Ann", "+Subject: The order of Bob"),
            ),
            ({"name": "Bob"}, "text", ("-Hello Ann,", "+Hello Bob,")),
            ({"price": "12"}, "html", ("-<td>10</td></tr></table>", "+<td>12</td></tr></table>")),
            ({"X_New": "1"}, "headers", ("+X-New: 1",)),
            ({"Reply_To": "c@example.com"}, "headers", ("+Reply-To: c@example.com",)),
        ],
    )
    def test_a_line(self, changes, section, shown):
        """Only the lines that differ, with the few around them."""
        comparison = made(1, **changes).compare(made(2))
        assert not comparison
        changed = [line for line in comparison.differences[section] if line[:1] in "+-"]
        assert tuple(changed) == shown

    def test_a_file(self):
        """Its name, type, size and hash are compared, not shown."""
        comparison = made(1, file=b"c,d").compare(made(2))
        assert list(comparison.differences) == ["attachments"]
        assert sum(line[:1] in "+-" for line in comparison.differences["attachments"]) == 2
        assert "c,d" not in str(comparison)

    def test_headers_may_be_left_out(self):
        """ignore= names headers that may differ."""
        one, other = made(1, X_Mailer="a"), made(2, X_Mailer="b")
        assert not one.compare(other)
        assert one.compare(other, ignore=["x-mailer"])

    def test_how_it_shows_itself(self):
        """On one line for a bare assert, whole as text and HTML, and never as markup of the mail."""
        comparison = made(1, name="<b onclick=x>\x1b[2J").compare(made(2))
        assert "\n" not in repr(comparison)
        assert "differs in headers: -Subject: The order of Ann +Subject: The order of <b" in repr(
            comparison
        )
        assert "[text]\n" in str(comparison)
        assert "  -Hello Ann," in str(comparison)
        shown = comparison._repr_html_()
        assert {tag for tag, _ in tags(shown)} == {"div", "p", "table", "tr", "th", "td"}
        assert "+Hello <b onclick=x>" in text_of(shown)
        assert "\x1b" not in shown + str(comparison)
        with pytest.raises(AssertionError, match=r"\+Hello <b"):
            comparison.assert_same()

    def test_many_lines_are_counted(self):
        """Two books are not printed into a notebook, nor compared for minutes."""
        one = captured("\r\n" + "\r\n".join(f"a {n}" for n in range(20_000)))
        other = captured("\r\n" + "\r\n".join(f"b {n}" for n in range(20_000)))
        with bounded():
            comparison = one.compare(other)
        assert len(comparison.differences["text"]) < 300
        assert "20,000 lines" in str(comparison)

    def test_a_line_in_a_long_text(self):
        """What is the same before and behind is left out."""
        numbers = [f"line {n}" for n in range(50_000)]
        one = captured("\r\n" + "\r\n".join(numbers[:30_000]))
        numbers[15_000] = "changed"
        other = captured("\r\n" + "\r\n".join(numbers[:30_000]))
        differing = one.compare(other).differences["text"]
        assert [line for line in differing if line[:1] in "+-"] == ["-changed", "+line 15000"]


class TestSnapshot:
    """A text file beside the test, written only when asked for."""

    def test_written_read_and_renewed(self, tmp_path):
        """It is written with update=True, and holds against a new mail from the same data."""
        path = tmp_path / "order.txt"
        with pytest.raises(lab.InputError, match=r"there is none at .*update=True"):
            made(1).snapshot(path)
        assert not path.exists()
        assert made(1).snapshot(path, update=True)
        assert made(2).snapshot(path)
        assert made(3).compare(path)
        kept = path.read_text()
        assert not made(4, price="12").snapshot(path)
        assert path.read_text() == kept
        assert made(4, price="12").snapshot(path, update=True)
        assert made(5, price="12").snapshot(str(path))

    def test_it_can_be_read(self, tmp_path):
        """Sections with indented lines; nothing that differs each time."""
        made(1).snapshot(tmp_path / "a.txt", update=True)
        made(2).snapshot(tmp_path / "b.txt", update=True)
        text = (tmp_path / "a.txt").read_text()
        assert text == (tmp_path / "b.txt").read_text()
        for line in (
            "[headers]",
            "  Date: <masked>",
            "  Message-Id: <masked>",
            "  Content-Type: multipart/mixed; boundary=<boundary>",
            "  Hello Ann,",
            "  Sent <date>.",
            "  <td>Price</td>",
            '  <img src="cid:<picture 1>" alt="x">',
        ):
            assert f"\n{line}\n" in text, line

    def test_by_the_environment(self, tmp_path, monkeypatch):
        """A whole run of tests can renew all of them."""
        monkeypatch.setenv("SMTP_LAB_UPDATE_SNAPSHOTS", "1")
        assert made(1).snapshot(tmp_path / "a.txt")
        monkeypatch.delenv("SMTP_LAB_UPDATE_SNAPSHOTS")
        assert made(1).snapshot(tmp_path / "a.txt")

    @pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe", b"[headers]\n[text]\n"])
    def test_another_file_is_none(self, tmp_path, content):
        """It is left as it is."""
        path = tmp_path / "x.txt"
        path.write_bytes(content)
        with pytest.raises(lab.InputError, match="snapshot: "):
            made(1).snapshot(path)
        assert path.read_bytes() == content

    def test_a_place_that_cannot_be_written(self, tmp_path):
        """A sentence with the path."""
        with pytest.raises(lab.InputError, match="cannot be written"):
            made(1).snapshot(tmp_path / "none" / "x.txt", update=True)

    def test_sections_in_a_body_do_not_confuse_it(self, tmp_path):
        """A text that looks like the file's own marks is text."""
        mail = captured(lines("", "[html]", "# comment", "  [headers]", "", "[text]"))
        assert mail.snapshot(tmp_path / "x.txt", update=True)
        assert mail.snapshot(tmp_path / "x.txt")

    def test_in_a_failing_test(self, tmp_path):
        """What pytest prints of a bare assert names the section and both lines."""
        made(1).snapshot(tmp_path / "order.txt", update=True)
        (tmp_path / "test_it.py").write_text(
            textwrap.dedent("""
                from inbox.test_comparison import made

                def test_it():
                    assert made(2, name="Bob").snapshot("order.txt")
            """)
        )
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "--import-mode=importlib",
                "test_it.py",
            ],
            cwd=tmp_path,
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "headers: -Subject: The order of Ann +Subject: The order of Bob" in done.stdout


@pytest.mark.parametrize("raw", MAILS.values(), ids=MAILS)
def test_no_mail_stops_the_comparison(raw, tmp_path):
    """Hostile mail can be written, read back and compared."""
    with bounded():
        message = captured(raw)
        assert message.snapshot(tmp_path / "x.txt", update=True)
        assert message.compare(message)
        shown = message.compare(made(1))
        assert len(str(shown)) < 1_000_000
        assert shown._repr_html_()


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_equal_exactly_when_nothing_differs(one, other):
    """A mail equals itself, and two are equal in both directions or in none."""
    first, second = captured(one), captured(other)
    assert first.compare(first)
    assert bool(first.compare(second)) == bool(second.compare(first))
