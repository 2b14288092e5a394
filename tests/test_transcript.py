"""The dialogue: masked, printable, explained, and the same again after it was data."""

from __future__ import annotations

import json
from base64 import b64encode
from html.parser import HTMLParser
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_lab.facts import load
from smtp_lab.transcript import MASK, Line, Mask, Transcript, explain, printable

FACTS = load("dialogue")
USER = "ann@example.com"


def dialogue() -> Transcript:
    return Transcript(
        [
            Line("*", "connected to 127.0.0.1", "connect", 0.0),
            Line("S", "220 mx.example.com ESMTP", "greeting", 0.010),
            Line("C", "EHLO client.example.com", "ehlo", 0.011),
            Line("S", "250-mx.example.com", "ehlo", 0.020),
            Line("S", "250-SIZE 33554432", "ehlo", 0.020),
            Line("S", "250 STARTTLS", "ehlo", 0.020),
            Line("C", f"AUTH PLAIN {MASK}", "auth", 0.030, tls=True),
            Line("S", "235 2.7.0 welcome", "auth", 0.045, tls=True),
            Line("C", "RCPT TO:<b@example.com>", "rcpt", 0.046, tls=True),
            Line("S", "550 5.1.1 no such user <script>alert(1)</script>", "rcpt", 0.050, tls=True),
        ]
    )


class TestMask:
    """What a server echoes of a login."""

    @pytest.mark.parametrize(
        "secret", ["open sesame", "a/b c+d", "pässwörd€", 'x&y="z"', "(.*)[a-z]+"]
    )
    @pytest.mark.parametrize(
        "encode",
        [
            lambda s: s,
            lambda s: b64encode(s.encode()).decode(),
            lambda s: b64encode(f"\0{USER}\0{s}".encode()).decode(),
            lambda s: b64encode(f"{USER}\0{USER}\0{s}".encode()).decode(),
            lambda s: s.encode().hex(),
            lambda s: s.encode().hex().upper(),
            quote,
            lambda s: quote(s, safe=""),
            quote_plus,
        ],
        ids=[
            "raw",
            "base64",
            "plain",
            "plain-with-identity",
            "hex",
            "HEX",
            "quoted",
            "quoted-all",
            "form",
        ],
    )
    def test_every_usual_form_of_a_secret_is_hidden(self, secret, encode):
        """Raw, base64, AUTH PLAIN, hex and URL-quoted echoes are masked; the rest stays."""
        said = Mask(USER, secret)(f"535 no: {encode(secret)} is wrong")
        assert said == f"535 no: {MASK} is wrong"

    def test_another_case_is_hidden_too(self):
        """A server that shouts the secret back does not get it past the mask."""
        assert Mask("", "Sesame")("no SESAME, no sesame") == f"no {MASK}, no {MASK}"

    def test_several_secrets_are_hidden_the_longest_first(self):
        """A secret that is part of another leaves no tail of the longer one."""
        assert Mask("", "open", "open sesame")("open sesame open") == f"{MASK} {MASK}"

    def test_without_a_secret_nothing_is_hidden(self):
        """No secret and an empty secret leave every text as it is."""
        assert Mask("ann")("ann said hello") == "ann said hello"
        assert Mask("ann", "")("ann said hello") == "ann said hello"

    def test_the_mask_does_not_show_what_it_hides(self):
        """The repr of a mask names no form of the secret."""
        assert "sesame" not in repr(Mask("ann", "sesame"))

    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=4), st.text(), st.text())
    def test_no_secret_survives(self, secret, before, after):
        """Whatever stands around it, a secret of some length is not in the masked text."""
        masked = Mask("ann", secret)(before + secret + after)
        assert not any(secret in piece for piece in masked.split(MASK))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\rb\nc\td\0e", r"a\x0db\x0ac\x09d\x00e"),
        ("\x7f\x9b", r"\x7f\x9b"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("\u061c\u200e\u200f", r"\u061c\u200e\u200f"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("half \ud83d", r"half \ud83d"),
        ("Zoë 日本 😀 שלום", "Zoë 日本 😀 שלום"),
    ],
)
def test_control_and_direction_characters_are_made_visible(raw, shown):
    """ESC, line breaks, bidi controls and lone surrogates are spelt out; letters stay."""
    assert printable(raw) == shown


