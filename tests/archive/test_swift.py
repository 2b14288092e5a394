"""What holds where the writer's thread writes holds where an event loop does."""

from __future__ import annotations

import re

import pytest
from archive import test_durability


@pytest.fixture
def dialogues(monkeypatch, tmp_path):
    """dialogues(synchronous): what was written and synced for each message, nothing in the thread."""
    first = "from smtp_lab.archive import writer\nwriter._LATE, writer._QUICK = 0.0, 1.0\n"
    monkeypatch.setattr(test_durability, "CHILD", first + test_durability.CHILD)

    def look(synchronous):
        events = test_durability.TestSynced().events(tmp_path, synchronous)
        return re.findall("3([ws]*)2", events)

    return look


def test_the_loop_syncs_the_log_before_it_answers(dialogues):
    """Between 354 and 250 the message is written to the log, and then the log is synced."""
    found = dialogues("FULL")
    assert len(found) == 20
    assert [said for said in found if not re.fullmatch("[ws]*w+s+", said)] == []


def test_normal_does_not_wait_for_the_disk(dialogues):
    """The same look sees no sync where none was asked for."""
    found = dialogues("NORMAL")
    assert len(found) == 20
    assert [said for said in found if "w" not in said or "s" in said] == []


def test_a_group_of_several_clients_is_synced_before_any_is_answered(tmp_path, monkeypatch):
    """With many clients at once no 250 leaves between a write to the log and the sync of it."""
    first = "from smtp_lab.archive import writer\nwriter._LATE, writer._QUICK = 0.0, 1.0\n"
    monkeypatch.setattr(test_durability, "CHILD", first + test_durability.CHILD)
    events = test_durability.TestSynced().events(tmp_path, "FULL", clients=6)
    assert events.count("2") == 120
    assert re.search("w3*2", events) is None, events
    (tmp_path / "normal").mkdir()
    events = test_durability.TestSynced().events(tmp_path / "normal", "NORMAL", clients=6)
    assert re.search("w3*2", events), "the same look sees where there is no sync"
