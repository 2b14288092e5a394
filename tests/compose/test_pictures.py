"""Figures and images in a mail: drawn by their own library, known by their first bytes."""

from __future__ import annotations

import io
import shutil
import struct
from email import message_from_bytes, policy

import altair as alt
import matplotlib as mpl
import pandas as pd
import plotly.graph_objects as go
import pytest
from compose_page import Page
from matplotlib.figure import Figure
from PIL import Image
from support import missing

import smtp_lab as lab
from smtp_lab.errors import InputError

mpl.use("agg")
FRAME = pd.DataFrame({"n": [1, 2]})
SHOWN = lab.Template("<p>{{ p | picture('what it shows', width=300) }}</p>", subject="s")


def bytes_as(kind):
    file = io.BytesIO()
    Image.new("RGB", (4, 3), "red").save(file, format=kind)
    return file.getvalue()


def shown(picture):
    raw = lab.render(SHOWN, to="b@example.com", p=picture).as_bytes(policy=policy.SMTP)
    message = message_from_bytes(raw, policy=policy.default)
    (part,) = [p for p in message.walk() if p.get_content_maintype() == "image"]
    (tag,) = Page(message.get_body(("html",)).get_content()).all("img")
    assert tag["src"] == f"cid:{part['Content-ID'][1:-1]}"
    assert (tag["alt"], tag["width"]) == ("what it shows", "300")
    assert message.get_body(("plain",)).get_content().strip() == "[what it shows]"
    with Image.open(io.BytesIO(part.get_content())) as image:
        assert image.format.lower() == part.get_content_subtype()
    return part


def attached(name, content):
    message = lab.render(
        lab.Template("x"), to="b@example.com", subject="s", attachments={name: content}
    )
    (part,) = message.iter_attachments()
    return part


def figure():
    made = Figure()
    made.subplots().plot([1, 2])
    return made


