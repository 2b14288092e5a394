"""The templates that ship: whole in each language, light, accessible, and quiet."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from email import message_from_bytes, policy
from importlib.resources import files

import icalendar
import pandas as pd
import pytest
from compose_page import Page

import smtp_lab as lab
from smtp_lab.compose.language import languages
from smtp_lab.compose.theme import themes
from smtp_lab.errors import InputError, TemplateError, UnknownNameError

NAMES = [
    "alert", "error_report", "handout", "inbox_digest", "invitation", "password_reset", "receipt",
    "report", "subscription", "test_mail",
]  # fmt: skip
FOLDER = files("smtp_lab.compose").joinpath("templates")
NEEDED = [(name, v) for name in NAMES for v in lab.Template.open(name).variables(required=True)]


def made(name, **changes):
    sample = lab.Template.open(name).sample
    return lab.render(
        name, **({"to": "b@example.com", "sender": "A <a@example.com>"} | sample | changes)
    )


def wire(message):
    return message_from_bytes(message.as_bytes(policy=policy.SMTP), policy=policy.default)


def html_of(message):
    return message.get_body(("html",)).get_content()


def text_of(message):
    return message.get_body(("plain",)).get_content()


def test_each_is_known():
    """templates() lists them by name, without what they are built on."""
    assert lab.templates() == NAMES


@pytest.mark.parametrize("name", ["reprot", "", "_base", "Report", "report.html"])
def test_an_unknown_one_is_told_which_there_are(name):
    """A KeyError in a sentence; the base of the others is none of them."""
    with pytest.raises(UnknownNameError) as caught:
        lab.render(name, to="b@example.com")
    assert str(caught.value).startswith(f"template: {name!r} is not known; known are alert, ")


@pytest.mark.parametrize("name", ["../report", "report/body.html", "/none"])
def test_a_text_with_a_slash_is_a_path(name):
    """What is at no path is told as a path, and leads nowhere in the package."""
    with pytest.raises(InputError, match="is no template; give a folder"):
        lab.render(name, to="b@example.com")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", languages())
def test_each_renders_in_each_language(name, language):
    """With its sample each gives a subject, a text and a page that says its language."""
    message = wire(made(name, language=language))
    assert message["Subject"].strip()
    assert text_of(message).strip()
    page = Page(html_of(message))
    assert page.all("html") == [{"lang": language}]
    assert len(page.all("title")) == len(page.all("h1")) == 1
    assert not re.search(r"\{[{%#]|[}%#]\}|smtp_lab table", text_of(message) + html_of(message))
    assert len(text_of(message).splitlines()) < 500
    assert "\n\n\n" not in text_of(message).replace("\r\n", "\n")


@pytest.mark.parametrize("name", NAMES)
def test_the_checks_find_nothing_in_what_arrives(sink, name):
    """Sent to a sink in each language: neither an error nor a warning in any of them."""
    profile = sink.profile(sender="Ann Example <ann@example.com>")
    for language in languages():
        lab.send(made(name, language=language, sender=None), profile=profile)
    found = sink.inbox.check()
    assert len(sink.inbox) == len(languages())
    assert set(found["severity"]) <= {"note"}, found


@pytest.mark.parametrize("name", ["_base", *NAMES])
def test_no_text_is_missing_in_any_language(name):
    """Each text is there in each language, filled, with the same blanks."""
    texts = tomllib.loads(FOLDER.joinpath(name, "texts.toml").read_text(encoding="utf-8"))
    assert list(texts) == languages()
    for key, english in texts["en"].items():
        for tag in languages():
            text = texts[tag][key]
            assert text.strip() == text != ""
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english))
    assert len({frozenset(table) for table in texts.values()}) == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_used_and_every_used_text_is_there(name):
    """No template asks for a text nobody wrote, and nothing was translated for nothing."""
    texts = tomllib.loads(FOLDER.joinpath(name, "texts.toml").read_text(encoding="utf-8"))["en"]
    base = tomllib.loads(FOLDER.joinpath("_base", "texts.toml").read_text(encoding="utf-8"))["en"]
    parts = [
        e for e in FOLDER.joinpath(name).iterdir() if e.name.endswith((".html", ".txt", ".ics"))
    ]
    used = set(re.findall(r"""\bt\(["'](\w+)["']""", " ".join(e.read_text("utf-8") for e in parts)))
    spoken = {"alert": {"info", "warning", "critical"}, "handout": {"client", "server", "note"}}
    assert used | spoken.get(name, set()) >= set(texts)
    assert used <= set(texts) | set(base)


@pytest.mark.parametrize("name", NAMES)
def test_each_loads_nothing_from_elsewhere(name):
    """No script, form or stylesheet, and no picture that is not in the mail."""
    message = made(name)
    page = Page(html_of(message))
    assert not set(dict(page.tags)) & {"script", "link", "iframe", "form", "object", "video"}
    assert all(image["src"].startswith("cid:") for image in page.all("img"))
    assert not re.search(r"url\(|@import|javascript:|<[^>]* on\w+=", html_of(message))


@pytest.mark.parametrize("name", NAMES)
def test_each_is_light_and_knows_phones_and_the_dark(name):
    """A page is far below the 102 KB at which Gmail cuts it, in tables, with rules for both."""
    html = html_of(made(name))
    assert len(html.encode()) < 20_000
    assert "prefers-color-scheme: dark" in html
    assert "max-width: 620px" in html
    assert "<!--[if mso]>" in html
    assert b'<meta charset="utf-8">' in html.encode()[:1024]
    page = Page(html)
    assert {"name": "color-scheme", "content": "light dark"} in page.all("meta")
    assert all("alt" in image for image in page.all("img"))
    # Layout tables are told apart from tables of data for those who listen to a page.
    assert all(t.get("role") == "presentation" or "class" in t for t in page.all("table"))
    # What matters is in the tags: many programs drop the styles of a head.
    assert "font-family" in next(
        td["style"] for td in page.all("td") if td.get("class") == "inside"
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_says_in_the_text_what_the_page_says(name):
    """Every word of the page is in the text part; nobody without HTML misses anything."""
    message = made(name)
    text = " ".join(text_of(message).split())
    for word in re.findall(r"\w{3,}", Page(html_of(message)).visible):
        assert word in text


@pytest.mark.parametrize(("name", "variable"), NEEDED)
def test_each_variable_must_be_given(name, variable):
    """A missing variable is a sentence that names it, the file and the line."""
    data = {k: v for k, v in lab.Template.open(name).sample.items() if k != variable}
    with pytest.raises(TemplateError) as caught:
        lab.render(name, to="b@example.com", **data)
    assert caught.value.variable == variable
    assert re.fullmatch(rf"[\w/]+\.\w+, line \d+: '{variable}' is missing; .*\.", str(caught.value))


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_is_whole(name):
    """Each sample has what its template needs, and nothing it does not know."""
    template = lab.Template.open(name)
    assert set(template.variables(required=True)) <= set(template.sample)
    assert set(template.sample) <= set(template.variables())
    assert "<iframe sandbox" in template.preview()._repr_html_()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "theme", [*themes(), {"accent": "#123456", "font": "Georgia, serif"}], ids=str
)
def test_each_takes_a_theme(name, theme):
    """Colours and font are those asked for."""
    html = html_of(made(name, theme=theme))
    assert "&#39;" not in html.partition("</style>")[0]
    if isinstance(theme, dict):
        assert "Georgia, serif" in html


@pytest.mark.parametrize(
    ("theme", "words"),
    [
        ("loud", "'loud' is not known; known are plain, forest, paper"),
        ({"colour": "#123"}, "has no 'colour'"),
        ({"accent": "red;}</style><script>"}, "is no colour or font"),
        ({"accent": 3}, "is no colour or font"),
        (3, "is a int"),
    ],
)
def test_a_theme_that_is_none_is_refused(theme, words):
    """Nothing but colours and fonts gets into the styles."""
    with pytest.raises(InputError) as caught:
        made("report", theme=theme)
    assert words in str(caught.value)


def test_line_breaks_of_a_text_are_kept():
    """In both parts, without styles that Outlook does not know, and escaped all the same."""
    message = made("report", summary="one <b>\ntwo")
    assert "one &lt;b&gt;<br>\ntwo" in html_of(message)
    assert "one <b>\ntwo" in text_of(message)


@pytest.mark.parametrize(
    ("language", "number", "rest"),
    [("en", "1,234.5", "67,890"), ("de", "1.234,5", "67.890"), ("ja", "1,234.5", "67,890")],
)
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("alert", {"value": 1234.5, "threshold": 67890}),
        (
            "subscription",
            {"tiles": [{"label": "a", "value": 1234.5, "change": 67890}], "table": None},
        ),
        (
            "receipt",
            {"items": [{"name": "a", "quantity": 1234.5, "price": 67890}], "total": 1, "tax": 1},
        ),
    ],
    ids=["alert", "subscription", "receipt"],
)
def test_numbers_follow_the_language(name, data, language, number, rest):
    """What is given as a number is written as the language writes it, with its decimals."""
    data = {key: value for key, value in data.items() if value is not None}
    sample = {k: v for k, v in lab.Template.open(name).sample.items() if k != "table"}
    message = lab.render(name, to="b@example.com", language=language, **(sample | data))
    for part in (text_of(message), Page(html_of(message)).visible):
        assert number in part
        assert rest in part


