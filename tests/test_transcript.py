"""The dialogue: masked, printable, explained, and the same again after it was data."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from html.parser import HTMLParser
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_lab.facts import load
from smtp_lab.transcript import (
    MASK,
    Line,
    Mask,
    Transcript,
    explain,
    explain_codes,
    printable,
)

FACTS, CODES = load("dialogue"), load("codes")
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

    @given(st.integers(0, 1983), st.integers(16, 200), st.sampled_from(["", "upper", "lower"]))
    def test_any_piece_of_a_long_secret(self, start, length, case):
        """Of a token every piece of 16 characters is hidden, and what stands around it is not."""
        token = "".join(f"{number:x}-{number**3:X}." for number in range(400))[:2000]
        piece = token[start : start + length]
        if case:
            piece = getattr(piece, case)()
        masked = Mask(USER, token)(f"501 5.5.2 ({piece}) what?")
        if len(piece) >= 16:
            assert masked == f"501 5.5.2 ({MASK}) what?"

    def test_more_texts_that_hold_a_secret(self):
        """A whole login is hidden where it is named, and so are its pieces."""
        login = b64encode(b"user=ann\1auth=Bearer " + b"t" * 100 + b"\1\1").decode()
        mask = Mask("ann", "t" * 100, encoded=[login])
        assert mask(f"535 {login}") == f"535 {MASK}"
        assert mask(f"535 {login[:40]}") == f"535 {MASK}"
        assert mask("535 user=ann") == "535 user=ann"

    def test_the_mask_does_not_show_what_it_hides(self):
        """The repr of a mask names no form of the secret."""
        assert "sesame" not in repr(Mask("ann", "sesame"))
        assert "sesame" not in repr(vars(Mask("ann", "sesame")))

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
        source = f"RFC {fact['rfc']}" if "rfc" in fact else fact["source"]
        for text in (f"250-{keyword}", f"250 {keyword.lower()} 1 2", f"250-{keyword}=1"):
            meaning = explain(Line("S", text, "ehlo", 0))
            assert meaning == f"{keyword}: {fact['text']} ({source})."
        assert 800 < fact.get("rfc", 821) < 10000

    @pytest.mark.parametrize("mechanism", sorted(FACTS["mechanism"]))
    def test_every_mechanism_has_a_sentence(self, mechanism):
        """A login is explained by its mechanism, in either case, with its document."""
        fact = FACTS["mechanism"][mechanism]
        source = f"RFC {fact['rfc']}" if "rfc" in fact else fact["source"]
        for text in (f"AUTH {mechanism}", f"auth {mechanism.lower()} {MASK}"):
            meaning = explain(Line("C", text, "auth", 0))
            assert meaning == f"The client logs in with {mechanism}. {fact['text']} ({source})."

    @pytest.mark.parametrize("parameter", sorted(FACTS["parameter"]))
    def test_every_parameter_of_an_envelope_has_a_sentence(self, parameter):
        """What stands behind an address is explained with the RFC that defines it."""
        fact = FACTS["parameter"][parameter]
        for text in (f"MAIL FROM:<a@example.com> {parameter}=x", f"RCPT TO:<> {parameter}"):
            meaning = explain(Line("C", text, "mail", 0))
            assert meaning.startswith(FACTS["command"][text[:4]])
            assert meaning.endswith(f" {parameter}: {fact['text']} (RFC {fact['rfc']}).")

    def test_what_stands_in_an_address_is_no_parameter(self):
        """A name of a parameter inside the angle brackets is part of an address."""
        line = Line("C", 'MAIL FROM:<"a SIZE=1"@example.com>', "mail", 0)
        assert explain(line) == FACTS["command"]["MAIL"]

    def test_all_that_servers_commonly_offer_is_in_the_book(self):
        """No keyword of the registry that is in use is missing."""
        common = """SIZE 8BITMIME SMTPUTF8 PIPELINING ENHANCEDSTATUSCODES CHUNKING BINARYMIME DSN
            STARTTLS AUTH REQUIRETLS MT-PRIORITY DELIVERBY FUTURERELEASE ETRN LIMITS BURL
            NO-SOLICITING CONNEG CONPERM SUBMITTER VRFY HELP EXPN XCLIENT XFORWARD RRVS MTRK ATRN"""
        assert set(common.split()) <= set(FACTS["extension"])

    def test_an_extension_that_is_not_in_the_book(self):
        """An unknown keyword is said to be one; the server's name and an X keyword are not."""
        hello = Line("C", "EHLO a", "ehlo", 0)
        first, other = Line("S", "250-mx", "ehlo", 0), Line("S", "250-NEWTHING 1", "ehlo", 0)
        assert explain(first, hello) == FACTS["reply"]["250 ehlo"]
        assert explain(other, first) == "NEWTHING: an extension that is not in the book."
        own = explain(Line("S", "250 XOWN", "ehlo", 0), other)
        assert own == "XOWN: known to this kind of server only (RFC 5321 section 2.2.2)."
        frame = Transcript([hello, first, other]).to_frame()
        assert frame["meaning"].iloc[2] == explain(other, first)

    @pytest.mark.parametrize(
        ("said", "wanted"),
        [
            ("VXNlcm5hbWU6", "The server asks for the user name: in base64 it says 'Username'."),
            ("UGFzc3dvcmQ6", "The server asks for the password: in base64 it says 'Password'."),
            (
                "VXNlciBOYW1lAA==",
                "The server asks for the user name: in base64 it says 'User Name'.",
            ),
            ("eyJzdGF0dXMiOiI0MDAifQ==", 'why it refuses the token: {"status":"400"}'),
            ("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2U+", FACTS["reply"]["334"]),
            ("Go ahead", FACTS["reply"]["334"]),
            ("", FACTS["reply"]["334"]),
            ("//79", FACTS["reply"]["334"]),
        ],
    )
    def test_a_question_of_a_login_is_read(self, said, wanted):
        """The usual questions in base64 are told in words; others are questions all the same."""
        assert explain(Line("S", f"334 {said}", "auth", 0)).endswith(wanted)

    def test_an_answer_of_a_login_is_a_secret(self):
        """The client's answer to a question is explained without being shown."""
        assert "not shown" in explain(Line("C", MASK, "auth", 0))


