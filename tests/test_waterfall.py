"""Where the time went: spans, sentence, picture and frame agree."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab.transcript import Line, Span, Transcript, Waterfall

SVG = "{http://www.w3.org/2000/svg}"


def dialogue():
    return Transcript(
        [
            Line("*", "connecting", "connect", 0.001),
            Line("S", "220 mx", "greeting", 0.101),
            Line("C", "EHLO a", "ehlo", 0.102),
            Line("S", "250 mx", "ehlo", 0.110),
            Line("S", "220 go", "starttls", 0.120),
            Line("*", "TLSv1.3", "tls", 0.150),
            Line("S", "250 mx", "ehlo", 0.160, tls=True),
            Line("C", "AUTH PLAIN", "auth", 0.160, tls=True),
            Line("S", "235 ok", "auth", 2.160, tls=True),
        ]
    )


def test_each_stage_is_a_span_in_the_order_it_came():
    """A wait counts for the stage it ended in; a stage that comes again is a span of its own."""
    found = dialogue().waterfall().spans
    assert [span.stage for span in found] == [
        "connect", "greeting", "ehlo", "starttls", "tls", "ehlo", "auth"
    ]  # fmt: skip
    assert found[1] == Span("greeting", 0.001, pytest.approx(0.1), 1)
    assert found[2].lines == 2
    assert found[-1].duration == pytest.approx(2.0)


def test_the_sentence_names_what_took_longest():
    """The slowest stage is named with its time and its share."""
    assert dialogue().waterfall().sentence == "auth took longest: 2.000 of 2.160 s (93%)."
    assert Waterfall([]).sentence == "Nothing was said."
    assert Waterfall([Line("S", "220", "greeting", 0.0)]).sentence == "No time passed."


@given(
    st.lists(
        st.tuples(st.sampled_from(["connect", "ehlo", "auth"]), st.floats(0, 1000)), max_size=30
    )
)
def test_the_spans_fill_the_whole_time(steps):
    """Spans follow each other without gap or overlap and together last as long as the dialogue."""
    times = sorted(at for _, at in steps)
    lines = [Line("S", "250", stage, at) for (stage, _), at in zip(steps, times, strict=True)]
    picture = Waterfall(lines)
    assert sum(span.lines for span in picture.spans) == len(lines)
    assert sum(span.duration for span in picture.spans) == pytest.approx(picture.seconds)
    end = 0.0
    for span in picture.spans:
        assert span.start == pytest.approx(end)
        end = span.start + span.duration
    assert len(str(picture).splitlines()) == len(picture.spans) + 1
    ET.fromstring(picture._repr_svg_())


@pytest.mark.parametrize("lines", [[], dialogue()], ids=["empty", "full"])
def test_the_frame_has_the_same_types_when_empty(lines):
    """to_frame has the columns and dtypes it promises."""
    frame = Waterfall(lines).to_frame()
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "stage": "str",
        "start_ms": "float64",
        "duration_ms": "float64",
        "lines": "int64",
    }


def test_the_frame_is_in_milliseconds():
    """Start and duration of each stage stand in the frame."""
    frame = dialogue().waterfall().to_frame()
    assert frame["duration_ms"].tolist()[:3] == [1.0, 100.0, 9.0]
    assert frame["start_ms"].tolist()[:3] == [0.0, 1.0, 101.0]


def test_the_picture_is_good_svg_that_a_screen_reader_can_tell():
    """A bar and two labels a stage, a title, a description, and no colour but the page's own."""
    root = ET.fromstring(dialogue().waterfall()._repr_svg_())
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert "auth took longest" in root.get("aria-label")
    assert root.findtext(f"{SVG}title") == "Where the time went"
    assert "greeting from 0.001 s for 0.100 s" in root.findtext(f"{SVG}desc")
    assert len(root.findall(f"{SVG}rect")) == 7
    labels = root.findall(f"{SVG}text")
    assert [label.text for label in labels][-2:] == ["auth", "2.000 s"]
    assert {label.get("fill") for label in labels} == {"currentColor"}
    widths = [float(bar.get("width")) for bar in root.findall(f"{SVG}rect")]
    assert max(widths) == widths[-1]
    assert min(widths) >= 1


def test_the_bars_in_a_terminal():
    """Each stage has a row with its bar and time; even no time at all leaves a mark."""
    rows = str(dialogue().waterfall()).splitlines()
    assert rows[0].startswith("connect    ▏")
    assert "█" * 37 in rows[6]
    assert rows[6].endswith("2.000 s")
    assert rows[7] == "auth took longest: 2.000 of 2.160 s (93%)."
    assert len({len(row) for row in rows[:7]}) == 1


def test_a_hostile_stage_is_text():
    """A stage that came out of an archive is escaped."""
    picture = Waterfall([Line("S", "x", "<script>alert(1)</script>", 0.5)])
    for shown in (picture._repr_svg_(), picture._repr_html_()):
        assert "<script" not in shown


def test_a_real_delivery_shows_where_its_time_went(sink):
    """A dialogue with the sink has the stages of a sending, the encryption among them."""
    profile = sink.profile()
    login = lab.BasicAuth(username="ann", password="open sesame")
    profile = profile.replace(connection=profile.connection.replace(auth=login))
    delivery = lab.send_test(profile, to="you@example.com")
    stages = [span.stage for span in delivery.transcript.waterfall().spans]
    assert stages[0] == "connect"
    assert {"greeting", "ehlo", "starttls", "tls", "auth", "mail", "rcpt", "data"} <= set(stages)
    assert "took longest" in delivery.transcript.waterfall()._repr_html_()
