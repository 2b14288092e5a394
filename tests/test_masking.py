"""No secret is in a transcript, whatever shape a server gives it."""

from __future__ import annotations

import json
import quopri
from base64 import b64encode, urlsafe_b64encode
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtp_lab.transcript import MASK, Mask, Transcript

# What people have as passwords: printable, of some length; the mask's own bullets aside.
SECRETS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="•"),
    min_size=5,
    max_size=50,
).filter(lambda secret: len(set(secret)) > 2)
TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789-_.", min_size=70, max_size=600)
USERS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)

SHAPES = {
    "raw": lambda s: s,
    "url": lambda s: quote(s, safe=""),
    "path": quote,
    "form": quote_plus,
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: s.encode().hex().upper(),
    "json": lambda s: json.dumps(s)[1:-1],
    "json of utf-8": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "html": escape,
    "repr": lambda s: repr(s)[1:-1],
    "repr of bytes": lambda s: repr(s.encode())[2:-1],
    "quoted-printable": lambda s: quopri.encodestring(s.encode()).decode().replace("=\n", ""),
    "base64": lambda s: b64encode(s.encode()).decode(),
    "base64url": lambda s: urlsafe_b64encode(s.encode()).decode().rstrip("="),
    "one before": lambda s: b64encode(b"\1" + s.encode() + b"\1\1").decode(),
    "two before": lambda s: b64encode(b"\1\2" + s.encode() + b"\1").decode(),
    "three before": lambda s: urlsafe_b64encode(b"\1\2\3" + s.encode() + b"\1").decode(),
}  # fmt: skip


def recorded(secret, *lines, user=""):
    """A transcript with a mask for *secret* to which a server said *lines*."""
    transcript = Transcript()
    transcript.stage, transcript.mask = "auth", Mask(user, secret)
    for line in lines:
        transcript.add("S", line)
    return transcript


