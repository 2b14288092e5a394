"""What an archive lets go of, and what stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from archive.made import WHEN, a_message, a_session, outside
from sink.talk import Talk, until

import smtp_lab as lab
from smtp_lab.archive import Archive, Retention
from smtp_lab.archive.retention import THROW_AWAY


@pytest.fixture
def archive(archive_url):
    opened = Archive(archive_url)
    yield opened
    opened.close()


def later(minutes):
    return WHEN + timedelta(minutes=minutes)


def counted(archive):
    with outside(archive.url) as other:
        return tuple(other.exec_driver_sql("SELECT last, messages, bytes FROM counters").one())


class TestLimits:
    @pytest.mark.parametrize(
        ("retention", "kept"),
        [
            (Retention(), [1, 2, 3, 4, 5, 6]),
            (Retention(count=2), [5, 6]),
            (Retention(count=6), [1, 2, 3, 4, 5, 6]),
            (Retention(bytes=1100), [5, 6]),
            (Retention(bytes=1199), [5, 6]),
            (Retention(bytes=1200), [4, 5, 6]),
            (Retention(bytes=1), []),
            (Retention(age=timedelta(minutes=3, seconds=30)), [3, 4, 5, 6]),
            (Retention(age=timedelta(seconds=1)), [6]),
            (Retention(age=timedelta(days=1_000_000)), [1, 2, 3, 4, 5, 6]),  # before any calendar
            (Retention(count=2, age=timedelta.max), [5, 6]),
            (Retention(count=4, bytes=600, age=timedelta(hours=1)), [6]),
            (Retention(count=2, bytes=10_000, age=timedelta(hours=1)), [5, 6]),
        ],
    )
    def test_the_oldest_go_first_each_limit_by_itself(self, archive, retention, kept):
        """Six messages, a minute apart, 100 to 600 octets: what each limit leaves of them."""
        for n in range(1, 7):
            archive.add([a_message(b"x" * 100 * n if n > 4 else b"x" * 100, received_at=later(n))])
        gone = archive.prune(retention, now=later(6))
        assert archive.ids() == kept
        assert gone == 6 - len(kept)
        assert counted(archive) == (6, len(kept), sum(m.size for m in archive.messages()))
        assert archive.add([a_message()]) == [7]

    def test_many_go_in_pieces(self, archive):
        """More than goes in one transaction goes too."""
        archive.add([a_message(b"%d" % n) for n in range(1234)])
        assert archive.prune(Retention(count=3)) == 1231
        assert [message.raw for message in archive.messages()] == [b"1231", b"1232", b"1233"]

    def test_age_is_that_of_the_mail_not_of_its_place(self, archive):
        """What was read from a file behind younger mail is found when all is looked at."""
        archive.add([a_message(received_at=later(9)), a_message(received_at=later(1))])
        limit = Retention(age=timedelta(minutes=5))
        assert archive.prune(limit, now=later(10)) == 0
        assert archive.prune(limit, now=later(10), everywhere=True) == 1
        assert archive.ids() == [1]
        assert counted(archive)[:2] == (2, 1)
        assert lab.Inbox(archive).retain(Retention(age=timedelta(seconds=1))) == 1

    @pytest.mark.parametrize(
        ("name", "value"),
        [("count", 0), ("count", True), ("count", 1.5), ("bytes", -1), ("bytes", "1 GB"),
         ("age", timedelta()), ("age", 7)],
    )  # fmt: skip
    def test_a_limit_that_is_none(self, name, value):
        """A limit must be above nought and of its kind."""
        with pytest.raises(lab.InputError) as error:
            lab.Retention(**{name: value})
        assert error.value.problems[0].field == name


class TestSessions:
    def test_a_session_goes_with_the_last_of_its_messages(self, archive):
        """While one of its messages is kept, so is the session; after that it goes."""
        session = a_session(ended_at=later(9))
        archive.add([a_message(session=replace(session, ended_at=None)) for _ in range(3)])
        archive.add([a_message(received_at=later(1))], [session])
        archive.prune(Retention(count=2))
        assert session.id in [s.id for s in archive.sessions()]
        archive.prune(Retention(count=1))
        assert session.id not in [s.id for s in archive.sessions()]
        assert len(archive.sessions()) == 1

    def test_sessions_without_a_message_are_bounded_too(self, archive):
        """Of connections that sent nothing the newest are kept, and none beyond the age."""
        ended = [a_session(started_at=later(n), ended_at=later(n)) for n in range(20)]
        archive.add([], ended)
        archive.prune(Retention(count=5), now=later(20))
        assert [s.id for s in archive.sessions()] == [s.id for s in ended[-5:]]
        archive.prune(Retention(age=timedelta(minutes=3)), now=later(20))
        assert [s.id for s in archive.sessions()] == [s.id for s in ended[-3:]]

    def test_a_session_that_goes_on_stays(self, archive):
        """A connection that has not ended keeps its row, whatever the limits say, for days."""
        session = a_session()
        archive.add([a_message(session=session)])
        archive.prune(Retention(age=timedelta(minutes=1)), now=later(60))
        assert archive.ids() == []
        assert [s.id for s in archive.sessions()] == [session.id]
        (number,) = archive.add([a_message(session=session)])
        assert archive.messages(only=number)[0].session == session
        archive.prune(Retention(count=1, age=timedelta(minutes=1)), now=later(60 * 24 * 30))
        assert archive.sessions() == []

    def test_a_message_outlives_a_session_that_was_given_up(self, archive):
        """Should a connection go on after its row was let go, its mail is still there to read."""
        session = a_session()
        archive.add([a_message(session=session)])
        with outside(archive.url) as other:
            other.exec_driver_sql("DELETE FROM sessions")
        (number,) = archive.add([a_message(b"still here", session=session)])
        (found,) = archive.messages(only=number)
        assert (found.raw, found.session.id) == (b"still here", session.id)

    def test_the_rest_of_a_dialogue_is_still_read(self, archive):
        """When the first messages of a session are gone, the lines from the next on are there."""

        def line(n):
            return {"direction": "C", "stage": "data", "text": str(n), "at": 0.5, "tls": False}

        session = a_session()
        for n in range(4):
            said = {"first": n, "lines": [line(n)]}
            archive.add([a_message(session=replace(session, transcript=said), lines=n + 1)])
        archive.prune(Retention(count=2))
        last = archive.messages()[-1]
        assert archive.transcript(last.session, last.lines)["lines"] == [line(2), line(3)]


class TestSinks:
    def test_a_sink_keeps_what_it_was_told_to(self, archive_url, new_sink):
        """Of more messages than are kept the newest stay, soon after they came."""
        sink = new_sink(archive_url, retention=lab.Retention(count=5))
        with Talk(sink) as talk:
            talk.hello()
            for n in range(12):
                assert talk.mail(b"%d\r\n" % n).startswith("250")
            until(lambda: sink.archive.count() == 5)
        assert [message.raw for message in sink.archive.messages()] == [
            b"%d\r\n" % n for n in range(7, 12)
        ]

    def test_age_is_looked_after_while_nothing_comes(self, new_sink):
        """Mail grows too old without new mail coming in."""
        sink = new_sink(retention=lab.Retention(age=timedelta(seconds=1)))
        with Talk(sink) as talk:
            talk.hello()
            assert talk.mail(b"old soon\r\n").startswith("250")
        until(lambda: sink.archive.count() == 0)
        assert sink.archive.last_id() == 0

    def test_only_a_temporary_archive_has_limits_by_itself(self, new_sink):
        """A named archive keeps everything, a temporary one does not fill the memory."""
        assert new_sink()._settings.retention == Retention()
        assert new_sink(":temporary:")._settings.retention == THROW_AWAY
        assert new_sink(":temporary:", retention=Retention())._settings.retention == Retention()
        assert bool(THROW_AWAY)
        assert not Retention()

    def test_a_retention_that_is_none(self):
        """Something else in its place is refused in a sentence."""
        with pytest.raises(lab.InputError, match=r"retention: is a int; give lab.Retention"):
            lab.Sink(":temporary:", retention=5)
