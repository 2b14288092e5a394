"""Archives as older versions made them: their tables, and rows as they wrote them."""

from __future__ import annotations

import sqlalchemy as sa
from archive.made import WHEN

from smtp_lab.archive import migrations
from smtp_lab.archive.records import micros

metadata = sa.MetaData()
facts = sa.Table(
    "smtp_lab",
    metadata,
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(200), nullable=False),
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("started_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("door", sa.String(16), nullable=False),
    sa.Column("peer", sa.String(64), nullable=False),
    sa.Column("ehlo", sa.String, nullable=False),
    sa.Column("tls_version", sa.String(16), nullable=False),
    sa.Column("tls_cipher", sa.String(64), nullable=False),
    sa.Column("login", sa.String, nullable=False),
    sa.Column("mechanism", sa.String(32), nullable=False),
    sa.Column("login_ok", sa.Boolean),
)
lines = sa.Table(
    "lines",
    metadata,
    sa.Column("session_id", sa.String(32), sa.ForeignKey("sessions.id"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("direction", sa.String(1), nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("tls", sa.Boolean, nullable=False),
)
messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column(
        "session_id", sa.String(32), sa.ForeignKey("sessions.id"), nullable=False, index=True
    ),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("mail_from", sa.String, nullable=False),
    sa.Column("rcpt_to", sa.JSON, nullable=False),
    sa.Column("mail_options", sa.JSON, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("lines", sa.Integer, nullable=False),
    sqlite_autoincrement=True,
)
raws = sa.Table(
    "raws",
    metadata,
    sa.Column("message_id", sa.Integer, sa.ForeignKey("messages.id"), primary_key=True),
    sa.Column("raw", sa.LargeBinary, nullable=False),
)

version_2 = sa.MetaData()
for table in (facts, sessions, lines, messages, raws):
    table.to_metadata(version_2)
fetched = sa.Table(
    "fetched",
    version_2,
    sa.Column("mailbox", sa.String, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("message_id", sa.Integer, sa.ForeignKey("messages.id"), nullable=False),
)

BUSY, SILENT = "a" * 32, "b" * 32  # a session with two messages, and one no message came of


def line(n: int) -> dict[str, object]:
    return {"direction": "C", "stage": "mail", "text": f"ünï {n}", "at": n / 8, "tls": n > 1}


def make(url: str, version: int = 1) -> None:
    """Make an archive of *version* at *url*; the third of its messages is gone again."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        (metadata if version == 1 else version_2).create_all(connection)
        connection.execute(sa.insert(facts).values(key="schema", value=str(version)))
        for name in (BUSY, SILENT):
            connection.execute(
                sa.insert(sessions).values(
                    id=name, started_at=micros(WHEN), ended_at=micros(WHEN) + 5, door="starttls",
                    peer="127.0.0.1:9", ehlo="client.example", tls_version="TLSv1.3",
                    tls_cipher="TLS_AES_256_GCM_SHA384", login="ann", mechanism="PLAIN", login_ok=True,
                )
            )  # fmt: skip
            rows = [{"session_id": name, "n": n, **line(n)} for n in range(5)]
            connection.execute(sa.insert(lines), rows)
        for n in range(3):
            added = connection.execute(
                sa.insert(messages).values(
                    session_id=BUSY, received_at=micros(WHEN) + n, mail_from="ann@example.com",
                    rcpt_to=["bob@example.org"], mail_options=["BODY=8BITMIME"], size=5 + n,
                    lines=n + 2,
                )
            )  # fmt: skip
            number = added.inserted_primary_key[0]
            connection.execute(
                sa.insert(raws).values(message_id=number, raw=b"raw %d" % n + b"\xff" * n)
            )
        if version > 1:
            connection.execute(sa.insert(fetched).values(mailbox="ann", name="x", message_id=2))
        connection.execute(sa.delete(raws).where(raws.c.message_id == 3))
        connection.execute(sa.delete(messages).where(messages.c.id == 3))
        for step in range(2, version):
            # A step is never changed: what it makes is what that version made.
            migrations._STEPS[step](connection)
    engine.dispose()
