"""Each engine finds the same: that which a search without any index finds."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inbox.mails import WHEN, stored
from inbox.reference import matches

import smtp_lab as lab
from smtp_lab.archive import Archive, session_id
from smtp_lab.archive.fold import fold
from smtp_lab.archive.index import Index
from smtp_lab.archive.language import understand
from smtp_lab.inbox.filling import fill

# Few words of few letters, so that they are found in one another; and letters that fold, that
# combine, that mean something to LIKE, to MATCH, to JSON and to this language.
LETTERS = st.sampled_from(
    "abcABC ßSsſßée\u0301ΣσςИи東京都Ａ%_\\\"'()-:*^~+/.@<>7ﬁİi̇\u00ad\u200b\n\t{}[],"
)
WORD = st.one_of(
    st.sampled_from(["report", "Report 7", "ann", "Grüße", "GRÜSSE", "東京", "東京都", "50%", "a_b", "a\\b", 'say "hi"', "OR", "AND", "x"]),
    st.text(LETTERS, min_size=1, max_size=6),
)  # fmt: skip
ADDRESS = st.builds(
    "{} <{}@{}>".format,
    st.sampled_from(["Ann", "Grüße", "=?utf-8?b?5p2x5Lqs?=", ""]),
    st.sampled_from(["ann", "bob", "nn", "a_b", "50%"]),
    st.sampled_from(["example.com", "EXAMPLE.org"]),
)
FIELD_WORDS = ["from", "to", "cc", "bcc", "reply-to", "sender", "rcpt", "addressed", "subject", "body", "file", "login", "tag", "mailbox", "message-id"]  # fmt: skip


@st.composite
def mails(draw):
    head = [
        f"{name}: {draw(ADDRESS)}"
        for name in draw(
            st.lists(st.sampled_from(["From", "To", "Cc", "Bcc", "Reply-To"]), max_size=5)
        )
    ]
    head += [f"Subject: {' '.join(draw(WORD).split())}"] * draw(st.integers(0, 1))
    head += [f"X-Word: {' '.join(draw(WORD).split())}"] * draw(st.integers(0, 2))
    kind = draw(st.sampled_from(["text/plain", "text/html", "multipart/mixed; boundary=b"]))
    body = draw(WORD) + draw(st.sampled_from(["", " 7\n", "<b>bold</b>", " http://example.com/x"]))
    if kind.startswith("multi"):
        name = draw(st.sampled_from(["report.pdf", "Grüße.txt", "a_b"]))
        body = (
            f'--b\n\n{body}\n--b\nContent-Disposition: attachment; filename="{name}"\n\nx\n--b--\n'
        )
    raw = "\n".join([*head, f'Content-Type: {kind}; charset="utf-8"', "", body]).encode()
    message = stored(
        raw,
        mail_from=draw(st.sampled_from(["", "ann@example.com", "Bob@Example.org"])),
        rcpt_to=tuple(
            draw(st.lists(st.sampled_from(["bob@example.org", "grüße@example.com"]), max_size=2))
        ),
        received_at=WHEN + timedelta(hours=draw(st.integers(-3, 3))),
        tags=tuple(
            draw(st.lists(st.sampled_from(["Seen", "GRÜSSE", "x"]), max_size=2, unique=True))
        ),
        mailboxes=tuple(draw(st.lists(st.sampled_from(["Team", "x"]), max_size=2, unique=True))),
    )
    session = message.session
    session.tls_version = draw(st.sampled_from(["", "TLSv1.2", "TLSv1.3"]))
    session.login_ok = draw(st.sampled_from([True, False, None]))
    line = {"direction": "S", "stage": "rcpt", "text": "550 no", "at": 0.0, "tls": False}
    session.transcript = {"lines": [line] if draw(st.booleans()) else []}
    message.lines = len(session.transcript["lines"])
    return message


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


TERM = st.one_of(
    st.builds(quoted, WORD.filter(fold)),
    st.builds("{}:{}".format, st.sampled_from(FIELD_WORDS), st.builds(quoted, WORD.filter(fold))),
    st.builds("header:X-Word:{}".format, st.builds(quoted, WORD.filter(fold))),
    st.sampled_from(["header:subject", "header:x-word", "larger:200", "smaller:0.2K", "after:2026-03-04T05:06", "before:2026-03-04", "from:<ann@example.com>", "to:<nn@example.com>"]),
    st.builds("has:{}".format, st.sampled_from(["attachment", "inline", "html", "text", "link", "code", "login"])),
    st.builds("is:{}".format, st.sampled_from(["refused", "bounce", "tagged", "complex"])),
    st.builds("tls:{}".format, st.sampled_from(["yes", "no", "1.2", "1.3"])),
)  # fmt: skip
QUERY = st.recursive(
    TERM,
    lambda inner: st.one_of(
        st.builds("-({})".format, inner),
        st.builds("-{}".format, TERM),
        st.builds("({}) ({})".format, inner, inner),
        st.builds("{} OR {}".format, inner, inner),
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def engines(tmp_path_factory, postgres):
    """Archives on each engine, with and without what makes a search quick."""
    folder = tmp_path_factory.mktemp("engines")
    opened = [Archive(folder / "a.sqlite3"), Archive(folder / "b.sqlite3"), Archive(postgres.new())]
    yield opened
    for archive in opened:
        archive.close()


@settings(max_examples=60)
@given(
    some=st.lists(mails(), min_size=1, max_size=5), queries=st.lists(QUERY, min_size=4, max_size=8)
)
def test_every_engine_finds_what_a_plain_reading_finds(engines, some, queries):
    """Generated queries on generated mail: SQLite, without its index too, PostgreSQL, Python."""
    found = []
    for number, archive in enumerate(engines):
        archive.remove(archive.ids())
        first = 0
        for message in some:
            (added,) = archive.add(
                [replace(message, session=replace(message.session, id=session_id()))]
            )
            first = first or added
        fill(archive)
        index = Index(archive)
        index._indexed = False if number == 1 else None
        found.append([[n - first for n in index.messages(understand(query))] for query in queries])
        plain = [
            [
                n
                for n, message in enumerate(lab.Inbox(archive))
                if matches(understand(query), message)
            ]
            for query in queries
        ]
        for query, one, other in zip(queries, found[-1], plain, strict=True):
            assert one == other, query
    assert found[0] == found[1] == found[2]


def test_a_role_that_may_create_no_extension(postgres):
    """The archive is made, says that searches have no index, and what to do; they find the same.

    Once somebody who may has done what it says, the same search uses the index.
    """
    name = f"plain_{uuid.uuid4().hex}"
    with postgres.connect() as connection:
        for statement in (
            f"CREATE DATABASE {name} TEMPLATE template0",
            f"CREATE ROLE {name} LOGIN",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {name} TO {name}",
        ):
            connection.execute(statement)
    with postgres.connect(name) as connection:
        connection.execute(f"CREATE SCHEMA lab AUTHORIZATION {name}")
    place = f"host={postgres.folder}&port={postgres.port}&options=-csearch_path%3Dlab,public"
    with pytest.warns(UserWarning, match="CREATE EXTENSION pg_trgm") as warned:
        archive = Archive(f"postgresql+psycopg://{name}@/{name}?{place}")
    archive.add([stored(b"Subject: quarterly\r\n\r\nhi"), stored(b"Subject: other\r\n\r\nhi")])
    assert lab.Inbox(archive).search("quarterly").numbers() == [1]
    said = str(warned[0].message)
    with postgres.connect(name) as connection:
        connection.execute("SET search_path = lab, public")
        for statement in said[said.index("CREATE EXTENSION") :].removesuffix(";").split("; "):
            connection.execute(statement)
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT message_id FROM contents WHERE text LIKE '%quarterly%'"
        ).fetchall()
    assert "ix_contents_text" in str(plan)
    assert lab.Inbox(archive).search("quarterly").numbers() == [1]
    archive.close()
