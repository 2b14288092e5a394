"""Everything public, done with each mail in a folder, each in a child of its own.

``python everything.py FOLDER`` writes beside each ``.eml`` what it took, as JSON, or the error. Once
with a harmless mail before, so that all is loaded. Time is that of the processor: a busy machine
makes less of a difference.
"""

from __future__ import annotations

import json
import os
import resource
import signal
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
PICTURES = ("senders", "domains")


def everything(raw, folder):
    archive = Archive(folder / "mail.sqlite3")
    session = StoredSession(session_id(), WHEN, "starttls", "127.0.0.1:9")
    archive.add([StoredMessage(raw, "ann@example.com", ("bob@example.org",), WHEN, session)])
    archive.add([], [session])
    inbox = lab.Inbox(archive)
    message = inbox[0]
    yield "str", lambda: str(message)
    yield "repr", lambda: repr(message) + repr(inbox)
    yield (
        "html",
        lambda: (
            message._repr_html_()
            + message.preview()._repr_html_()
            + message.preview(plain=True)._repr_html_()
        ),
    )
    for name in (
        "headers",
        "raw_headers",
        "parts",
        "tree",
        "links",
        "codes",
        "clipped",
        "defects",
        "date",
    ):
        yield name, lambda name=name: repr(getattr(message, name))
    yield "addresses", lambda: repr(message.addresses("To"))
    yield "save", lambda: message.save_attachments(folder / "files")
    yield "table", lambda: repr(inbox.to_frame()) + inbox._repr_html_()
    yield "search", lambda: inbox.search("code OR -has:link subject:x header:to:a").to_frame()
    for name in TABLES:
        yield f"table {name}", lambda name=name: repr(getattr(inbox, name)())
    for name in PICTURES:

        def draw(name=name):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # glyphs no font has
                getattr(inbox.plot, name)().figure.savefig(folder / f"{name}.png")

        yield f"picture {name}", draw
    yield "eml", lambda: inbox.to_eml(folder / "eml")
    yield "mbox", lambda: inbox.to_mbox(folder / "mbox")
    yield "maildir", lambda: inbox.to_maildir(folder / "maildir")
    yield "zip", lambda: inbox.to_zip(folder / "mail.zip")
    other = lab.Inbox(Archive(folder / "other.sqlite3"))
    yield "read", lambda: [other.read(folder / name) for name in ("mail.zip", "mbox", "eml")]
    yield "excel", lambda: inbox.to_excel(folder / "mail.xlsx")
    yield "csv", lambda: inbox.to_csv(folder / "mail.csv")
    yield "json", lambda: inbox.to_json(folder / "mail.json", "headers")
    yield "parquet", lambda: inbox.to_parquet(folder / "mail.parquet", "parts")
    yield "failure", lambda: wait(inbox)
    archive.close()


def wait(inbox):
    try:
        inbox.wait_for("subject:nope", timeout=0)
    except AssertionError as error:
        str(error).encode()


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MiB, on Linux


def measured(raw, folder):
    before, took = memory(), {}
    for label, act in everything(raw, folder):
        begin = time.process_time()
        said = act()
        took[label] = time.process_time() - begin
        if isinstance(said, str):
            said.encode()
    files = sorted(path.name for path in (folder / "files").iterdir())
    outside = [path.name for path in folder.parent.iterdir() if path != folder]
    return {"took": took, "memory": memory() - before, "files": files, "outside": outside}


def alone(raw):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "all"
        folder.mkdir()
        return measured(raw, folder)


def main(folder):
    alone(b"Subject: x\r\n\r\nhttp://example.com code 123456")
    for path in sorted(Path(folder).glob("*.eml")):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        try:
            signal.alarm(600)
            path.with_suffix(".json").write_text(json.dumps(alone(path.read_bytes())))
        except BaseException:  # noqa: BLE001  # whatever it is, it is what is looked for
            path.with_suffix(".error").write_text(traceback.format_exc())
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
