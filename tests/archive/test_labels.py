"""Tags and mailboxes: how they are kept, found again, and let go."""

from __future__ import annotations

import threading
import unicodedata

import numpy as np
import pytest
from archive.made import a_message, a_session, outside

from smtp_lab import InputError
from smtp_lab.archive import Archive, Retention


@pytest.fixture
def archive(archive_url):
    opened = Archive(archive_url)
    yield opened
    opened.close()


def rows_of(archive, table):
    with outside(archive.url) as other:
        return other.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()


class TestTags:
    def test_given_and_taken_away_by_hand(self, archive):
        """Tags are added to many messages at once, each once, and removed the same way."""
        archive.add([a_message() for _ in range(3)])
        archive.add_tags([1, 3], ["later", "Übung"])
        archive.add_tags([3], "later")
        assert archive.tags() == {1: ("later", "Übung"), 3: ("later", "Übung")}
        archive.remove_tags([1, 2], "later")
        assert archive.tags([1, 2]) == {1: ("Übung",)}
        archive.remove_tags([1, 3], ["later", "Übung"])
        assert archive.tags() == {}

    def test_stored_with_the_message(self, archive):
        """What a message is stored with is there with its commit, and only for that message."""
        archive.add([a_message(), a_message(tags=("b", "a"), mailboxes=("class-a",)), a_message()])
        assert archive.tags() == {2: ("a", "b")}
        assert archive.mailboxes() == {2: ("class-a",)}

    def test_a_message_without_any_writes_nothing_more(self, archive):
        """Most messages have no row in either table."""
        archive.add([a_message() for _ in range(5)])
        assert (rows_of(archive, "tags"), rows_of(archive, "mailboxes")) == (0, 0)

    def test_a_message_that_is_gone_gets_none(self, archive):
        """A tag for a number that is not there is passed over, and the others get theirs."""
        archive.add([a_message()])
        archive.add_tags([1, 99], "seen")
        assert archive.tags() == {1: ("seen",)}
        assert rows_of(archive, "tags") == 1

    def test_numbers_may_come_from_a_table(self, archive):
        """The numbers of a DataFrame's column are no int, and are taken all the same."""
        archive.add([a_message(), a_message()])
        archive.add_tags(np.array([1, 2]), "seen")
        assert archive.tags(np.array([2])) == {2: ("seen",)}
        archive.remove_tags(np.array([1]), "seen")
        assert archive.tags() == {2: ("seen",)}

    def test_one_text_however_it_is_written(self, archive):
        """An accent of its own and one in the letter are the same tag."""
        archive.add([a_message()])
        archive.add_tags([1], [unicodedata.normalize("NFD", "Übung"), "Übung "])
        assert archive.tags() == {1: ("Übung",)}
        archive.remove_tags([1], unicodedata.normalize("NFD", "Übung"))
        assert archive.tags() == {}

    @pytest.mark.parametrize(
        ("tags", "said"),
        [
            ("", "is empty"),
            (["fine", "  "], "is empty"),
            ("x" * 101, "is too long"),
            ("a\nb", "cannot be shown"),
            ("a\0b", "cannot be shown"),
            ("\ud800", "cannot be shown"),
            ("a\u202eb", "cannot be shown"),
            ([5], "is a int"),
            (5, "is a int"),
            (None, "is a NoneType"),
        ],
    )
    def test_what_is_no_tag(self, archive, tags, said):
        """A bad tag is one sentence, and nothing is changed."""
        archive.add([a_message()])
        for change in (archive.add_tags, archive.remove_tags):
            with pytest.raises(InputError, match=rf"^tags: .*{said}.*; .*\.$"):
                change([1], tags)
        assert archive.tags() == {}

    def test_of_very_many_messages(self, archive):
        """More numbers than one statement takes are asked for all the same."""
        archive.add([a_message(tags=("x",)) for _ in range(1300)])
        assert len(archive.tags(range(1, 1301))) == 1300
        assert archive.tags(range(2, 3)) == {2: ("x",)}
        assert archive.tags([]) == {}

    def test_many_who_tag_at_once(self, archive_url):
        """Threads and archives that tag at the same time lose none of it."""
        first = Archive(archive_url)
        first.add([a_message() for _ in range(5)])

        def work(name):
            archive = Archive(archive_url)
            for n in range(10):
                archive.add_tags(range(1, 6), f"{name} {n}")
            archive.close()

        threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        wanted = tuple(sorted(f"{name} {n}" for name in "abc" for n in range(10)))
        assert first.tags() == dict.fromkeys(range(1, 6), wanted)
        first.close()


class TestMailboxes:
    @pytest.fixture
    def filled(self, archive):
        """Mail for class a, for class b, for both, and for nobody's class."""
        sessions = [a_session() for _ in range(4)]
        boxes = [("class-a",), ("class-b",), ("class-a", "class-b"), ()]
        archive.add(
            [
                a_message(b"%d" % n, session=session, mailboxes=mailboxes)
                for n, (session, mailboxes) in enumerate(zip(sessions, boxes, strict=True))
            ]
        )
        return archive

    @pytest.mark.parametrize(
        ("mailbox", "ids"),
        [("class-a", [1, 3]), ("class-b", [2, 3]), ("class", []), (None, [1, 2, 3, 4])],
    )
    def test_each_way_of_reading_keeps_to_it(self, filled, mailbox, ids):
        """Counting, numbers, messages, heads and sessions are those of the mailbox."""
        assert filled.count(mailbox) == len(ids)
        assert filled.ids(mailbox) == ids
        assert filled.last_id(mailbox) == max(ids, default=0)
        assert [m.id for m in filled.messages(mailbox=mailbox)] == ids
        assert [head.id for head in filled.heads(1, mailbox=mailbox, limit=9)] == ids
        assert filled.messages(only=1, mailbox=mailbox) == (
            filled.messages(only=1) if 1 in ids else []
        )
        assert len(filled.sessions(mailbox)) == len(ids)

    def test_a_part_of_it(self, filled):
        """Limits hold for the messages of the mailbox, not for all."""
        assert [m.id for m in filled.messages(mailbox="class-b", limit=1)] == [2]
        assert [m.id for m in filled.messages(mailbox="class-b", after=2)] == [3]
        assert [m.id for m in filled.messages(mailbox="class-b", upto=2)] == [2]


class TestRetention:
    def test_tags_and_mailboxes_go_with_the_message(self, archive):
        """What is let go leaves nothing behind, and what stays keeps its own."""
        archive.add([a_message(tags=("t",), mailboxes=("m", "n")) for _ in range(4)])
        archive.prune(Retention(count=1))
        assert archive.tags() == {4: ("t",)}
        assert archive.mailboxes() == {4: ("m", "n")}
        assert (rows_of(archive, "tags"), rows_of(archive, "mailboxes")) == (1, 2)

    def test_what_was_fetched_keeps_its_tags(self, archive):
        """A message that is stored as fetched is tagged like any other."""
        assert archive.add_fetched(a_message(tags=("t",), mailboxes=("m",)), "ann", "x") == 1
        assert (archive.tags(), archive.mailboxes()) == ({1: ("t",)}, {1: ("m",)})