class TestFigures:
    """Whatever can draw itself."""

    def test_matplotlib_and_what_is_built_on_it(self):
        """A figure, its axes, and the axes a frame gives."""
        for one in (figure(), figure().subplots(), FRAME.plot()):
            assert shown(one).get_content_type() == "image/png"

    def test_altair_and_pillow(self):
        """By their own export."""
        chart = alt.Chart(FRAME).mark_bar().encode(x="n:Q")
        for one in (chart, Image.new("RGB", (4, 3)), Image.new("RGBA", (4, 3))):
            assert shown(one).get_content_type() == "image/png"

    def test_plotly(self):
        """By its own export, which drives a browser."""
        if not (shutil.which("chromium") or shutil.which("google-chrome")):
            missing("Chromium", "on Debian: apt-get install chromium")
        assert shown(go.Figure(go.Bar(x=[1], y=[2]))).get_content_type() == "image/png"

    def test_a_figure_drawn_again_is_the_same_picture(self):
        """A journal knows a message by its content."""
        assert shown(figure()).get_content() == shown(figure()).get_content()

    def test_what_cannot_be_drawn_is_a_sentence(self):
        """The library's reason in one line, with what to do instead."""

        class Broken:
            def savefig(self, *_, **__):
                raise RuntimeError("no backend\nand more")

        with pytest.raises(
            InputError, match=r"a Broken cannot be drawn as PNG \(no backend\); save it yourself"
        ):
            shown(Broken())

    def test_a_figure_is_a_file_too(self):
        """Attached, it is what its name says."""
        message = lab.render(
            SHOWN, to="b@example.com", p=figure(), attachments={"chart.png": figure()}
        )
        (part,) = message.iter_attachments()
        assert part.get_content_type() == "image/png"
        assert part.get_content().startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        ("name", "kind", "start"),
        [
            ("chart.pdf", "application/pdf", b"%PDF-"),
            ("Chart.SVG", "image/svg+xml", b"<?xml"),
            ("chart.jpg", "image/jpeg", b"\xff\xd8\xff"),
            ("chart.webp", "image/webp", b"RIFF"),
            ("chart", "image/png", b"\x89PNG"),
        ],
    )
    def test_its_name_says_the_format(self, name, kind, start):
        """And drawn again it is the same file again."""
        part, again = attached(name, figure()), attached(name, figure())
        assert part.get_content_type() == kind
        assert part.get_payload(decode=True).startswith(start)
        assert part.get_payload(decode=True) == again.get_payload(decode=True)

    @pytest.mark.parametrize(
        ("name", "start"),
        [("c.svg", b"<svg"), ("c.pdf", b"%PDF"), ("c.html", b"<!DOCTYPE html"), ("c.json", b"{")],
    )
    def test_altair_writes_what_it_can(self, name, start):
        """Also a page, and its own data."""
        chart = alt.Chart(FRAME).mark_bar().encode(x="n:Q")
        assert attached(name, chart).get_payload(decode=True).startswith(start)

    def test_plotly_writes_a_page(self):
        """One that needs no network."""
        data = attached("c.html", go.Figure(go.Bar(x=[1], y=[2]))).get_payload(decode=True)
        assert b"<script" in data
        assert b'src="https' not in data

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("c.xyz", "a Figure is not written as .xyz; end the name with .png, .pdf or .svg"),
            ("c.csv", "a Figure is not written as .csv"),
            ("c.html", "a Figure cannot be drawn as HTML"),
        ],
    )
    def test_a_format_it_does_not_have_is_a_sentence(self, name, words):
        """What it is, and how to call it instead."""
        with pytest.raises(InputError, match=words):
            attached(name, figure())
        with pytest.raises(InputError, match=r"cannot be drawn as (SVG|JPEG)"):
            attached("c.svg" if name == "c.csv" else "c.jpg", Image.new("RGBA", (4, 3)))

    @pytest.mark.parametrize("name", ["c.pdf", "c.jpg", "c.svg", "c.csv", "c.xlsx"])
    def test_bytes_under_another_name_are_a_sentence(self, name, tmp_path):
        """A program would open them as what they are not."""
        path = tmp_path / "x"
        path.write_bytes(bytes_as("png"))
        for given in (bytes_as("png"), path):
            with pytest.raises(InputError, match=r"holds a PNG; call it c\.png"):
                attached(name, given)
        with pytest.raises(InputError, match=r"holds a PDF; call it c\.pdf"):
            attached("c.png", b"%PDF-1.7")

    @pytest.mark.parametrize("name", ["c.png", "c.bin", "c"])
    def test_bytes_under_their_own_name_or_none_are_sent(self, name):
        """A name that says nothing is no lie."""
        assert attached(name, bytes_as("png")).get_payload(decode=True) == bytes_as("png")


class TestBytes:
    """Images as bytes or files."""

    @pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp"])
    def test_the_type_is_that_of_the_bytes(self, kind, tmp_path):
        """The name of a file says nothing about it."""
        path = tmp_path / "wrong.xyz"
        path.write_bytes(bytes_as(kind))
        for given in (bytes_as(kind), path, memoryview(bytes_as(kind))):
            assert shown(given).get_content_subtype() == kind

    @pytest.mark.parametrize(
        "content",
        [b"", b"x", b"<svg onload='alert(1)'/>", b"%PDF-1.7", bytes_as("bmp"), b"RIFF0000WAVE", "text", 3, [1]],
        ids=repr,
    )  # fmt: skip
    def test_an_image_that_is_none_is_refused(self, content):
        """One sentence, and no message."""
        with pytest.raises(InputError, match="picture: "):
            shown(content)

    def test_a_bomb_is_refused(self):
        """A small file that unpacks to a billion pixels is none a mail program should be given."""
        head = (
            b"\x89PNG\r\n\x1a\n"
            + struct.pack(">I", 13)
            + b"IHDR"
            + struct.pack(">II", 60_000, 60_000)
        )
        with pytest.raises(
            InputError, match="has 60,000 by 60,000 pixels; keep it below 100,000,000"
        ):
            shown(head + b"\x08\x02\0\0\0")

    def test_one_picture_shown_twice_is_there_once(self):
        """The same bytes are attached once."""
        twice = lab.Template("{{ p | picture('a') }}{{ q | picture('b') }}", subject="s")
        message = lab.render(twice, to="b@example.com", p=bytes_as("png"), q=bytes_as("png"))
        assert len([p for p in message.walk() if p.get_content_maintype() == "image"]) == 1
