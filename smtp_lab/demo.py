"""The whole way without a browser: a sink, three real messages, and a check of what arrived."""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pandas as pd

from smtp_lab.compose import render
from smtp_lab.config import ProfileBook
from smtp_lab.deliver import Delivery, send
from smtp_lab.inbox import Captured
from smtp_lab.sink import Sink

__all__ = ("Demo", "run")

_TO = "you@example.com"
_SALES = pd.DataFrame(
    {
        "region": ["North", "South", "Tokyo 東京"],
        "orders": [1204, 987, 1533],
        "revenue": [48211.5, 39870.25, 71004.0],
    }
)


@dataclass
class Demo:
    """What the demonstration did.

    Attributes:
        deliveries: The three sendings, in order.
        frame: The captured messages as the sink's inbox shows them.
        differences: What arrived otherwise than it was sent; empty when all is well.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    differences: list[str] = field(default_factory=list)


def run(sink: Sink | None = None, say: Callable[[str], None] = print) -> Demo:
    """Start a sink, send three messages over SMTP with STARTTLS and a login, and compare.

    Neither the profile book of whoever runs it nor the environment has a say in where they go.

    Args:
        sink: The sink to use; by default a throw-away one that knows one user.
        say: Gets what is worth reading, a paragraph at a time.
    """
    demo = Demo()
    if sink is None:
        sink = Sink(":temporary:", users={"ann": "open sesame"})
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as folder, sink:
        book = ProfileBook(Path(folder) / "smtp_lab.toml", environ={})
        profile = sink.profile(sender="Ann Example <ann@example.com>")
        say(
            f"The sink listens on {sink.host}, "
            f"port {sink.port} (STARTTLS) and {sink.tls_port} (TLS).\n"
        )
        picture = chart([1204, 987, 1533])
        files = {"sales.csv": _SALES, "notes.txt": "The figures are final.\n"}
        report = render(
            "report", to=_TO, title="Sales, week 47", summary="All regions grew.", table=_SALES
        )
        illustrated = render(
            "report",
            to=[_TO, "Bob Example <bob@example.org>"],
            title="A chart, and two files",
            summary="The picture travels inside the mail: nothing is fetched.",
            images={"chart": picture},
            attachments=files,
        )
        illustrated["Bcc"] = "archive@example.com"
        checks: list[tuple[Callable[[], Delivery], Callable[[Captured], dict[str, bool]]]] = [
            (partial(send, _plain(), profile=profile, book=book), _check_plain),
            (
                partial(send, illustrated, profile=profile, book=book),
                partial(_check_illustrated, picture=picture),
            ),
            (partial(send, report, profile=profile, book=book), _check_report),
        ]
        for act, check in checks:
            delivery = act()
            demo.deliveries.append(delivery)
            captured = sink.inbox[-1]
            found = _check_wire(delivery, captured) | check(captured)
            demo.differences += [
                f"{captured.subject!r}: {name}" for name, fine in found.items() if not fine
            ]
        say("What was said while the first message was sent, line by line:\n")
        say(demo.deliveries[0].transcript.annotated() + "\n")
        demo.frame = sink.inbox.to_frame()
        say("What the sink captured:\n")
        shown = demo.frame[
            ["id", "from", "rcpt_to", "subject", "size", "attachments", "tls_version", "login"]
        ]
        say(shown.to_string(index=False, max_colwidth=44) + "\n")
    return demo


def _plain() -> EmailMessage:
    message = EmailMessage()
    message["To"] = _TO
    message["Subject"] = "Plain text, with ümlauts and 日本語"
    message.set_content("A dot on a line of its own must survive:\n.\nAnd so must this line.\n")
    return message


def chart(values: list[int]) -> bytes:
    """A small bar chart as a PNG, drawn here so that the demonstration needs no other package."""
    width, height = 40 * len(values), 80
    tops = [height - round(70 * value / max(values)) for value in values]
    rows = b"".join(
        b"\0"
        + b"".join(
            (b"\x2b\x6c\xb0" if y >= top else b"\xff\xff\xff") * 30 + b"\xff\xff\xff" * 10
            for top in tops
        )
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _check_wire(delivery: Delivery, captured: Captured) -> dict[str, bool]:
    return {
        "every byte as sent": captured.raw == delivery.raw,
        "envelope sender": captured.mail_from == delivery.mail_from,
        "envelope recipients": captured.rcpt_to == tuple(r.address for r in delivery.recipients),
        "encrypted": captured.session.tls_version in ("TLSv1.2", "TLSv1.3"),
        "logged in": captured.session.login == "ann" and captured.session.login_ok is True,
        "no secret in the transcripts": "sesame"
        not in f"{delivery.transcript}{captured.transcript}",
    }


def _check_plain(captured: Captured) -> dict[str, bool]:
    return {
        "subject": captured.subject == "Plain text, with ümlauts and 日本語",
        "text": captured.text
        == "A dot on a line of its own must survive:\n.\nAnd so must this line.\n",
    }


def _check_illustrated(captured: Captured, picture: bytes) -> dict[str, bool]:
    files = {attachment.name: attachment for attachment in captured.attachments}
    return {
        "names of the files": set(files) == {"chart.png", "sales.csv", "notes.txt"},
        "picture": files["chart.png"].content == picture and files["chart.png"].inline,
        "picture called by the HTML": f'src="cid:{files["chart.png"].content_id}"' in captured.html,
        "table as CSV": files["sales.csv"].content.decode().splitlines()
        == _SALES.to_csv(index=False).splitlines(),
        "Bcc only in the envelope": "archive@example.com" in captured.rcpt_to
        and b"archive@example.com" not in captured.raw,
    }


def _check_report(captured: Captured) -> dict[str, bool]:
    return {
        "table in the HTML": all(
            cell in captured.html for cell in ("Tokyo 東京", "1,533", "71,004.00")
        ),
        "table in the text": all(
            cell in captured.text for cell in ("Tokyo 東京", "1,533", "71,004.00")
        ),
        "a text beside the HTML": bool(captured.text.strip()),
    }