def test_what_is_added_is_printable_timed_and_at_its_stage():
    """add() records stage, encryption and a time that never runs backwards."""
    transcript = Transcript()
    transcript.stage = "greeting"
    transcript.add("S", "220 \x1b]0;owned\x07hello")
    transcript.stage, transcript.tls = "auth", True
    transcript.add("C", "AUTH LOGIN")
    first, second = transcript
    assert first.text == r"220 \x1b]0;owned\x07hello"
    assert (first.stage, first.tls, second.stage, second.tls) == ("greeting", False, "auth", True)
    assert 0 <= first.at <= second.at


class TestExplain:
    """A sentence for each line."""

    @pytest.mark.parametrize("verb", sorted(FACTS["command"]))
    def test_every_command_has_a_sentence(self, verb):
        """Each verb of the facts is explained, in either case and with an argument."""
        for text in (verb, verb.lower(), f"{verb} something"):
            meaning = explain(Line("C", text, "mail", 0))
            assert meaning == FACTS["command"][verb]
            assert meaning[:1].isupper()
            assert meaning.endswith(".")

    @pytest.mark.parametrize("key", sorted(FACTS["reply"]))
    def test_every_reply_has_a_sentence(self, key):
        """Each code of the facts is explained at its stage, or at any stage when it names none."""
        code, _, stage = key.partition(" ")
        meaning = explain(Line("S", f"{code.ljust(3, '9')} text", stage or "quit", 0))
        assert meaning == FACTS["reply"][key]
        assert meaning[:1].isupper()
        assert meaning.endswith(".")

    @pytest.mark.parametrize("keyword", sorted(FACTS["extension"]))
    def test_every_extension_has_a_sentence_with_its_document(self, keyword):
        """Each EHLO keyword of the facts is explained with the RFC that defines it."""
        fact = FACTS["extension"][keyword]
        for text in (f"250-{keyword}", f"250 {keyword.lower()} 1 2"):
            meaning = explain(Line("S", text, "ehlo", 0))
            assert meaning == f"{keyword}: {fact['text']} (RFC {fact['rfc']})."
        assert 800 < fact["rfc"] < 10000

    @pytest.mark.parametrize("key", sorted(FACTS["request"]))
    def test_every_request_over_http_has_a_sentence(self, key):
        """A request is explained by its verb and what it asks for, else by its verb."""
        verb, _, what = key.partition(" ")
        text = f"{verb} /v1.0/users/ann@example.com/{what or 'x'}?$top=5&a=/b"
        meaning = explain(Line("C", text, "graph", 0))
        assert meaning == FACTS["request"][key]
        assert meaning.endswith(".")

    @pytest.mark.parametrize("key", sorted(FACTS["status"]))
    def test_every_status_of_http_has_a_sentence(self, key):
        """A status is explained by itself, or by its first digit; other texts are not."""
        for stage in ("oauth", "graph"):
            meaning = explain(Line("S", f"{key.ljust(3, '9')} Text", stage, 0))
            assert meaning == FACTS["status"][key]
        assert meaning.endswith(".")
        assert explain(Line("S", "5 things went wrong", "graph", 0)) == ""
        assert explain(Line("S", "ErrorAccessDenied: Access is denied.", "graph", 0)) == ""

    @pytest.mark.parametrize(
        ("stage", "words"),
        [
            ("mail", "sender"),
            ("rcpt", "recipient"),
            ("data", "message"),
            ("ehlo", "extensions"),
            ("quit", "Done"),
        ],
    )
    def test_the_same_code_means_what_its_stage_makes_of_it(self, stage, words):
        """250 is explained by what was asked."""
        assert words in explain(Line("S", "250 OK", stage, 0))

    @pytest.mark.parametrize(
        ("code", "words"),
        [("299", "accepts"), ("399", "waits"), ("499", "for now"), ("599", "will not help")],
    )
    def test_an_unknown_code_is_explained_by_its_first_digit(self, code, words):
        """A code nobody wrote down still has a meaning."""
        assert words in explain(Line("S", f"{code} x", "rcpt", 0))

    @pytest.mark.parametrize(
        "line",
        [
            Line("*", "connected", "connect", 0),
            Line("C", "", "data", 0),
            Line("C", MASK, "auth", 0),
            Line("S", "", "greeting", 0),
            Line("S", "hello?", "greeting", 0),
            Line("S", "550-first of two", "rcpt", 0),
        ],
    )
    def test_what_speaks_for_itself_has_none(self, line):
        """Notes, secrets, junk and the first lines of a longer reply get no sentence."""
        assert explain(line) == ""

    def test_a_refused_ehlo_offers_no_extension(self):
        """Only a 250 offers something: a refusal that begins with a keyword is a refusal."""
        assert explain(Line("S", "502 AUTH first", "ehlo", 0)) == FACTS["reply"]["502"]