class TestTestMail:
    """The mail `send_test` sends."""

    def test_it_says_when_nothing_was_checked(self):
        """The loosened check is in both parts, and no login is 'none'."""
        message = made("test_mail", verified=False, login="")
        for part in (text_of(message), html_of(message)):
            assert "certificate NOT checked" in part
            assert "PLAIN" not in part
            assert "2026-01-02 03:04:05 UTC" in part


class TestInvitation:
    """An invitation is a calendar entry, too."""

    DATA = {  # noqa: RUF012
        "title": "Zoë; plans, and \\ slashes\nsecond line " + "長い題名" * 20,
        "start": datetime(2026, 1, 9, 9, tzinfo=UTC),
        "end": datetime(2026, 1, 9, 10, tzinfo=UTC),
        "where": "Room 3",
        "description": "a\r\nBEGIN:VALARM\nb",
    }

    def calendar(self, **changes):
        message = wire(made("invitation", **(self.DATA | {"subject": "x"} | changes)))
        (file,) = message.iter_attachments()
        assert file.get_filename() == "invite.ics"
        raw = file.get_payload(decode=True)
        part = next(p for p in message.walk() if p.get_content_type() == "text/calendar")
        assert part.get_payload(decode=True).split() == raw.split()
        return part, raw, icalendar.Calendar.from_ical(raw)

    def test_another_library_reads_it(self):
        """Title, times, place and people come out as they went in."""
        part, raw, calendar = self.calendar()
        (event,) = calendar.walk("VEVENT")
        assert str(event["SUMMARY"]) == self.DATA["title"]
        assert event.decoded("DTSTART") == self.DATA["start"]
        assert event.decoded("DTEND") == self.DATA["end"]
        assert str(event["ORGANIZER"]) == "mailto:a@example.com"
        assert str(event["ATTENDEE"]) == "mailto:b@example.com"
        assert calendar["METHOD"] == part.get_param("method") == "REQUEST"
        assert len(calendar.walk("VALARM")) == 0
        assert all(len(line) <= 75 for line in raw.split(b"\r\n"))

    def test_without_a_sender_nobody_is_asked_to_answer(self):
        """It is published then: an answer would have nowhere to go."""
        part, _, calendar = self.calendar(sender=None)
        assert calendar["METHOD"] == part.get_param("method") == "PUBLISH"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"end": DATA["start"]}, "end: .* is not after the start, .*; let it end later"),
            ({"end": datetime(2026, 1, 8, tzinfo=UTC)}, "end: .* is not after the start"),
            ({"end": "ten"}, "end: is a str; give a datetime with tzinfo"),
            ({"start": None}, "start: is empty; give a datetime"),
            ({"start": pd.NaT}, "start: is empty; give a datetime"),
            (
                {"start": datetime(2026, 1, 9, tzinfo=UTC).date()},
                "start: is a date; give a datetime",
            ),
        ],
        ids=str,
    )
    def test_times_that_make_no_sense_are_refused(self, changes, words):
        """The sentence names the field, the problem and the fix."""
        with pytest.raises(TemplateError, match=words):
            self.calendar(**changes)

    def test_the_same_invitation_has_the_same_uid(self):
        """A calendar takes an invitation that comes again for the same; another one is another."""
        uids = [
            str(self.calendar(**c)[2].walk("VEVENT")[0]["UID"]) for c in ({}, {}, {"title": "y"})
        ]
        assert uids[0] == uids[1] != uids[2]

    def test_a_time_without_a_zone_is_refused(self):
        """Nine o'clock where? One sentence, and no message."""
        with pytest.raises(InputError, match="has no time zone; give a datetime with tzinfo"):
            self.calendar(start=datetime(2026, 1, 9, 9))  # noqa: DTZ001


