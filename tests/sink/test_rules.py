"""Rules: mail is sorted into mailboxes and tagged as it comes in."""

from __future__ import annotations

import pickle
import time

import pytest
from archive.made import a_message, a_session
from sink.talk import Talk, plain

import smtp_lab as lab
from smtp_lab import InputError, Rule
from smtp_lab.sink.rules import Rules


def fits(message=None, /, **conditions):
    return Rule(**conditions, tags="x").fits(message or a_message())


def logged_in(name, *, ok=True):
    return a_message(session=a_session(login=name, login_ok=ok))


def headed(*lines, end=b"\r\n"):
    return a_message(end.join(line.encode() for line in lines) + 2 * end + b"Subject: not this\r\n")


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "yes", "no"),
        [
            ("ann@example.com", ["ann@example.com", "ANN@Example.COM"], ["xann@example.com", ""]),
            ("*@class-a.example.com", ["a@class-a.example.com", "@CLASS-A.example.com"],
             ["a@class-b.example.com", "a@class-a.example.com.example.org"]),
            ("ann+*", ["ann+x@example.com", "ann+"], ["ann@example.com"]),
            ("*+a*@*.com", ["x+a@y.com", "x+ab@y.z.com"], ["x+b@y.com", "x+a@y.org"]),
            ("*", ["", "anything"], []),
            ("a*a", ["aa", "aba"], ["a", "ab"]),
            ("ab*ba", ["abba", "abxba"], ["aba"]),
            ("[ann]?@*", ["[ann]?@x"], ["a@x", "annx@x"]),
            ("straße@*", ["STRASSE@x"], []),
        ],
    )  # fmt: skip
    def test_a_star_is_any_text_and_all_else_itself(self, pattern, yes, no):
        """Capitals do not matter; brackets and question marks are nothing special."""
        for text, wanted in [(text, True) for text in yes] + [(text, False) for text in no]:
            assert fits(a_message(rcpt_to=(text,)), recipient=pattern) is wanted, text

    def test_a_hostile_pattern_and_text_take_no_time(self):
        """What would keep a regular expression busy for years ends at once."""
        begin = time.process_time()
        assert not fits(a_message(rcpt_to=("a" * 100_000,)), recipient="*a" * 400 + "b")
        assert not fits(headed("X-A: " + "a" * 100_000), header="X-A: " + "a*" * 300 + "b")
        assert not fits(headed(*["X-A: a"] * 20_000), header="X-A: b")
        assert not fits(a_message(b"X-A:" + b"\r\n " * 100_000), header="X-A: b")
        assert time.process_time() - begin < 5


class TestConditions:
    def test_one_of_the_recipients_is_enough(self):
        """The envelope counts, the Bcc among it, and not the headers."""
        message = a_message(rcpt_to=("x@example.com", "bob@example.org"))
        assert fits(message, recipient="bob@*")
        assert not fits(headed("To: bob@example.com"), recipient="bob@example.com")

    def test_a_login_counts_when_it_was_accepted(self):
        """Who was refused, or did not log in, is nobody."""
        assert fits(logged_in("Ann"), login="ann")
        assert not fits(logged_in("ann", ok=False), login="ann")
        assert not fits(a_message(), login="*")

    def test_a_door_is_named(self):
        """The door is that the message came through."""
        assert fits(a_message(), door="starttls")
        assert not fits(a_message(), door="plain")

    @pytest.mark.parametrize(
        ("lines", "header"),
        [
            (["X-Project: demo 1"], "X-Project: demo*"),
            (["x-PROJECT:demo 1"], "X-Project:demo*"),
            (["From: a", "X-Project : Demo", " 1"], "x-project: demo 1"),
            (["X-Project: a", "X-Project: b"], "X-Project: b"),
            (["Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?="], "Subject: grüße"),
            (["Subject: Grüße"], "subject: GRÜSSE"),
            (["X-Empty:", "To: x"], "X-Empty: *"),
        ],
    )
    def test_a_header_is_found_however_it_is_written(self, lines, header):
        """Names in any case, folded, repeated, encoded; line ends of either kind."""
        assert fits(headed(*lines), header=header)
        assert fits(headed(*lines, end=b"\n"), header=header)

    @pytest.mark.parametrize(
        "header", ["Subject: not this", "Project: demo", "X-Project: demos", "X-Project: dem"]
    )
    def test_what_is_no_such_header(self, header):
        """The body, other names and parts of a value do not fit."""
        assert not fits(headed("X-Project: demo"), header=header)

    def test_only_so_much_of_a_header_is_looked_at(self):
        """What stands far beyond any real header is not found, and nothing fails."""
        far = a_message(b"X-Long: " + b"y" * 70_000 + b"\r\nX-Project: demo\r\n\r\n")
        assert not fits(far, header="X-Project: demo")
        assert fits(far, header="X-Long: yyy*")
        assert fits(a_message(b"X-Project: demo"), header="X-Project: demo")
        assert not fits(a_message(b""), header="X-Project: *")

    def test_all_conditions_must_hold(self):
        """A rule with two conditions fits where both do."""
        message = logged_in("ann")
        assert fits(message, login="ann", recipient="bob@*")
        assert not fits(message, login="ann", recipient="eve@*")