def test_the_text_has_one_line_each_with_arrow_and_time():
    """str() shows the dialogue with who spoke, when, and whether it was encrypted."""
    lines = str(dialogue()).splitlines()
    assert len(lines) == len(dialogue())
    assert lines[0] == "   0.000 s ·  connected to 127.0.0.1"
    assert lines[1] == "   0.010 s ←  220 mx.example.com ESMTP"
    assert lines[6] == f"   0.030 s →~ AUTH PLAIN {MASK}"


def test_the_annotated_text_puts_the_meaning_in_its_own_column():
    """annotated() gives each line and, from the asked column on, what it means."""
    for line, row in zip(dialogue(), dialogue().annotated(width=70).splitlines(), strict=True):
        assert line.text in row
        assert row == row.rstrip()
        if explain(line):
            assert row[70:].strip() == explain(line)
        else:
            assert row.endswith(line.text)


def test_it_is_a_sequence_of_lines():
    """Length, order, index and the tuple of lines agree."""
    transcript = dialogue()
    assert list(transcript) == list(transcript.lines)
    assert transcript[-1] is transcript.lines[-1]
    assert repr(transcript) == f"<Transcript of {len(transcript)} lines>"


@pytest.mark.parametrize("transcript", [Transcript(), dialogue()], ids=["empty", "full"])
def test_the_frame_has_the_same_types_when_empty(transcript):
    """to_frame has the columns and dtypes it promises, with no line as with ten."""
    frame = transcript.to_frame()
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "direction": "str",
        "stage": "str",
        "text": "str",
        "meaning": "str",
        "at_ms": "float64",
        "wait_ms": "float64",
        "tls": "bool",
    }
    assert len(frame) == len(transcript)


def test_the_frame_says_how_long_each_line_took():
    """at_ms counts from the start and wait_ms from the line before."""
    frame = dialogue().to_frame()
    assert frame["at_ms"].tolist()[:4] == [0, 10, 11, 20]
    assert frame["wait_ms"].tolist()[:4] == [0, 10, 1, 9]
    assert frame["meaning"].iloc[1] == FACTS["reply"]["220 greeting"]


def test_data_and_back_gives_the_same_dialogue():
    """to_dict goes through JSON and from_dict gives the same lines and start."""
    transcript = dialogue()
    back = Transcript.from_dict(json.loads(json.dumps(transcript.to_dict())))
    assert back.lines == transcript.lines
    assert back.started_at == transcript.started_at
    assert back.started_at.utcoffset().total_seconds() == 0
    assert Transcript.from_dict(Transcript().to_dict()).lines == ()


class Page(HTMLParser):
    """The tags and the text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_the_html_escapes_what_was_said():
    """A script in a reply is text in the notebook, not a tag."""
    page = Page(dialogue()._repr_html_())
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text
    assert page.tags.count("tr") == len(dialogue()) + 1


def test_the_html_shows_who_spoke_and_what_it_means():
    """Each row names the speaker and carries the explanation."""
    page = Page(dialogue()._repr_html_())
    assert all(word in page.text for word in ("client", "server", "note", "🔒"))
    assert FACTS["reply"]["550 rcpt"] in page.text


def test_the_html_of_an_empty_dialogue_is_a_table_without_rows():
    """Nothing said is shown as nothing, not as an error."""
    assert Page(Transcript()._repr_html_()).tags.count("tr") == 1
