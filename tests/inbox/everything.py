"""Everything public, done with each mail in a folder, each in a child of its own.

``python everything.py FOLDER`` writes beside each ``.eml`` what it took, as JSON, or the error. A
child is a fork of one that has done all of it with a harmless mail, so that everything is loaded.
Time is that of the processor: a busy machine makes less of a difference. Memory is the most that was
held in an act beyond what the child began with (``VmHWM``, which Linux lets a process set back).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from datetime import UTC, datetime
from pathlib import Path

import smtp_lab as lab
from smtp_lab.archive import Archive, StoredMessage, StoredSession, session_id

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
TABLES = ("recipients", "headers", "parts", "attachments", "links", "codes", "sessions", "commands")
ATTRIBUTES = (
    *("headers", "raw_headers", "parts", "tree", "links", "codes", "clipped", "defects", "date"),
    *("attachments", "text", "html", "sender", "subject", "too_complex"),
)
PICTURES = ("senders", "domains")
SECONDS = 120  # of the processor, for one mail: against hanging


def of_a_message(get, folder):
    """What a message shows; *get* gives it anew."""
    yield "texts", lambda: texts(get())
    yield "html", lambda: get()._repr_html_()
    yield "preview", lambda: get().preview()._repr_html_() + str(get().preview(dark=True))
    yield "preview plain", lambda: get().preview(plain=True)._repr_html_()
    yield "save", lambda: get().save_attachments(folder / "files")
    yield "check", lambda: shown(get().check(dns={}, ip="192.0.2.1"))
    yield "check for clients", lambda: shown(get().check(client="all"))
    yield "compare", lambda: shown((message := get()).compare(message))
    yield "snapshot", lambda: shown(get().snapshot(folder / "snapshot.txt", update=True))


def texts(message):
    found = [getattr(message, name) for name in ATTRIBUTES]
    return str(message) + repr(message) + repr([*found, message.addresses("To")])


def of_an_inbox(inbox, other, folder):
    yield "inbox", lambda: repr(inbox) + inbox._repr_html_()
    yield "table", lambda: repr(inbox.to_frame())
    yield "search", lambda: inbox.search("code OR -has:link subject:x header:to:a").to_frame()
    for name in TABLES:
        yield f"table {name}", lambda name=name: repr(getattr(inbox, name)())
    for name in PICTURES:

        def draw(name=name):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # glyphs no font has
                getattr(inbox.plot, name)().figure.savefig(folder / f"{name}.png")

        yield f"picture {name}", draw
    yield "inbox check", lambda: shown(inbox.check(client="outlook"))
    yield "eml", lambda: inbox.to_eml(folder / "eml")
    yield "mbox", lambda: inbox.to_mbox(folder / "mbox")
    yield "maildir", lambda: inbox.to_maildir(folder / "maildir")
    yield "zip", lambda: inbox.to_zip(folder / "mail.zip")
    for name in ("mail.zip", "mbox", "eml"):
        yield f"read {name}", lambda name=name: other.read(folder / name)
    yield "excel", lambda: inbox.to_excel(folder / "mail.xlsx")
    yield "csv", lambda: inbox.to_csv(folder / "mail.csv")
    yield "json", lambda: inbox.to_json(folder / "mail.json", "headers")
    yield "parquet", lambda: inbox.to_parquet(folder / "mail.parquet", "parts")
    yield "failure", lambda: wait(inbox)


def shown(found):
    return str(found) + repr(found) + found._repr_html_()


def wait(inbox):
    try:
        inbox.wait_for("subject:nope", timeout=0)
    except AssertionError as error:
        str(error).encode()


def memory():
    """The most this process has held, in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def in_a_child(act, path):
    """What *act* makes of *path*, done by a child, so that each mail finds the same beginning."""
    done = path.with_suffix(".part")
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return done.replace(path.with_suffix(".json")) if done.exists() else None
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        done.write_text(json.dumps(act(path)))
    except BaseException:  # noqa: BLE001  # whatever it is, it is what is looked for
        path.with_suffix(".error").write_text(traceback.format_exc())
    os._exit(0)


def begin_anew():
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak is what is held now


def measured(act, held):
    begin_anew()
    begin = time.process_time()
    said = act()
    took = time.process_time() - begin
    if isinstance(said, str):
        said.encode()
    return {"took": took, "memory": memory() - held}


def store(raw, file):
    archive = Archive(file)
    session = StoredSession(session_id(), WHEN, "starttls", "127.0.0.1:9")
    archive.add([StoredMessage(raw, "ann@example.com", ("bob@example.org",), WHEN, session)])
    archive.add([], [session])
    return archive


def alone(path):
    begin_anew()
    held = memory()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "all"
        folder.mkdir()
        archive = store(path.read_bytes(), folder / "mail.sqlite3")
        inbox, other = lab.Inbox(archive), lab.Inbox(Archive(folder / "other.sqlite3"))
        acts = [*of_a_message(lambda: inbox[0], folder), *of_an_inbox(inbox, other, folder)]
        found = {name: measured(act, held) for name, act in acts}
        files = sorted(file.name for file in (folder / "files").iterdir())
        outside = [file.name for file in folder.parent.iterdir() if file != folder]
    return {"acts": found, "files": files, "outside": outside}


def main(folder):
    with tempfile.TemporaryDirectory() as name:
        harmless = Path(name) / "mail.eml"
        harmless.write_bytes(b"Subject: x\r\n\r\nhttp://example.com code 123456")
        alone(harmless)
    for path in sorted(Path(folder).glob("*.eml")):
        in_a_child(alone, path)


if __name__ == "__main__":
    main(sys.argv[1])
