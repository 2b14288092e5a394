"""The result of sending: who accepted what, what was said, what went wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from smtp_lab.config import Advice
from smtp_lab.deliver.certificates import Tls
from smtp_lab.deliver.diagnosis import Diagnosis
from smtp_lab.deliver.oauth.token import TokenClaims
from smtp_lab.show import NO_MATH, facts_table
from smtp_lab.transcript import Transcript

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("Delivery", "Recipient")


@dataclass(frozen=True, slots=True)
class Recipient:
    """What became of one recipient.

    Attributes:
        address: As given in the envelope.
        accepted: Whether the server took the message for this address.
        code: The reply code that decided, 0 when it never came to that.
        text: The reply's text.
    """

    address: str
    accepted: bool = False
    code: int = 0
    text: str = ""


@dataclass(frozen=True)
class Delivery:
    """What happened when a message was sent.

    Accepted means that the server took responsibility, not that anyone has read it.

    Attributes:
        profile: Name of the profile.
        endpoint: ``host:port``, or the host of Microsoft Graph.
        mail_from: The envelope sender.
        recipients: What became of each recipient.
        message_id: The Message-ID header of what was sent.
        raw: The bytes that were sent, before dot-stuffing.
        transcript: The dialogue.
        stage: The stage that was reached, or failed.
        reply: The server's answer to the whole message, or empty.
        diagnosis: What went wrong, or None.
        advice: What there was to know before it was sent, such as a size that needs uploads.
        unknown: Whether the server may have taken it all the same: the answer to it was lost.
        tls: How the connection was encrypted, with the server's certificates and what is to be said
            of them, also when they were refused; None when it never came to that.
        token: What the token says of itself that was used to log in, or None.
    """

    profile: str
    endpoint: str
    mail_from: str
    recipients: tuple[Recipient, ...]
    message_id: str
    raw: bytes = field(repr=False)
    transcript: Transcript
    stage: str
    reply: str = ""
    diagnosis: Diagnosis | None = None
    advice: tuple[Advice, ...] = ()
    unknown: bool = False
    tls: Tls | None = None
    token: TokenClaims | None = None

    @property
    def ok(self) -> bool:
        """Whether the server took the message for every recipient."""
        return all(recipient.accepted for recipient in self.recipients)

    @property
    def refused(self) -> tuple[Recipient, ...]:
        """The recipients it was not taken for."""
        return tuple(recipient for recipient in self.recipients if not recipient.accepted)

    @property
    def seconds(self) -> float:
        """How long the dialogue took."""
        return self.transcript[-1].at if len(self.transcript) else 0.0

    @property
    def sentence(self) -> str:
        """The outcome in a sentence."""
        taken = [recipient.address for recipient in self.recipients if recipient.accepted]
        if self.ok:
            return f"Accepted by {self.endpoint} for {', '.join(taken)} in {self.seconds:.2f} s."
        who = ", ".join(recipient.address for recipient in self.refused)
        partly = f" It was accepted for {', '.join(taken)}." if taken else ""
        what = f"Not sent to {who}: {self.endpoint} failed at {self.stage}."
        if self.stage == "oauth":
            what = f"Not sent to {who}: there was no token to log in with at {self.endpoint}."
        if self.unknown:
            what = f"Whether it went to {who} is unknown: the answer of {self.endpoint} was lost."
        return f"{what} {self.diagnosis or ''}{partly}".strip()

    def to_dict(self) -> dict[str, Any]:
        """The delivery as JSON-ready data, without the message itself."""
        return {
            "ok": self.ok,
            "sentence": self.sentence,
            "profile": self.profile,
            "endpoint": self.endpoint,
            "mail_from": self.mail_from,
            "recipients": [asdict(recipient) for recipient in self.recipients],
            "message_id": self.message_id,
            "size": len(self.raw),
            "stage": self.stage,
            "reply": self.reply,
            "seconds": round(self.seconds, 6),
            "diagnosis": self.diagnosis.to_dict() if self.diagnosis else None,
            "advice": [asdict(advice) for advice in self.advice],
            "unknown": self.unknown,
            "tls": self.tls.to_dict() if self.tls else None,
            "token": self.token.to_dict() if self.token else None,
            "transcript": self.transcript.to_dict(),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row a recipient: address (str), accepted (bool), code (int64), text (str)."""
        import pandas as pd

        columns = {"address": "str", "accepted": "bool", "code": "int64", "text": "str"}
        return pd.DataFrame([asdict(r) for r in self.recipients], columns=list(columns)).astype(
            columns
        )

    def __str__(self) -> str:
        return f"{self.sentence}\n\n{self.transcript}"

    def __repr__(self) -> str:
        return f"<Delivery {'ok' if self.ok else 'failed'}: {self.sentence}>"

    def _repr_html_(self) -> str:
        colour = "var(--jp-success-color1,#2e7d32)" if self.ok else "var(--jp-error-color1,#c62828)"
        mark = "✔" if self.ok else "✘"
        look = ""
        if self.diagnosis is not None:
            where = (
                f" Look at the field <b>{escape(self.diagnosis.field)}</b>."
                if self.diagnosis.field
                else ""
            )
            raw = self.diagnosis.raw
            said = "The server said" if raw[:1].isdigit() else "The error was"
            look = f"<p>{said}: <code>{escape(raw)}</code>.{where}</p>"
        look += "".join(f"<p>{escape(str(advice))}.</p>" for advice in self.advice)
        token = facts_table("The token", self.token.facts) if self.token else ""
        return (
            f'<div class="smtp-lab-delivery {NO_MATH}">'
            f'<p role="status" style="border-left:4px solid {colour};'
            f'padding:2px 10px;margin:6px 0"><b>{mark}</b> {escape(self.sentence)}</p>{look}{token}'
            f"{self.tls._repr_html_() if self.tls else ''}"
            f"{self.transcript._repr_html_()}</div>"  # IPython's name, ours to call
        )
