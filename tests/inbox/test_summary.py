"""What a table needs of a message is read once, and kept."""

from __future__ import annotations

import pytest
from inbox.mails import lines, stored
from sink.talk import Talk, until

import smtp_lab as lab
from smtp_lab import ArchiveFullError
from smtp_lab.archive import Archive, Retention
from smtp_lab.inbox import filling, summary


@pytest.fixture
def archive(archive_url):
    opened = Archive(archive_url)
    yield opened
    opened.close()


def mail(n):
    return stored(lines(f"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_{n}?=", "To: bob@example.org", ""))


def forbidden(*_, **__):
    pytest.fail("a message was read again")


def test_a_second_table_reads_no_message_again(archive, monkeypatch):
    """Another inbox, as of another kernel, gets the same table from what is kept."""
    archive.add([mail(n) for n in range(120)])
    first = lab.Inbox(archive).to_frame()
    monkeypatch.setattr(archive, "messages", forbidden)
    second = lab.Inbox(archive).to_frame()
    assert second.equals(first)
    assert first["subject"].tolist() == [f"Grüße {n}" for n in range(120)]


def test_another_way_of_reading_reads_anew(archive, monkeypatch):
    """What an older reader kept is not taken for what this one would say."""
    archive.add([mail(1)])
    archive.summarize(summary.READER - 1, {1: "not even JSON"})
    assert lab.Inbox(archive).to_frame()["subject"].tolist() == ["Grüße 1"]
    monkeypatch.setattr(archive, "messages", forbidden)
    assert lab.Inbox(archive).to_frame()["subject"].tolist() == ["Grüße 1"]


def test_where_nothing_can_be_kept_there_is_a_table_all_the_same(archive, monkeypatch):
    """A full disk or a read-only file costs time, not the table."""
    archive.add([mail(n) for n in range(3)])

    def full(*_):
        raise ArchiveFullError("The archive is full.")

    monkeypatch.setattr(archive, "summarize", full)
    assert len(lab.Inbox(archive).to_frame()) == 3


def test_summaries_go_with_their_messages(archive):
    """Retention leaves no summary behind, and none is kept for a message that is gone."""
    archive.add([mail(n) for n in range(3)])
    lab.Inbox(archive).to_frame()
    archive.prune(Retention(count=1))
    archive.summarize(summary.READER, {1: "[]", 3: '["x"]'})
    assert [(head.id, head.summary) for head in archive.heads(summary.READER)] == [(3, '["x"]')]


def test_a_sink_reads_while_nothing_comes_in(archive_url, new_sink, monkeypatch):
    """Some time after the mail came its rows are there, before anyone asked for a table."""
    sink = new_sink(archive_url)
    with Talk(sink) as talk:
        talk.hello()
        for n in range(12):
            assert talk.mail(b"Subject: %d\r\n\r\nhi\r\n" % n).startswith("250")
    until(lambda: all(head.summary for head in sink.archive.heads(summary.READER)))
    monkeypatch.setattr(sink.archive, "messages", forbidden)
    assert sink.inbox.to_frame()["subject"].tolist() == [str(n) for n in range(12)]


def test_a_sink_that_cannot_read_goes_on(new_sink, monkeypatch, caplog):
    """A mail nobody can summarize ends the reading ahead, not the sink."""
    monkeypatch.setattr(filling, "content_of", lambda *_: 1 // 0)
    sink = new_sink()
    with Talk(sink) as talk:
        talk.hello()
        assert talk.mail(b"one\r\n").startswith("250")
        until(lambda: "could not be read ahead" in caplog.text)
        assert talk.mail(b"two\r\n").startswith("250")
    sink.stop()
    assert sink.archive.count() == 2
