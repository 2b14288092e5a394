"""What reading captured mail costs, as ratios in one run on one machine.

The same messages, from 2 to 12 KiB, a third of them with a file, in an archive and, as far as a
part of them will do, in a Maildir:

* a first table of all messages, against `mailbox.Maildir` with `email.policy.default`;
* a search for a rare word, against reading every message, and against scanning the text in SQL;
* `refresh` after ten new messages, in a small and a large archive;
* a full parse with bodies and the names of files, against `email.policy.default` and ``compat32``;
* how all of it grows, from a tenth of the messages to all of them.

``python benchmarks/inbox.py 100000`` for as many messages; by default 20,000. How far it is goes to
stderr.
"""

from __future__ import annotations

import email
import email.policy
import mailbox
import random
import statistics
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from smtp_lab.archive import Archive, StoredMessage, StoredSession, session_id
from smtp_lab.archive.index import Index
from smtp_lab.archive.language import understand
from smtp_lab.inbox import Captured, Inbox
from smtp_lab.inbox.filling import fill
from smtp_lab.inbox.plain import words_of

RARE = "zyzzyva"
HOLDING = range(100, 200)  # the messages, of which every tenth holds the rare word
SHARE = 5_000  # messages in a Maildir; their time is taken times the rest
PARSED = 1_000  # messages that are parsed whole, in each round
STEP = 10_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = [
    "".join(random.Random(n).choices("abcdefghiklmnoprstuvwy", k=3 + n % 8))  # noqa: S311
    for n in range(4000)
]

SUBJECT = f'subject:"{WORDS[77]} number 77"'


def a_raw(n: int) -> bytes:
    """The n-th message; ten of the first hold a rare word, however many there are."""
    chance = random.Random(n)  # noqa: S311  # the same mail in every run
    text = " ".join(chance.choices(WORDS, k=150))
    if n in HOLDING and n % 10 == 0:
        text += f" {RARE}"
    lines = [
        f"Received: from host{n % 50}.example.com by mx.example.org; Thu, 1 Jan 2026",
        f"From: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {WORDS[n % 997]} <user{n % 997}@example.com>",
        f"To: {WORDS[n % 89]} <to{n % 89}@example.org>, other{n % 7}@example.org",
        f"Subject: =?utf-8?q?Bericht_f=C3=BCr?= {WORDS[n % 1009]} number {n}",
        "Date: Thu, 01 Jan 2026 10:00:00 +0100",
        f"Message-ID: <{n}@example.com>",
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="outer"',
        "",
        "--outer",
        'Content-Type: multipart/alternative; boundary="inner"',
        "",
        "--inner",
        'Content-Type: text/plain; charset="utf-8"',
        "",
        *[text[at : at + 76] for at in range(0, len(text), 76)],
        "--inner",
        'Content-Type: text/html; charset="utf-8"',
        "Content-Transfer-Encoding: quoted-printable",
        "",
        *[f"<p style=3D'color:#333'>{text[at : at + 50]}</p>" for at in range(0, len(text), 50)],
        '<p><a href=3D"https://example.com/offer">see the offer</a></p>',
        "--inner--",
    ]
    if n % 3 == 0:
        data = b64encode(chance.randbytes(4000)).decode()
        lines += [
            "--outer",
            "Content-Type: application/pdf",
            f'Content-Disposition: attachment; filename="report {n}.pdf"',
            "Content-Transfer-Encoding: base64",
            "",
            *[data[at : at + 76] for at in range(0, len(data), 76)],
        ]
    return "\r\n".join([*lines, "--outer--", ""]).encode()


def add(archive: Archive, begin: int, end: int) -> None:
    """Store messages *begin* to *end*, twenty a session."""
    for at in range(begin, end, 1000):
        batch, session = [], None
        for n in range(at, min(at + 1000, end)):
            if n % 20 == 0 or session is None:
                session = StoredSession(session_id(), BEGIN, "starttls", "127.0.0.1:9", BEGIN)
            moment = BEGIN + timedelta(seconds=n)
            rcpt = (f"to{n % 89}@example.org",)
            batch.append(
                StoredMessage(a_raw(n), f"user{n % 997}@example.com", rcpt, moment, session)
            )
        archive.add(batch)


def took(function: Callable[[], Any], rounds: int = 1) -> float:
    """Seconds, the median of some *rounds*."""
    found = []
    for _ in range(rounds):
        begin = time.perf_counter()
        function()
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


def by_maildir(folder: Path, most: int, policy: Any) -> float:
    """Seconds a message to make the same row of it with the standard library."""

    def factory(file: Any) -> Any:
        return email.message_from_binary_file(file, policy=policy)

    box = mailbox.Maildir(folder, factory=factory)
    names = list(box.keys())[:most]

    def read() -> None:
        for name in names:
            message = box[name]
            row = [
                str(message[x] or "") for x in ("From", "To", "Cc", "Subject", "Date", "Message-ID")
            ]
            row += [part.get_filename() or "" for part in message.walk()]

    return took(read) / len(names)


def by_policy(raws: list[bytes]) -> float:
    """Seconds a message to parse it whole with the standard library."""

    def read() -> None:
        for raw in raws:
            message = email.message_from_bytes(raw, policy=email.policy.default)
            assert isinstance(message, EmailMessage)  # noqa: S101  # what the policy makes
            bodies = [message.get_body((kind,)) for kind in ("plain", "html")]
            _ = [body.get_content() for body in bodies if body is not None]
            _ = [part.get_filename() for part in message.iter_attachments()]

    return took(read) / len(raws)


