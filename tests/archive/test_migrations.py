"""An archive of an older version is brought up to date, one of a newer version is left alone."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from archive import older
from archive.made import a_message, one_sentence, outside

from smtp_lab import ArchiveError
from smtp_lab.archive import Archive, StoredSession, migrations, schema


def version(url):
    with outside(url) as other:
        query = "SELECT value FROM smtp_lab WHERE key = 'schema'"
        return other.exec_driver_sql(query).scalar_one()


def shape(url):
    """Every table with its columns' names and whether they may be empty."""
    with outside(url) as other:
        look = sa.inspect(other)
        return {
            name: {column["name"]: column["nullable"] for column in look.get_columns(name)}
            for name in look.get_table_names()
            if name != "sqlite_sequence"
        }


@pytest.mark.parametrize("before", [1, 2, 3, 4])
class TestFromOlderVersions:
    @pytest.fixture
    def archive(self, archive_url, before):
        older.make(archive_url, before)
        opened = Archive(archive_url)
        yield opened
        opened.close()

    def test_mail_and_sessions_are_as_they_were(self, archive):
        """Each message, its envelope, its session and the dialogue up to it come back."""
        first, second = archive.messages()
        assert (first.id, first.raw, first.size) == (1, b"raw 0", 5)
        assert (second.id, second.raw, second.size) == (2, b"raw 1\xff", 6)
        assert second.rcpt_to == ("bob@example.org",)
        assert second.mail_options == ("BODY=8BITMIME",)
        assert (second.session.id, second.session.login_ok) == (older.BUSY, True)
        said = archive.transcript(second.session, second.lines)["lines"]
        assert said == [older.line(n) for n in range(3)]
        every = [older.line(n) for n in range(5)]
        assert {s.id: s.transcript["lines"] for s in archive.sessions()} == {
            older.BUSY: every,
            older.SILENT: every,
        }

    def test_numbers_go_on_and_none_is_used_twice(self, archive):
        """The next message gets the number after the last one ever given."""
        assert archive.add([a_message()]) == [4]
        with outside(archive.url) as other:
            counted = other.exec_driver_sql("SELECT last, messages, bytes FROM counters").one()
        assert tuple(counted) == (4, 3, 5 + 6 + len(a_message().raw))

    def test_the_tables_are_those_of_a_new_archive(self, archive, archive_url, postgres, tmp_path):
        """Whatever an archive began as, its tables have the same columns."""
        new = postgres.new() if "postgresql" in archive_url else f"sqlite:///{tmp_path / 'new'}"
        Archive(new).close()
        assert shape(archive.url) == shape(new)
        assert version(archive.url) == version(new) == str(schema.VERSION)

    def test_what_was_fetched_is_known(self, archive, before):
        """The first version did not know what was fetched; from then on it is known."""
        assert archive.fetched("ann") == (set() if before == 1 else {"x"})
        assert archive.add_fetched(a_message(), "ann", "y") == 4
        assert archive.add_fetched(a_message(), "ann", "y") is None

    def test_a_session_goes_on_across_the_step(self, archive):
        """A session stored again after the step keeps its dialogue and gets the new lines."""
        (old,) = [s for s in archive.sessions() if s.id == older.BUSY]
        old.transcript = {"first": 5, "lines": [older.line(5)]}
        archive.add([a_message(session=old, lines=7)])
        known = StoredSession(older.BUSY, old.started_at, "", "")
        said = archive.transcript(known)["lines"]
        assert said == [older.line(n) for n in range(6)]


class TestWholeOrNotAtAll:
    def test_a_step_that_fails_changes_nothing(self, archive_url, monkeypatch):
        """When a step breaks in the middle the archive stays one of the old version."""
        older.make(archive_url)
        before = shape(archive_url)

        def broken(connection):
            raise OverflowError("not today")

        monkeypatch.setattr(migrations, "_gather_lines", broken)
        with pytest.raises(ArchiveError, match="not today") as error:
            Archive(archive_url)
        one_sentence(error)
        assert shape(archive_url) == before
        assert version(archive_url) == "1"
        monkeypatch.undo()
        archive = Archive(archive_url)
        assert archive.count() == 2
        archive.close()

    def test_two_that_open_it_at_once_take_the_step_once(self, archive_url):
        """Of many who open an old archive at the same moment one brings it up to date."""
        older.make(archive_url)
        counts, failed = [], []

        def work():
            try:
                archive = Archive(archive_url)
                counts.append(archive.count())
                archive.close()
            except ArchiveError as error:
                failed.append(error)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failed == []
        assert counts == [2] * 6


class TestRefusals:
    def test_a_newer_version_is_refused_and_left_alone(self, archive_url):
        """An archive of a newer version is not opened, and not changed."""
        Archive(archive_url).close()
        with outside(archive_url) as other:
            other.exec_driver_sql("UPDATE smtp_lab SET value = '999' WHERE key = 'schema'")
        before = shape(archive_url)
        with pytest.raises(ArchiveError, match=r"newer smtp_lab.*999.*update smtp_lab") as error:
            Archive(archive_url)
        one_sentence(error)
        assert version(archive_url) == "999"
        assert shape(archive_url) == before

    def test_tables_of_something_else_are_left_alone(self, archive_url):
        """A database in which another program calls a table "messages" is no archive."""
        with outside(archive_url) as other:
            other.exec_driver_sql("CREATE TABLE messages (text VARCHAR(20))")
        with pytest.raises(ArchiveError, match=r"table messages of another program") as error:
            Archive(archive_url)
        one_sentence(error)
        assert shape(archive_url) == {"messages": {"text": True}}