class TestEnhancedCodes:
    @pytest.mark.parametrize("code", sorted(CODES["enhanced"]))
    def test_every_code_of_the_registry_has_a_sentence(self, code):
        """Class, subject and detail are told after what the reply code says."""
        fine = code.replace("X", "5") + (".99" if code.count(".") == 1 else "")
        meaning = explain(Line("S", f"550 {fine} whatever", "rcpt", 0))
        wanted = f"{fine}: refused for good; {CODES['enhanced'][code]}."
        assert meaning == f"{FACTS['reply']['550 rcpt']} {wanted}"

    def test_the_registry_is_whole(self):
        """Every code that IANA lists is there: subjects 0 to 7 with all their details."""
        last = {0: 0, 1: 10, 2: 4, 3: 6, 4: 7, 5: 6, 6: 10, 7: 30}
        wanted = {f"X.{subject}.{n}" for subject, most in last.items() for n in range(most + 1)}
        assert wanted - {"X.0.0"} <= set(CODES["enhanced"])

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("250 2.1.5 fine", "2.1.5: success; the address is good."),
            ("235 2.7.0 welcome", "2.7.0: success; about security or policy."),
            ("250 2.0.0 Ok", "2.0.0: success."),
            ("450-4.2.2 full", "4.2.2: refused for now; the mailbox is full."),
            ("550 #5.1.0 Address rejected", "5.1.0: refused for good; something is wrong"),
            ("550 5.123.1 what", "5.123.1: refused for good."),
            ("535 5.7.8", "5.7.8: refused for good; user name, password or token is wrong"),
        ],
    )
    def test_it_is_found_where_rfc_2034_has_it(self, text, wanted):
        """The code stands first in the reply's text, whatever separates it."""
        assert wanted in explain_codes(text)

    @pytest.mark.parametrize(
        "text", ["550 5.1.1.1 x", "550 says 5.1.1", "220 Sendmail 8.14.5", "x 5.1.1", ""]
    )
    def test_other_numbers_are_none(self, text):
        """Addresses, versions and codes in the middle of a text are not taken for one."""
        assert "refused for good;" not in explain_codes(text)

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
    assert lines[0] == "   0.000 s   +0.000 ·  connected to 127.0.0.1"
    assert lines[1] == "   0.010 s   +0.010 ←  220 mx.example.com ESMTP"
    assert lines[6] == f"   0.030 s   +0.010 →~ AUTH PLAIN {MASK}"


def test_the_annotated_text_puts_the_meaning_in_its_own_column():
    """annotated() gives each line and, from the asked column on, what it means."""
    meanings = dialogue().to_frame()["meaning"]
    rows = dialogue().annotated(width=80).splitlines()
    for line, row, meaning in zip(dialogue(), rows, meanings, strict=True):
        assert line.text in row
        assert row == row.rstrip()
        if meaning:
            assert row[80:].strip() == meaning
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


def test_the_html_can_be_read_and_reached_without_a_mouse():
    """The table has a caption and headings with scope; the box that scrolls has role and focus."""
    html = dialogue()._repr_html_()
    assert 'role="region" tabindex="0" aria-label="SMTP dialogue"' in html
    assert html.count('<th scope="col"') == 5
    assert "SMTP dialogue: 9 lines were said, 4 of them encrypted" in Page(html).text
    assert "style" in html
    assert not re.search(r"color:(?!var\()", html)


def test_a_long_dialogue_is_cut_short_in_the_notebook_only():
    """Of thousands of lines the first and the last are shown, and where the others are."""
    lines = [Line("S", f"250 line {n}", "rcpt", n / 100) for n in range(3000)]
    transcript = Transcript(lines)
    page = Page(transcript._repr_html_())
    assert page.tags.count("tr") == 202
    assert "2,800 lines are not shown here" in page.text
    assert "250 line 0" in page.text
    assert "250 line 2999" in page.text
    assert "250 line 1000" not in page.text
    assert len(str(transcript).splitlines()) == len(transcript.to_frame()) == 3000


def test_every_wait_is_shown():
    """Text and table say how long each line took to come."""
    assert "0.045 s   +0.015 ←~ 235" in str(dialogue())
    assert ">+0.015<" in dialogue()._repr_html_()