class TestEffects:
    def test_every_rule_that_fits_counts(self):
        """A message to two classes is in both mailboxes, once, with the tags of each rule."""
        message = a_message(rcpt_to=("x@a.example.com", "y@b.example.com"))
        Rules(
            [
                Rule(recipient="*@a.example.com", mailbox="a", tags=["new", "x"]),
                Rule(recipient="*@b.example.com", mailbox="b", tags="new"),
                Rule(recipient="*@c.example.com", mailbox="c", tags="c"),
                Rule(door="starttls", mailbox="a"),
            ]
        ).label(message)
        assert (message.mailboxes, message.tags) == (("a", "b"), ("new", "x"))

    def test_a_rule_can_be_compared_and_sent(self):
        """Equal rules are equal, so that equal sinks are; a rule survives being sent elsewhere."""
        one = Rule(header="X-A: b", mailbox=" a ", tags=["x", "x"])
        assert one == Rule(header="X-A: b", mailbox="a", tags=("x",))
        assert one != Rule(header="X-A: c", mailbox="a", tags=("x",))
        copy = pickle.loads(pickle.dumps(one))
        assert copy == one
        assert hash(copy) == hash(one)
        assert copy.fits(headed("X-A: b"))
        assert "_fits" not in repr(one)

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"mailbox": "a"}, "rule: has no condition; give one of recipient, login"),
            ({"recipient": "*"}, "rule: does nothing; give a mailbox or tags"),
            ({"recipient": "", "tags": "a"}, "recipient: is no pattern"),
            ({"recipient": 5, "tags": "a"}, "recipient: is no pattern"),
            ({"recipient": "x" * 1001, "tags": "a"}, "recipient: is too long"),
            ({"login": "  ", "tags": "a"}, "login: is no pattern"),
            ({"header": "X-Project", "tags": "a"}, "header: is no name and pattern"),
            ({"header": "X Project: a", "tags": "a"}, "header: is no name and pattern"),
            ({"header": "X-Project:", "tags": "a"}, "header: is no name and pattern"),
            ({"header": None, "door": "side", "tags": "a"}, "door: 'side' is no door of the sink"),
            ({"recipient": "*", "mailbox": ""}, "mailbox: is empty; give 1 to 100"),
            ({"recipient": "*", "tags": ["a", "b" * 101]}, "tags: is too long; give 1 to 100"),
            ({"recipient": "*", "tags": 5}, "tags: is a int; give a list"),
        ],
    )
    def test_what_is_no_rule(self, values, said):
        """A mistake is one sentence that names the field."""
        with pytest.raises(InputError) as error:
            Rule(**values)
        assert str(error.value).startswith(said)
        assert str(error.value).endswith(".")

    @pytest.mark.parametrize("rules", ["x", 5, [("*", "a")], Rule(door="plain", tags="x")])
    def test_what_are_no_rules(self, tmp_path, rules):
        """A sink takes a list of rules and nothing else."""
        with pytest.raises(InputError, match=r"^rules: (is no list|holds a tuple).*lab\.Rule\("):
            lab.Sink(tmp_path / "mail.sqlite3", rules=rules)


class TestSink:
    def test_classes_share_one_sink(self, new_sink):
        """Over SMTP: by recipient, login, header and door; each class sees its own mail."""
        sink = new_sink(
            rules=[
                lab.Rule(recipient="*@a.example.com", mailbox="class-a"),
                lab.Rule(recipient="*@b.example.com", mailbox="class-b"),
                lab.Rule(login="ann", tags=["ann"]),
                lab.Rule(header="X-Project: demo*", mailbox="demo", tags=["demo"]),
                lab.Rule(door="plain", tags=["unencrypted"]),
            ]
        )
        with Talk(sink, implicit=True) as client:
            client.hello()
            assert client.say(b"AUTH PLAIN " + plain("ann", "x")).startswith("235")
            assert client.say("MAIL FROM:<a@example.com>").startswith("250")
            for to in ("x@a.example.com", "y@b.example.com"):
                assert client.say(f"RCPT TO:<{to}>").startswith("250")
            client.say("DATA")
            client.send(b"X-Project: demo 1\r\n\r\nhi\r\n.\r\n")
            assert client.reply().startswith("250")
            assert client.say("RSET").startswith("250")
        with Talk(sink, door="plain") as client:
            client.hello()
            assert client.mail(b"hi\r\n").startswith("250")
            client.envelope(to="z@b.example.com")
            assert client.say("BDAT 4 LAST\r\nhi\r\n"[:-2]).startswith("250")
        frame = sink.inbox.to_frame()
        assert frame["mailboxes"].tolist() == [["class-a", "class-b", "demo"], [], ["class-b"]]
        assert frame["tags"].tolist() == [["ann", "demo"], ["unencrypted"], ["unencrypted"]]
        assert [len(sink.mailbox(x)) for x in ("class-a", "class-b", "demo", "x")] == [1, 2, 1, 0]
        assert sink.mailbox("class-b").to_frame()["id"].tolist() == [1, 3]
        assert sink.inbox[0].tags == ("ann", "demo")

    def test_other_rules_are_another_server(self, tmp_path, new_sink):
        """A sink with other rules does not share the server."""
        rule = Rule(door="plain", tags="x")
        first = new_sink(tmp_path / "mail.sqlite3", rules=[rule])
        same = new_sink(tmp_path / "mail.sqlite3", rules=(rule,))
        other = new_sink(tmp_path / "mail.sqlite3")
        assert first.port == same.port
        assert first.port != other.port
