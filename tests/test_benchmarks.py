"""The benchmarks run; what they measure is nobody's promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support import need

ROOT = Path(__file__).parent.parent


def test_delivery_is_measured(monkeypatch):
    """A small run ends with the five ratios its goals are about."""
    monkeypatch.setenv("PATH", "/usr/sbin", prepend=":")
    need("smtp-sink", "on Debian and Ubuntu: apt-get install postfix")
    command = [sys.executable, str(ROOT / "benchmarks" / "delivery.py")]
    done = subprocess.run(
        [*command, "--messages", "80", "--rounds", "1"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for row in ("smtp-source", "send_many, prepared", "smtplib, four threads", "one by one: send"):
        assert f"\n{row}" in done.stdout
    assert done.stdout.count("(goal: ") == 5


def test_composing_is_measured():
    """A small run has a row for each way, and the ratio when redmail is there."""
    command = [sys.executable, str(ROOT / "benchmarks" / "compose.py")]
    done = subprocess.run(
        [*command, "--mails", "3", "--rounds", "1"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for row in ("render, text part included", "render, the shipped report", "render_each"):
        assert f"\n{row}" in done.stdout
    assert ("(goal: " in done.stdout) == ("redmail, HTML alone" in done.stdout)


def test_the_inbox_is_measured():
    """A small run ends with the ratios its goals are about, and the growth."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "inbox.py"), "200"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for row in ("first table / Maildir", "rare word / reading", "full parse /", "refresh"):
        assert f"\n{row}" in done.stdout


def test_ingest_is_measured(monkeypatch):
    """A quick run of each part ends with its ratios, for every server that is here."""
    monkeypatch.setenv("PATH", "/usr/sbin", prepend=":")
    need("smtp-sink", "on Debian and Ubuntu: apt-get install postfix")
    command = [sys.executable, str(ROOT / "benchmarks" / "ingest.py"), "--quick"]
    done = subprocess.run(
        [*command, "--sizes", "4K", "--stored", "2000", "rates", "busy", "start", "growth"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for row in ("stock", "smtp-sink", "full", "normal", "full-asyncio", "normal-asyncio"):
        assert f"\n{row} " in done.stdout
    assert "maildev" in done.stdout.lower()  # measured, or left out by name
    for said in ("sink in a thread", "sink in a process", "in an empty folder", "at 2,000: "):
        assert said in done.stdout
    assert done.stdout.count("(goal: ") == 7
