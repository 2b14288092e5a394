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
            InputError, match=r"a Broken cannot be drawn \(no backend\); save it as PNG"
        ):
            shown(Broken())

    def test_a_figure_is_a_file_too(self):
        """Attached, it is a PNG, whatever it is called."""
        message = lab.render(
            SHOWN, to="b@example.com", p=figure(), attachments={"chart.png": figure()}
        )
        (part,) = message.iter_attachments()
        assert part.get_content_type() == "image/png"
        assert part.get_content().startswith(b"\x89PNG")


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
