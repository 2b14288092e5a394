"""Replies to many clients leave together, in order, and to nobody who is gone."""

from __future__ import annotations

import asyncio

import pytest

from smtp_lab.sink.together import Together


class Line:
    """Where one client is told something."""

    def __init__(self, told, name):
        self._told, self._name, self.closing = told, name, False

    def is_closing(self):
        return self.closing

    def write(self, data):
        if self.closing:
            raise RuntimeError("the handler is closed")
        self._told.append((self._name, data))


@pytest.fixture
def told():
    return []


def run(work):
    """What *work*, given a `Together`, leads to in a turn of an event loop."""

    async def turn():
        work(Together(asyncio.get_running_loop()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(turn())


def test_each_client_is_written_to_once_a_turn(told):
    """What one client is told in a turn is one piece, and clients are told in their order."""
    ann, bob = Line(told, "ann"), Line(told, "bob")

    def work(together):
        together.add(ann, b"1")
        together.add(bob, b"2")
        together.add(ann, b"3")
        assert told == []

    run(work)
    assert told == [("ann", b"13"), ("bob", b"2")]


def test_what_cannot_wait_goes_at_once(told):
    """Whoever needs it now gets all that was said before, and nothing twice."""
    ann = Line(told, "ann")

    def work(together):
        together.add(ann, b"1")
        together.send(ann)
        together.send(ann)
        assert told == [("ann", b"1")]

    run(work)
    assert told == [("ann", b"1")]


def test_who_is_gone_keeps_it_from_nobody(told):
    """One connection that was closed meanwhile, or is forgotten, does not stop the others."""
    ann, bob, cid = Line(told, "ann"), Line(told, "bob"), Line(told, "cid")

    def work(together):
        for line in (ann, bob, cid):
            together.add(line, b"1")
        together.forget(ann)
        bob.closing = True

    run(work)
    assert told == [("cid", b"1")]
