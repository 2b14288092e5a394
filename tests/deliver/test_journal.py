"""A batch that died is taken up where it ended: nothing is sent twice that was accepted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from deliver.post import CUT, Post, hold_against
from deliver.servers import profile
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab import InputError
from smtp_lab.deliver.journal import Journal, key_of
from smtp_lab.deliver.outgoing import prepare

ROOT = Path(__file__).parents[2]
ANN = profile(1, security="none", login=False)


def mail(number, *, text="hi\n", name=None, to="bob@example.org"):
    message = EmailMessage()
    message["To"], message["Subject"] = to, f"number {number}"
    if name:
        message["Message-ID"] = name
    message.set_content(text)
    return message


def named(count):
    return [mail(n, name=f"<{n}@example.com>") for n in range(count)]


def send(messages, post, journal, **options):
    account = profile(post.port, security="none", login=False)
    return lab.send_many(messages, account, journal=journal, **({"pause": 0.01} | options))


def key(message, number=0):
    return key_of(message, number, prepare(message, ANN), {})


class TestAgain:
    @pytest.mark.parametrize("make", [named, lambda count: [mail(n) for n in range(count)]])
    def test_the_same_call_again_sends_nothing(self, tmp_path, make):
        """With or without a Message-ID of their own the messages are known again."""
        path = tmp_path / "run.journal"
        with Post() as post:
            first = send(make(30), post, path)
            again = send(make(30), post, path)
            assert len(post.kept) == 30
        assert first.ok
        assert again.ok
        assert {outcome.attempts for outcome in again} == {0}
        assert {r.text for outcome in again for r in outcome.recipients} == {"2.0.0 Ok: queued"}

    def test_more_messages_than_before(self, tmp_path):
        """Only the new ones leave."""
        path = tmp_path / "run.journal"
        with Post() as post:
            send(named(10), post, path)
            assert send(named(25), post, path).ok
            assert len(post.kept) == 25

    def test_only_recipients_who_have_not_got_it(self, tmp_path):
        """Who was refused is tried again, who was accepted is not."""
        path, refuse = tmp_path / "run.journal", [True]

        def twist(event):
            named = event.verb == "RCPT" and b"cid@" in event.line
            return "550 5.1.1 No" if refuse[0] and named else None

        messages = [mail(1, name="<1@example.com>", to="bob@example.org, cid@example.org")]
        with Post(twist) as post:
            assert send(messages, post, path)[0].states == ("accepted", "refused")
            refuse[0] = False
            assert send(messages, post, path).ok
        assert [to for _, to, _ in post.kept] == [("bob@example.org",), ("cid@example.org",)]

    def test_what_may_have_arrived_is_left_alone(self, tmp_path):
        """A lost answer is remembered, and sent again only when asked."""
        path, cut = tmp_path / "run.journal", [True]

        def twist(event):
            if event.verb == "." and cut[0]:
                cut[0] = False
                return CUT
            return None

        with Post(twist) as post:
            assert len(send(named(3), post, path, connections=1).unknown) == 1
            again = send(named(3), post, path)
            assert len(again.unknown) == 1
            assert len(post.kept) == 2
            account = profile(post.port, security="none", login=False)
            batch = lab.Batch(named(3), account, journal=path)
            assert batch.resume(unknown=True).wait(10).ok
            assert len(post.kept) == 3

    def test_a_refused_message_is_tried_again(self, tmp_path):
        """What was handed over and refused did not arrive."""
        path, refuse = tmp_path / "run.journal", [True]
        with Post(lambda e: "554 5.6.0 No" if e.verb == "." and refuse[0] else None) as post:
            assert {o.state for o in send(named(3), post, path)} == {"refused"}
            refuse[0] = False
            assert send(named(3), post, path).ok
        assert len(post.kept) == 3

    def test_the_same_message_twice_in_a_batch(self, tmp_path):
        """Two of the same Message-ID are two messages, now and later."""
        path = tmp_path / "run.journal"
        messages = [mail(0, name="<same@example.com>")] * 2
        with Post() as post:
            send(messages, post, path)
            assert send(messages, post, path).ok
            assert len(post.kept) == 2

    def test_a_killed_run_is_taken_up(self, tmp_path):
        """After kill -9 the same call sends the rest: nothing lost, nothing doubled."""
        path = tmp_path / "run.journal"
        code = (
            "import sys\n"
            f"sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]\n"
            "from deliver.test_journal import named, lab, profile\n"
            "account = profile(int(sys.argv[1]), security='none', login=False)\n"
            "lab.send_many(named(400), account, connections=3, journal=sys.argv[2])\n"
        )

        def slow(_event):
            time.sleep(0.002)

        with Post(slow) as post:
            for wanted in (40, 150, 270):
                process = subprocess.Popen([sys.executable, "-c", code, str(post.port), str(path)])
                end = time.monotonic() + 60
                while len(post.kept) < wanted and time.monotonic() < end:
                    time.sleep(0.01)
                process.send_signal(signal.SIGKILL)
                process.wait(10)
            before = len(post.kept)
            sent = send(named(400), post, path, connections=3)
            hold_against(sent, post)
        assert before < 400
        assert not sent.unsent
        assert len(sent.unknown) <= 3 * 3  # those in flight each time
        assert sent.counts["accepted"] >= 391


class TestFile:
    def test_only_its_owner_reads_it(self, tmp_path):
        """It holds addresses: 0600, in a folder that is made when it is missing."""
        path = tmp_path / "new" / "run.journal"
        with Post() as post:
            send(named(2), post, path)
        assert path.stat().st_mode & 0o777 == 0o600
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert lines[0] == {"journal": "smtp_lab", "version": 1}
        assert [line["event"] for line in lines[1:]].count("accepted") == 2

    def test_it_is_written_before_the_message_leaves(self, tmp_path):
        """When the server has the message, the file already says that it was handed over."""
        path, seen = tmp_path / "run.journal", []

        def look(event):
            if event.verb == ".":
                seen.append("handed over" in path.read_text())

        with Post(look) as post:
            send(named(3), post, path, connections=1)
        assert seen == [True] * 3

    def test_two_runs_at_once_are_refused(self, tmp_path):
        """The second one says so, and sends nothing."""
        pytest.importorskip("fcntl", reason="this system has no file locks")
        path = tmp_path / "run.journal"
        held = Journal(path)
        with Post() as post, pytest.raises(InputError, match="is in use by another run"):
            send(named(1), post, path)
        held.close()
        assert post.connections == 0

    @pytest.mark.parametrize("keep", [0, 5, -1, -10, -60])
    def test_a_line_that_was_not_finished_counts_for_nothing(self, tmp_path, keep):
        """A run that died while it wrote leaves a file that can be used."""
        path = tmp_path / "run.journal"
        journal = Journal(path)
        journal.handed_over("<1@example.com>", ["bob@example.org"])
        journal.answered("<1@example.com>", ["bob@example.org"], ["bob@example.org"], "250 Ok")
        journal.close()
        data = path.read_bytes()
        path.write_bytes(data[:keep])
        again = Journal(path)
        again.handed_over("<2@example.com>", ["bob@example.org"])
        again.close()
        last = Journal(path)
        last.close()
        assert last.known["<2@example.com>"] == {"bob@example.org": ("unknown", "")}
        if keep in (-1, -10):
            assert last.known["<1@example.com>"] == {"bob@example.org": ("unknown", "")}

    @pytest.mark.parametrize(
        "content", ["hello\n", "[1]\n", '{"journal": "smtp_lab", "version": 2}\n', "x"]
    )
    def test_another_file_is_left_as_it_is(self, tmp_path, content):
        """Whatever else stands there is neither taken for a journal nor changed."""
        path = tmp_path / "diary.txt"
        path.write_text(content)
        with pytest.raises(InputError, match="is no journal of smtp_lab"):
            Journal(path)
        assert path.read_text() == content

    def test_a_damaged_line_is_named(self, tmp_path):
        """The sentence tells the file and the line."""
        path = tmp_path / "run.journal"
        Journal(path).close()
        with path.open("a") as file:
            file.write('{"event": "accepted"}\n')
        with pytest.raises(InputError, match="line 2, cannot be read"):
            Journal(path)

    def test_a_place_that_cannot_be_written(self, tmp_path):
        """A folder is no file."""
        with pytest.raises(InputError, match="cannot be written"):
            Journal(tmp_path)

    def test_files_are_closed(self, tmp_path):
        """Ten runs leave no file open behind."""
        if not Path("/proc/self/fd").exists():
            pytest.skip("this system does not list the open files of a process")
        with Post() as post:
            send(named(1), post, tmp_path / "0.journal")
            before = len(list(Path("/proc/self/fd").iterdir()))
            for number in range(10):
                send(named(2), post, tmp_path / f"{number}.journal")
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


class TestNames:
    def test_what_is_made_anew_each_time_counts_for_nothing(self):
        """Date, boundaries and ids of parts differ from run to run; the message is the same."""
        frames = [
            lab.render("report", to="bob@example.org", title="Sales", summary="All up.")
            for _ in range(2)
        ]
        assert key(frames[0]) == key(frames[1])

    def test_pictures_in_the_text_are_known_again(self):
        """The same picture gets another Content-ID each time, in the part and in the HTML."""
        made = []
        for number in range(2):
            message = mail(1)
            message.add_alternative(f'<img src="cid:{number}abc@inline">', subtype="html")
            message.get_payload()[1].add_related(
                b"picture", "image", "png", cid=f"<{number}abc@inline>"
            )
            made.append(key(message))
        assert made[0] == made[1]

    @given(st.text(min_size=1, max_size=50), st.text(min_size=1, max_size=50))
    def test_other_texts_have_other_names(self, one, two):
        """Two messages are the same only when they say the same."""
        keys = [key(mail(1, text=text.replace("\r", "") + "\n")) for text in (one, two)]
        same = one.replace("\r", "") == two.replace("\r", "")
        assert (keys[0] == keys[1]) is same or one.splitlines() == two.splitlines()

    def test_place_recipient_and_subject_count(self):
        """The same text to another person, or again, is another message."""
        first = key(mail(1), 0)
        assert key(mail(1), 1) != first
        assert key(mail(1, to="cid@example.org")) != first
        assert key(mail(2)) != first
        assert key(mail(1), 0) == first