class TestShapes:
    @pytest.mark.parametrize("shape", SHAPES)
    @given(secret=SECRETS, user=USERS)
    @example(secret='a"b\\c/d&e=f+g', user="ann")
    @example(secret="päss wörd€😀", user="ann")
    @example(secret="%41=41\\x41&#65;", user="ann")
    def test_a_password_in_any_shape(self, shape, secret, user):
        """However a server writes the password back, none of it is recorded."""
        said = SHAPES[shape](secret)
        (line,) = recorded(secret, f"535 5.7.8 <{said}> is wrong", user=user)
        assert MASK in line.text
        assert said not in line.text
        assert secret not in line.text

    @pytest.mark.parametrize("shape", SHAPES)
    @given(token=TOKENS)
    def test_a_token_in_any_shape(self, shape, token):
        """A token is hidden whole, and so is what a server cut off."""
        said = SHAPES[shape](token)
        for text in (said, said[: len(said) // 2], said[len(said) // 3 :]):
            (line,) = recorded(token, f"535 5.7.8 <{text}> is wrong")
            left = line.text.replace(MASK, "")
            assert not any(text[at : at + 20] in left for at in range(len(text) - 19))

    @given(secret=SECRETS, user=USERS)
    def test_whole_logins(self, secret, user):
        """AUTH PLAIN, XOAUTH2, OAUTHBEARER and HTTP Basic are hidden whole."""
        for login in (
            f"\0{user}\0{secret}",
            f"user={user}\1auth=Bearer {secret}\1\1",
            f"n,a={user},\1host=mx.example.com\1port=587\1auth=Bearer {secret}\1\1",
            f"{user}:{secret}",
        ):
            said = b64encode(login.encode()).decode()
            (line,) = recorded(secret, f"501 <{said}>", user=user)
            assert line.text == f"501 <{MASK}>"

    @given(secret=SECRETS)
    def test_encoded_texts_are_hidden_by_name(self, secret):
        """What a caller says holds a secret is hidden as it stands."""
        assert Mask(encoded=[secret])(f"535 <{secret}>").count(MASK) >= 1
        long = secret * 20
        assert secret * 3 not in Mask(encoded=[long])(f"535 <{long}>")


class TestPieces:
    @pytest.mark.parametrize("shape", ["raw", "hex", "base64", "two before"])
    @given(secret=SECRETS, data=st.data())
    def test_a_secret_spread_over_the_lines_of_a_reply(self, shape, secret, data):
        """Pieces on lines of their own are found, and the lines before are mended."""
        said = SHAPES[shape](secret)
        at = data.draw(st.integers(1, len(said) - 1))
        again = data.draw(st.integers(at, len(said)))
        parts = [part for part in (said[:at], said[at:again], said[again:]) if part]
        lines = [f"535-{part}" for part in parts[:-1]] + [f"535 {parts[-1]}"]
        transcript = recorded(secret, *lines)
        assert [line.text[:4] for line in transcript] == [line[:4] for line in lines]
        left = "".join(line.text[4:] for line in transcript).replace(MASK, "")
        # Of base64 no more is left than what is no part of the secret, and a few bits at its ends.
        assert len(left.rstrip("=")) <= (0 if shape in ("raw", "hex") else 6)

    def test_words_on_lines_of_their_own(self):
        """A passphrase broken at its spaces is found as well."""
        lines = ["535-the password open", "535-sesame my", "535 friend is wrong"]
        transcript = recorded("open sesame my friend", *lines)
        assert [line.text for line in transcript] == [
            f"535-the password {MASK}", f"535-{MASK}", f"535 {MASK} is wrong"
        ]  # fmt: skip
        shown = [str(transcript), transcript._repr_html_(), json.dumps(transcript.to_dict())]
        assert "sesame" not in "".join([*shown, transcript.to_frame().to_string()])

    def test_pieces_behind_enhanced_codes(self):
        """The code that RFC 2034 wants on each line does not keep the pieces apart."""
        transcript = recorded("open sesame", "535-5.7.8 no open", "535 5.7.8 sesame here")
        assert [line.text for line in transcript] == [f"535-5.7.8 no {MASK}", f"535 {MASK} here"]
        said = Mask("", "open sesame")("535 5.7.8 no open 5.7.8 sesame here")
        assert said == f"535 5.7.8 no {MASK} here"

    def test_an_exception_about_a_reply_in_pieces(self):
        """The repr of a reply of several lines, as exceptions show it, is masked too."""
        said = Mask("", "open sesame")(r"SMTPAuthenticationError: (535, b'no open\nsesame here')")
        assert said == f"SMTPAuthenticationError: (535, b'no {MASK} here')"

    def test_lines_of_both_sides_are_not_taken_together(self):
        """What the client said lies between, so the pieces are no echo."""
        transcript = Transcript()
        transcript.mask = Mask("", "open sesame")
        for direction, text in (("S", "250 open"), ("C", "NOOP"), ("S", "250 sesame")):
            transcript.add(direction, text)
        assert [line.text for line in transcript] == ["250 open", "NOOP", "250 sesame"]


class TestRestraint:
    @given(st.text(max_size=200), SECRETS)
    def test_other_text_is_left_as_it_is(self, text, secret):
        """Where no shape of the secret stands, nothing is hidden."""
        hidden = Mask("", secret).spans(text)
        assert bool(hidden) == (Mask("", secret)(text) != text) or text[:1] in "2345"
        if secret.lower() not in text.lower() and text.isalpha() and len(text) < 5:
            assert hidden == []

    @pytest.mark.parametrize("secret", ["5", "25", "250"])
    def test_a_short_secret_hides_no_digits_of_others(self, secret):
        """A secret of one to three characters is hidden where it stands alone."""
        said = Mask("", secret)(f"250 2.1.0 1250 and {secret} it was")
        assert said == f"250 2.1.0 1250 and {MASK} it was"

    def test_words_of_a_reply_are_no_base64(self):
        """A password of four letters does not blacken the words around it."""
        text = "535 5.7.8 authentication failed, see https://example.com/help"
        assert Mask("ann", "1234")(text) == text

    @given(st.text(max_size=3), st.text(max_size=40))
    def test_spans_are_in_order_and_apart(self, secret, text):
        """Places are sorted, inside the text and do not touch."""
        spans = Mask("ann", secret, "open sesame").spans(text)
        flat = [at for span in spans for at in span]
        assert flat == sorted(set(flat))
        assert all(0 <= at <= len(text) for at in flat)

    def test_a_mask_shows_nothing_of_what_it_hides(self):
        """Neither repr nor attributes of a mask hold the secret."""
        mask = Mask("ann", "open sesame", encoded=["b3BlbiBzZXNhbWU="])
        assert "sesame" not in f"{mask!r} {vars(mask)!r}"

    def test_a_long_line_is_masked_soon(self):
        """Neither long runs of base64 nor repeated beginnings take time without measure."""
        mask = Mask("ann", "aaaaaaaaabbb", "x" * 2000)
        for text in ("a" * 8000, "YWFh" * 2000, "aaaaaaaaa " * 800):
            assert MASK not in mask(text)