def by_ours(raws: list[bytes]) -> float:
    """Seconds a message to parse it whole with a `Captured`."""
    session = StoredSession("0" * 32, BEGIN, "starttls", "")

    def read() -> None:
        for raw in raws:
            message = Captured(StoredMessage(raw, "", (), BEGIN, session))
            _ = message.text, message.html, [a.name for a in message.attachments]

    return took(read) / len(raws)


def measure(archive: Archive, count: int, file: Path) -> dict[str, float]:
    """Seconds of everything for the *count* messages in *archive*, kept in *file*."""
    found: dict[str, float] = {}
    found["first table"] = took(lambda: Inbox(archive).to_frame(), 3)
    found["parts, first"] = took(lambda: Inbox(archive).parts())
    inbox = Inbox(archive)
    inbox.to_frame()
    found["table again"] = took(inbox.to_frame, 3)
    found["search, rare word"] = took(lambda: inbox.search(RARE), 9)
    found["search, subject"] = took(lambda: inbox.search(SUBJECT), 9)
    found["search, sender, newest"] = took(lambda: inbox.search(_newest(count)), 9)
    found["one by number"] = took(lambda: inbox.get(count // 2), 50)
    scan = Index(archive)
    scan._indexed = False  # noqa: SLF001  # what is compared
    found["scan of the text in SQL"] = took(lambda: scan.messages(understand(RARE)), 3)
    times = []
    for turn in range(9):
        add(archive, count + 10 * turn, count + 10 * turn + 10)
        fill(archive)
        times.append(took(inbox.refresh))
    found["refresh"] = statistics.median(times)
    found["octets in the file"] = sum(x.stat().st_size for x in file.parent.glob("mail*")) / count
    return found


def _newest(count: int) -> str:
    moment = BEGIN + timedelta(seconds=count - 1_000)
    return f"from:user77@ after:{moment:%Y-%m-%dT%H:%M:%S}"


def read_behind(archive: Archive, begin: int, end: int) -> float:
    """Store messages *begin* to *end*, and give the seconds a message of reading them behind."""
    spent = 0.0
    for at in range(begin, end, STEP):
        upto = min(at + STEP, end)
        add(archive, at, upto)
        spent += took(lambda: fill(archive))
        say(f"{upto:,} messages are stored and read")
    return spent / (end - begin)


def reading_all(archive: Archive, most: int) -> float:
    """Seconds a message to look for a word in every one."""
    found = archive.messages(limit=most)

    def read() -> None:
        for stored in found:
            message = Captured(stored)
            _ = RARE in f"{message.subject} {message.text} {words_of(message.html)}".casefold()

    return took(read) / len(found)


def say(what: str) -> None:
    """Tell whoever waits how far it is."""
    print(f"{time.process_time():8.1f} s of the processor: {what}", file=sys.stderr, flush=True)


def slow_ways(folder: Path, share: int) -> dict[str, Any]:
    """Seconds a message of the other ways to read mail, measured on *share* messages."""
    raws = [a_raw(n) for n in range(share)]
    box = mailbox.Maildir(folder / "maildir")
    for raw in raws:
        box.add(raw)
    say(f"{share:,} messages are in a Maildir")
    rounds = [(by_policy(raws[:PARSED]), by_ours(raws[:PARSED])) for _ in range(5)]
    say("whole messages are parsed")
    return {
        "octets": sum(map(len, raws)) / share,
        "parse": statistics.median(a / b for a, b in rounds),
        "slow": by_maildir(folder / "maildir", share, email.policy.default),
        "quick": by_maildir(folder / "maildir", share, email.policy.compat32),
    }


def main() -> None:
    """Measure, and print what came of it."""
    count = int(sys.argv[1]) if sys.argv[1:] else 20_000
    part = count // 10
    # Not in the working folder: a run that is cut off leaves what the system clears away.
    with tempfile.TemporaryDirectory(prefix="smtp_lab-") as name:
        folder = Path(name)
        share = min(SHARE, count)
        other = slow_ways(folder, share)
        file = folder / "mail.sqlite3"
        archive = Archive(file, synchronous="NORMAL")
        behind = read_behind(archive, 0, part)
        small = {"read behind, a message": behind} | measure(archive, part, file)
        behind = read_behind(archive, part + 90, count)
        large = {"read behind, a message": behind} | measure(archive, count, file)
        each = reading_all(archive, PARSED)
        archive.close()
    print(f"{count:,} messages of {other['octets']:,.0f} octets on average;", end=" ")
    print(f"other ways are measured on {share:,} of them, and taken times the rest\n")
    ratios = {
        "first table / Maildir + policy.default": other["slow"] * count / large["first table"],
        "first table / Maildir + compat32": other["quick"] * count / large["first table"],
        "rare word / reading every message": each * count / large["search, rare word"],
        "rare word / scanning the text in SQL": large["scan of the text in SQL"]
        / large["search, rare word"],
        "full parse / policy.default": other["parse"],
    }
    for label, ratio in ratios.items():
        print(f"{label:<44}{ratio:10,.1f} times as fast")
    print(f"\n{'':<28}{part:>12,}{count:>12,}{'growth':>9}")
    for label, value in large.items():
        size = label.startswith("octets")
        shown = [f"{x:12,.0f}" if size else f"{x * 1000:10.2f}ms" for x in (small[label], value)]
        print(f"{label:<28}{shown[0]}{shown[1]}{value / small[label]:9.1f}")


if __name__ == "__main__":
    main()