class TestOthers:
    """What is particular about some of them."""

    @pytest.mark.parametrize("severity", ["info", "warning", "critical"])
    def test_an_alert_says_how_severe_in_words(self, severity):
        """Not the colour alone tells it, and the subject says it first."""
        message = made("alert", severity=severity)
        word = tomllib.loads(FOLDER.joinpath("alert/texts.toml").read_text("utf-8"))["en"][severity]
        assert message["Subject"].startswith(f"[{word}]")
        assert word in text_of(message)

    def test_an_unknown_severity_is_refused(self):
        """Only three are known."""
        for given in ({}, {"subject": "s"}):
            with pytest.raises(InputError, match="severity: 'dire' is not known; known are info, "):
                made("alert", severity="dire", **given)

    @pytest.mark.parametrize(
        "link", ["javascript:alert(1)", "data:text/html,x", "x", "https://", "//x"]
    )
    def test_a_link_leads_to_the_web_or_nowhere(self, link):
        """A button takes https, http and mailto, and nothing a browser would run."""
        with pytest.raises(InputError, match="is no link; give one that begins with https"):
            made("password_reset", link=link)

    def test_a_password_reset_has_a_link_or_a_code(self):
        """Each alone is enough."""
        data = lab.Template.open("password_reset").sample
        only_code = {k: v for k, v in data.items() if k != "link"}
        message = lab.render("password_reset", to="b@example.com", **only_code)
        assert "Type this code:" in text_of(message)
        assert "482 913" in text_of(message)
        with pytest.raises(InputError, match="link: is missing, and code, too; give one of them"):
            lab.render(
                "password_reset",
                to="b@example.com",
                **{k: only_code[k] for k in ("service", "minutes")},
            )

    @pytest.mark.parametrize("minutes", [0, -5, True, None, "30", float("nan"), float("inf")])
    def test_a_password_reset_is_good_for_some_time(self, minutes):
        """A number above nothing, in whatever language."""
        with pytest.raises(InputError, match=r"minutes: .* is no number above 0; give one"):
            made("password_reset", minutes=minutes)

    @pytest.mark.parametrize(
        ("minutes", "words"),
        [(1, "eine Minute"), (1.5, "1,5 Minuten"), (1440, "1.440 Minuten")],
    )
    def test_minutes_are_counted_in_words_of_the_language(self, minutes, words):
        """One is one, and others are written as numbers are there."""
        assert f"Gültig für {words} und" in text_of(
            made("password_reset", minutes=minutes, language="de")
        )

    def test_a_receipt_takes_a_frame(self):
        """The rows of a DataFrame are the items; numbers are written as the language does."""
        items = pd.DataFrame({"name": ["Tea"], "quantity": [1200], "price": [1.5]})
        text = text_of(made("receipt", items=items, language="de"))
        assert re.search(r"Tea\s+1\.200\s+1,50\s+1\.800,00", text)

    def test_an_error_report_has_no_values(self):
        """File, line, function and source are there; local variables and arguments are not."""

        def fails(token):
            key = f"{token}-derived"
            raise ValueError(len(key) and "it broke")

        try:
            fails("top secret")
        except ValueError as error:
            message = made("error_report", error=error)
        whole = text_of(message) + html_of(message)
        assert "ValueError" in message["Subject"]
        assert "it broke" in whole
        assert "in fails" in whole
        assert "top secret-derived" not in whole

    def test_an_error_report_shows_where_a_chain_began(self):
        """What was behind the error is told, too, and a hostile message is only text."""
        try:
            try:
                raise KeyError("<script>\x1b[2J")  # noqa: TRY301  # it is what is reported
            except KeyError as first:
                raise RuntimeError("second") from first
        except RuntimeError as error:
            message = made("error_report", error=error)
        assert "KeyError" in text_of(message)
        assert "\x1b" not in text_of(message)
        assert Page(html_of(message)).all("script") == []

    def test_an_error_report_wants_an_exception(self):
        """A text is none."""
        with pytest.raises(InputError, match="error: is a str; give the exception"):
            made("error_report", error="boom")
