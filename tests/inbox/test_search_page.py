"""The page on searching is true, row by row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from inbox.mails import WHEN, lines, stored

import smtp_lab as lab
from smtp_lab.archive import Archive
from smtp_lab.archive.language import FIELDS, HAS, IS

PAGE = (Path(__file__).parents[2] / "docs" / "search.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| term", "|---"))
]
RAW = lines(
    "From: Ann <ann@example.com>",
    "To: Bob <bob@example.org>",
    "Cc: cid@example.org",
    "Bcc: dan@example.org",
    "Reply-To: desk@example.com",
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe=3A?= quarterly  Report 7",
    "Message-ID: <4711@example.com>",
    "X-Mailer: Newsletter 3",
    "List-Unsubscribe: <https://example.com/leave>",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "",
    "The invoice is attached, see https://example.com/invoice and our",
    "annual review of it.",
    "--b",
    "Content-Type: application/pdf",
    'Content-Disposition: attachment; filename="numbers.pdf"',
    "",
    "pdf",
    "--b--",
)


@pytest.fixture(scope="module")
def inbox(tmp_path_factory):
    """An inbox with the message of the page."""
    archive = Archive(tmp_path_factory.mktemp("page") / "mail.sqlite3")
    message = stored(
        RAW,
        mail_from="bounces@example.com",
        rcpt_to=("bob@example.org", "eve@example.org"),
        received_at=WHEN,
        tags=("Seen",),
        mailboxes=("team",),
    )
    refusal = {"direction": "S", "stage": "rcpt", "text": "550 5.1.1 no", "at": 0.1, "tls": True}
    message.session.transcript = {"lines": [refusal]}
    archive.add([message])
    yield lab.Inbox(archive)
    archive.close()


def code(cell: str) -> str:
    return re.fullmatch(r"`(.*)`", cell)[1]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_of_the_page_is_true(inbox, row):
    """The first example of a row finds the message, the second does not."""
    _, _, found, not_found = row
    assert inbox.search(code(found)).numbers() == [1]
    assert inbox.search(code(not_found)).numbers() == []


def test_the_page_names_every_field():
    """No field is left out of the table, and no word that may stand behind has: and is:."""
    first = " ".join(row[0] for row in ROWS)
    assert [name for name in FIELDS if name not in ("is", "has") and f"`{name}:" not in first] == []
    assert [word for word in IS if f"`is:{word}`" not in first] == []
    (row,) = [row for row in ROWS if row[0] == "`has:`"]
    assert [word for word in HAS if f"`{word}`" not in row[1]] == []
    assert len(ROWS) > 30


def test_the_sentence_of_the_page_is_said(inbox):
    """The error the page shows is that of the program."""
    with pytest.raises(lab.InputError) as error:
        inbox.search("form:ann")
    assert f"`{error.value}`".removesuffix("`") in PAGE
