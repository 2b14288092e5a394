"""One message out through Microsoft Graph: in one request, or as a draft with uploads."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlsplit

from smtp_lab.config import Advice, GraphConnection
from smtp_lab.deliver.account import Account
from smtp_lab.deliver.delivery import Delivery, Recipient
from smtp_lab.deliver.graph.client import TRIES, Failure, Graph, TokenSource, failure
from smtp_lab.deliver.graph.mime import File, addressed, parted
from smtp_lab.deliver.hush import hushed
from smtp_lab.deliver.outgoing import Outgoing
from smtp_lab.errors import InputError, SmtpLabError
from smtp_lab.transcript import Transcript

__all__ = ("deliver", "size_advice")

_LARGE = "https://learn.microsoft.com/graph/outlook-large-attachments"
ONE_REQUEST = 3_000_000  # octets of MIME: in base64 the 4 MB a request may have
CAREFUL = 2_000_000  # from here on requests were seen that were answered 200 and did nothing
MAILBOX = 35_000_000  # what Exchange Online takes unless an administrator changed it
MOST = 150_000_000  # what an administrator can set at most
SESSION = 3_000_000  # smaller attachments go in one request, others need an upload session
CHUNK = 10 * 320 * 1024  # below the 4 MB a piece may have
_PACE = 50_000  # octets a second: what is large may take this much longer


@dataclass(frozen=True)
class _Plan:
    """How a message goes out: what is in the first request, and which files follow."""

    raw: bytes
    first: bytes
    files: tuple[File, ...]
    advice: tuple[Advice, ...]


@hushed
def deliver(outgoing: Outgoing, account: Account, token: TokenSource) -> Delivery:
    """Hand *outgoing* to Microsoft Graph; whatever goes wrong there is in the Delivery.

    The message is the one SMTP would get, with its hidden recipients in Bcc: Graph knows no
    envelope. Graph keeps a copy in Sent Items whatever the profile says; it has no switch for that
    in MIME (https://learn.microsoft.com/graph/api/user-sendmail).

    Args:
        outgoing: The message and its envelope.
        account: An account with a `GraphConnection`.
        token: Gives a token. What it raises is passed on, unless it has a ``diagnosis``, which is
            then the Delivery's.

    Raises:
        InputError: Its recipients cannot be said in headers, or it is too large; no connection was
            opened.
    """
    connection = account.connection
    assert isinstance(connection, GraphConnection)  # noqa: S101  # send() has looked
    redirect = account.book.policy.redirect_all_to
    plan = _planned(addressed(outgoing, redirected=outgoing.rcpt_to == (redirect,)))
    transcript = Transcript()
    for advice in plan.advice:
        transcript.add("*", advice.text)
    delivery = Delivery(
        profile=account.profile.name,
        endpoint=connection.endpoint,
        mail_from=outgoing.mail_from,
        recipients=tuple(map(Recipient, outgoing.rcpt_to)),
        message_id=outgoing.message_id,
        raw=plan.raw,
        transcript=transcript,
        stage="graph",
        advice=plan.advice,
    )
    graph = Graph(connection, token, transcript, more=len(plan.raw) / _PACE)
    try:
        said = _send_draft(graph, plan) if plan.files else _send_whole(graph, plan.raw)
    except Failure as lost:
        return _failed(replace(delivery, token=graph.claims), lost)
    except SmtpLabError as error:
        diagnosis = getattr(error, "diagnosis", None)
        if diagnosis is None:
            raise
        transcript.add("*", graph.masked(str(error)))
        return replace(delivery, stage="oauth", diagnosis=diagnosis)
    finally:
        graph.close()
    taken = tuple(Recipient(address, True, 202, said) for address in outgoing.rcpt_to)
    return replace(delivery, recipients=taken, reply=f"202 {said}", token=graph.claims)


def _failed(delivery: Delivery, lost: Failure) -> Delivery:
    text = lost.diagnosis.raw.removeprefix(f"{lost.status} ") if lost.status else ""
    refused = tuple(replace(r, code=lost.status, text=text) for r in delivery.recipients)
    return replace(
        delivery,
        recipients=refused,
        reply=lost.diagnosis.raw if lost.status else "",
        diagnosis=lost.diagnosis,
        unknown=lost.unknown,
    )


# --- size ---------------------------------------------------------------------------------------


def size_advice(size: int) -> Advice | None:
    """What to know about a message of *size* octets before it is sent; None when nothing.

    Raises:
        InputError: No mailbox takes as much.
    """
    if size > MOST:
        problem = f"has {size:,} octets, and Microsoft 365 takes at most {MOST:,}"
        raise InputError.of("message", problem, "send a link to the file instead")
    if size > MAILBOX:
        text = (
            f"the message has {size:,} octets; a mailbox takes {MAILBOX:,}"
            " unless its administrator allows more"
        )
        source = "https://learn.microsoft.com/graph/api/attachment-createuploadsession"
        return Advice("size", "message", "warning", text, source)
    if size > ONE_REQUEST:
        text = (
            f"the message has {size:,} octets, more than one request carries ({ONE_REQUEST:,}):"
            " it goes as a draft with uploads, which needs the permission Mail.ReadWrite"
        )
        return Advice("size", "message", "warning", text, _LARGE)
    if size > CAREFUL:
        text = (
            f"the message has {size:,} octets, near the {ONE_REQUEST:,} that one request carries;"
            " some as long were answered 200 and not sent"
        )
        source = "https://github.com/microsoftgraph/microsoft-graph-docs/issues/13979"
        return Advice("size", "message", "note", text, source)
    return None


def _planned(raw: bytes) -> _Plan:
    size = len(raw)
    advice = size_advice(size)
    first, files = parted(raw, ONE_REQUEST) if size > ONE_REQUEST else (raw, ())
    return _Plan(raw, first, files, (advice,) if advice else ())


# --- both ways ----------------------------------------------------------------------------------


def _send_whole(graph: Graph, raw: bytes) -> str:
    body = b64encode(raw)
    graph.transcript.add("*", f"the message: {len(raw):,} octets, {len(body):,} in base64")
    path = f"{graph.mailbox}/sendMail"
    return graph.ask("POST", path, body=body, kind="text/plain", wanted=(202,), sends=True).reason


def _send_draft(graph: Graph, plan: _Plan) -> str:
    note = f"the message without {len(plan.files)} of its attachments: {len(plan.first):,} octets"
    graph.transcript.add("*", note)
    body = b64encode(plan.first)
    path = f"{graph.mailbox}/messages"
    answer = graph.ask("POST", path, body=body, kind="text/plain", wanted=(201,))
    name = answer.json.get("id")
    if not isinstance(name, str) or not name:
        raise failure("201 NoDraft: the answer names no draft", 201)
    draft = f"{path}/{quote(name, safe='')}"
    try:
        for file in plan.files:
            _attach(graph, draft, file)
        return graph.ask("POST", f"{draft}/send", wanted=(202,), sends=True).reason
    except Failure as lost:
        # A draft that may be on its way is left alone.
        if not lost.unknown:
            _tidy(graph, draft)
        raise


def _tidy(graph: Graph, draft: str) -> None:
    graph.extend()
    with suppress(Failure):  # it is in the transcript, and the first failure counts
        graph.ask("DELETE", draft, wanted=(204,))


def _attach(graph: Graph, draft: str, file: File) -> None:
    size = len(file.content)
    graph.transcript.add("*", f"attachment {file.name}: {file.kind}, {size:,} octets")
    about: dict[str, Any] = {"name": file.name, "contentType": file.kind, "isInline": file.inline}
    if file.content_id:
        about["contentId"] = file.content_id
    if size < SESSION:
        about["@odata.type"] = "#microsoft.graph.fileAttachment"
        about["contentBytes"] = b64encode(file.content).decode()
        body = json.dumps(about).encode()
        graph.ask("POST", f"{draft}/attachments", body=body, wanted=(201,))
        return
    item = {"AttachmentItem": {"attachmentType": "file", "size": size, **about}}
    path = f"{draft}/attachments/createUploadSession"
    answer = graph.ask("POST", path, body=json.dumps(item).encode(), wanted=(200, 201))
    url = answer.json.get("uploadUrl")
    if not isinstance(url, str) or urlsplit(url).scheme != "https":
        raise failure(
            f"{answer.status} NoUploadUrl: the answer names no https address to upload to"
        )
    graph.hide(urlsplit(url).query or urlsplit(url).path)
    _upload(graph, url, file.content)


def _upload(graph: Graph, url: str, content: bytes) -> None:
    """Send *content* piece by piece, always the one that is expected next."""
    at, stalled, size = 0, 0, len(content)
    while at < size:
        piece = content[at : at + CHUNK]
        answer = graph.put(url, piece, f"bytes {at}-{at + len(piece) - 1}/{size}")
        if answer.status == 201 and at + len(piece) == size:
            return
        expected = _expected(answer.json, at + len(piece))
        stalled = stalled + 1 if expected <= at else 0
        if stalled >= TRIES:
            break
        at = expected
    raise failure(f"{answer.status} UploadIncomplete: the attachment was not taken whole")


def _expected(session: dict[str, Any], usual: int) -> int:
    """Where the next piece begins; in *usual* where the answer does not say.

    The key begins with a capital in some answers, and the range has an end in some.
    """
    ranges = session.get("nextExpectedRanges") or session.get("NextExpectedRanges")
    first = str(ranges[0]).partition("-")[0] if isinstance(ranges, list) and ranges else ""
    return int(first) if first.isascii() and first.isdigit() and len(first) < 16 else usual
