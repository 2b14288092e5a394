"""The panel on a batch, driven as the page drives it, against a real server."""

from __future__ import annotations

import threading
import time
from email.message import EmailMessage

from deliver.post import Post
from deliver.servers import profile

import smtp_lab as lab
from smtp_lab.widgets import BatchPanel


def mails(count):
    made = []
    for number in range(count):
        message = EmailMessage()
        message["To"], message["Subject"] = "bob@example.org", f"<b>{number}</b>"
        message.set_content("hi\n")
        made.append(message)
    return made


def until(condition):
    """Wait until *condition* holds, for a minute at most."""
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def test_start_stop_and_resume():
    """One button does all three; the bar and the count follow."""
    go = threading.Event()

    def wait(event):
        if event.verb == "." and event.connection == 1 and event.count == 2:
            go.wait(60)

    with Post(wait) as post:
        account = profile(post.port, security="none", login=False)
        panel = BatchPanel(lab.Batch(mails(20), account, connections=1))
        assert panel.button.description == "Start"
        assert panel.result.value == ""
        assert "0 of 20 done" in panel.count.value
        panel.button.click()
        until(lambda: panel.button.description == "Stop" and panel.bar.value == 2)
        panel.button.click()
        assert panel.button.disabled
        go.set()
        until(lambda: panel.button.description == "Resume" and not panel.button.disabled)
        assert panel.bar.value == 3
        assert "stopped" in panel.result.value
        panel.button.click()
        until(lambda: panel.bar.value == 20 and panel.button.disabled)
        assert panel.bar.bar_style == "success"
        assert "20 of 20 messages were accepted" in panel.result.value
        assert len(post.kept) == 20


def test_what_failed_is_shown_escaped():
    """A server's words are no markup."""
    with Post(lambda e: "550 5.1.1 <b>No</b>" if e.verb == "RCPT" else None) as post:
        account = profile(post.port, security="none", login=False)
        panel = BatchPanel(lab.Batch(mails(2), account).start())
        until(lambda: "refused" in panel.result.value)
    assert "<b>No</b>" not in panel.result.value
    assert panel.button.disabled
    assert panel.bar.bar_style == "danger"


def test_a_journal_in_use_is_told(tmp_path):
    """What the batch cannot do is a sentence in the panel."""
    from smtp_lab.deliver.journal import Journal

    held = Journal(tmp_path / "run.journal")
    batch = lab.Batch(mails(1), profile(1, login=False), journal=tmp_path / "run.journal")
    panel = BatchPanel(batch)
    panel.button.click()
    held.close()
    assert "is in use by another run" in panel.result.value
    assert 'role="alert"' in panel.result.value
