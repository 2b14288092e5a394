"""Waiting for mail: by number, from either side of an event loop, with a report when it fails."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from inbox.mails import lines, stored

import smtp_lab as lab
from smtp_lab.archive import Archive, Retention


@pytest.fixture
def archive(archive_url):
    opened = Archive(archive_url)
    yield opened
    opened.close()


@pytest.fixture
def inbox(archive):
    return lab.Inbox(archive)


def mail(subject, **changes):
    return stored(lines(f"Subject: {subject}", "", "hi"), **changes)


def later(function, seconds=0.15):
    thread = threading.Timer(seconds, function)
    thread.start()
    return thread


class TestWaitFor:
    def test_a_message_that_is_there_is_given_at_once(self, inbox, archive):
        """What came before is found too, unless a marker says otherwise."""
        archive.add([mail("one"), mail("two")])
        assert inbox.wait_for("two", timeout=0).subject == "two"
        assert inbox.wait_for(timeout=0).subject == "one"
        with pytest.raises(lab.ExpectationError):
            inbox.wait_for("two", timeout=0, since=inbox.marker())

    @pytest.mark.parametrize("what", ["subject:late", lambda message: message.subject == "late"])
    def test_a_message_that_comes_later_is_waited_for(self, inbox, archive, what):
        """By a query or by a function."""
        archive.add([mail("early")])
        thread = later(lambda: archive.add([mail("other"), mail("late")]))
        assert inbox.wait_for(what, timeout=30).id == 3
        thread.join()

    def test_several_are_given_in_order(self, inbox, archive):
        """As many as were asked for, the first ones, in the order of their numbers."""
        archive.add([mail("a 1")])
        thread = later(lambda: archive.add([mail("b"), mail("a 2"), mail("a 3"), mail("a 4")]))
        found = inbox.wait_for("subject:a", count=3, timeout=30)
        assert [message.subject for message in found] == ["a 1", "a 2", "a 3"]
        thread.join()

    def test_retention_in_between_does_not_confuse_it(self, inbox, archive):
        """It goes by numbers: that old mail is let go makes no difference."""
        archive.add([mail(f"old {n}") for n in range(5)])
        marker = inbox.marker()

        def change():
            archive.add([mail("new")])
            archive.prune(Retention(count=1))

        thread = later(change)
        assert inbox.wait_for(timeout=30, since=marker).subject == "new"
        thread.join()

    def test_each_message_is_given_to_a_function_once(self, inbox, archive):
        """However long it waits, no message is read twice."""
        archive.add([mail("one"), mail("two")])
        seen = []
        with pytest.raises(lab.ExpectationError):
            inbox.wait_for(lambda message: seen.append(message.id), timeout=0.4)
        assert seen == [1, 2]

    def test_a_failure_shows_what_came_instead(self, inbox, archive, new_sink):
        """The error is an AssertionError with a table of what came, and of the last sessions."""
        sink = new_sink(users={"ann": "open sesame"})
        lab.send_test(sink.profile(), to="bob@example.org")
        with pytest.raises(AssertionError) as error:
            sink.inbox.wait_for("subject:welcome to:zoe", timeout=0.1)
        assert isinstance(error.value, lab.ExpectationError)
        first, *rest = str(error.value).splitlines()
        assert first == "No message that matches subject:welcome to:zoe came within 0.1 s."
        text = "\n".join(rest)
        assert "What came:" in text
        assert "lab@example.com" in text
        assert "bob@example.org" in text
        assert "The last sessions:" in text
        assert "221 2.0.0 Bye" in text

    def test_a_failure_in_an_empty_inbox(self, inbox):
        """Nothing came, and nobody connected: that is told too."""
        with pytest.raises(lab.ExpectationError) as error:
            inbox.wait_for(count=2, timeout=0)
        assert (
            str(error.value) == "0 of 2 messages came within 0 s.\nNothing came.\nNobody connected."
        )

    def test_the_report_cannot_be_painted_by_mail(self, inbox, archive):
        """Control characters in a subject stay visible, and long cells are cut."""
        archive.add([mail("=?utf-8?q?=1B[31mred?= " + "x" * 500, mail_from="a\u202eb@example.com")])
        with pytest.raises(lab.ExpectationError) as error:
            inbox.wait_for("nope", timeout=0)
        assert "\x1b" not in str(error.value)
        assert "\u202e" not in str(error.value)
        assert max(map(len, str(error.value).splitlines())) < 300

    @pytest.mark.parametrize("count", [0, -1, True, 1.5])
    def test_a_count_that_is_none(self, inbox, count):
        """A count below one is told in a sentence."""
        with pytest.raises(lab.InputError, match=r"^count: .* is no number of messages"):
            inbox.wait_for(count=count)

    def test_a_bad_query_is_told_before_anything_is_waited_for(self, inbox):
        """A typing error does not cost the whole timeout."""
        begin = time.monotonic()
        with pytest.raises(lab.InputError, match="did you mean from:"):
            inbox.wait_for("form:ann", timeout=600)
        assert time.monotonic() - begin < 300

    def test_a_mailbox_waits_for_its_own(self, archive):
        """Mail in another mailbox is not waited for."""
        archive.add([mail("one", mailboxes=("a",)), mail("one", mailboxes=("b",))])
        assert lab.Inbox(archive, mailbox="b").wait_for("one", timeout=0).id == 2


async def slowly(_message):
    """A function that gives no answer, but something to be waited for."""
    return False


def handed_on(message):
    """A plain function that gives what another is to be waited for."""
    return slowly(message)


class TestArguments:
    @pytest.mark.parametrize(
        ("what", "said"),
        [
            (None, "what: is a NoneType; give a query, or a plain function."),
            (5, "what: is a int; give a query, or a plain function."),
            (["to:bob"], "what: is a list; give a query, or a plain function."),
            (slowly, "what: is an async function; give a query, or a plain function."),
            (handed_on, "what: gives no answer but an awaitable; give a plain function."),
        ],
        ids=["nothing", "a number", "a list", "async", "a coroutine"],
    )
    def test_what_says_nothing_of_a_message_is_refused(self, inbox, archive, what, said):
        """A check that cannot fail, or never holds, is told at once."""
        archive.add([mail("one")])
        with pytest.raises(lab.InputError) as waited:
            inbox.wait_for(what, timeout=0)
        with pytest.raises(lab.InputError) as seen:
            inbox.assert_none(what, within=0)
        assert str(waited.value) == str(seen.value) == said

    @pytest.mark.parametrize(
        "seconds", [float("nan"), "1", None, timedelta(seconds=1), True], ids=repr
    )
    def test_what_is_no_time_is_refused(self, inbox, seconds):
        """What never ends is not begun."""
        with pytest.raises(lab.InputError, match=r"^timeout: .* is no number of seconds; give one"):
            inbox.wait_for(timeout=seconds)
        with pytest.raises(lab.InputError, match=r"^within: .* is no number of seconds; give one"):
            asyncio.run(inbox.assert_none_async(within=seconds))

    @pytest.mark.parametrize("marker", [None, "1", 1.5])
    def test_what_is_no_marker_is_refused(self, inbox, marker):
        """A marker is a whole number."""
        with pytest.raises(lab.InputError, match=r"^since: .* is no whole number"):
            inbox.wait_for(since=marker, timeout=0)


class TestAssertNone:
    def test_silence_is_fine(self, inbox, archive):
        """Other mail may come; what is there before the marker does not count."""
        archive.add([mail("other"), mail("bad")])
        inbox.assert_none("subject:bad", within=0.1, since=inbox.marker())

    def test_one_that_comes_is_shown(self, inbox, archive):
        """The message stands in the table with a star."""
        thread = later(lambda: archive.add([mail("good"), mail("bad")]))
        with pytest.raises(AssertionError, match=r"A message that matches bad is there") as error:
            inbox.assert_none("bad", within=30)
        thread.join()
        assert "*2" in str(error.value)
        assert "*1" not in str(error.value)


class TestAsync:
    def test_waiting_does_not_hold_up_the_loop(self, inbox, archive):
        """Others go on while one waits."""

        async def main():
            waiting = asyncio.create_task(inbox.wait_for_async("subject:late", timeout=30))
            for _ in range(5):
                await asyncio.sleep(0.01)
            await asyncio.to_thread(archive.add, [mail("late")])
            return await waiting

        assert asyncio.run(main()).subject == "late"

    def test_failures_are_the_same(self, inbox, archive):
        """The same errors as without a loop."""
        archive.add([mail("bad")])
        with pytest.raises(lab.ExpectationError, match="No message that matches zebra came"):
            asyncio.run(inbox.wait_for_async("zebra", timeout=0))
        with pytest.raises(lab.ExpectationError, match="though none should have come"):
            asyncio.run(inbox.assert_none_async("bad", within=0))
        asyncio.run(inbox.assert_none_async("zebra", within=0))
