"""Whether a server may send for a domain: SPF as a receiver reckons it (RFC 7208)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smtp_lab.domain.questions import Questions

__all__ = ("Verdict", "judge_spf")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What SPF comes to for one message.

    Attributes:
        result: ``pass``, ``fail``, ``softfail``, ``neutral``, ``none``, ``temperror`` or
            ``permerror`` (RFC 7208 section 2.6).
        domain: Whose record was asked: of the envelope sender, else of the name in EHLO.
        why: The explanation, in the words of pyspf.
    """

    result: str
    domain: str
    why: str


def judge_spf(questions: Questions, ip: str, mail_from: str, ehlo: str) -> Verdict:
    """Judge a message that came from *ip* with the envelope sender *mail_from*.

    Args:
        questions: Who asks DNS, and how much at most.
        ip: The address of the server that sent it.
        mail_from: As in MAIL FROM; empty for the null sender.
        ehlo: What the server called itself.
    """
    import spf

    class Query(spf.query):  # type: ignore[misc]  # pyspf has no types
        """Asks through *questions* instead of pyspf's own resolver."""

        def dns(
            self,
            name: str,
            qtype: str,
            cnames: Any = None,  # noqa: ARG002  # the resolver follows them
            ignore_void: bool = False,
        ) -> list[Any]:
            """The answers in the form pyspf has them."""
            labels = str(name).rstrip(".").split(".")
            if not all(0 < len(label) < 64 for label in labels):
                return []
            try:
                found = [_as_pyspf(record, qtype) for record in questions.ask(str(name), qtype)]
            except OSError as error:
                raise spf.TempError(str(error)) from None
            if not found and not ignore_void:
                self.void_lookups += 1
                if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                    raise spf.PermError(f"Void lookup limit of {spf.MAX_VOID_LOOKUPS} exceeded")
            return found

    domain = mail_from.rpartition("@")[2] or ehlo
    if not domain:
        return Verdict("none", "", "there is neither an envelope sender nor a name in EHLO")
    try:
        result, _, why = Query(i=ip, s=mail_from, h=ehlo or "unknown").check()
    # Records and names are what strangers wrote; pyspf was not made for all of them.
    except (spf.PermError, spf.TempError, ValueError, IndexError, AssertionError) as error:
        return Verdict("permerror", domain, str(error)[:200])
    return Verdict(result, domain, str(why)[:200])


def _as_pyspf(record: Any, kind: str) -> Any:
    match kind:
        case "A" | "AAAA":
            return record.address
        case "MX":
            return record.preference, record.exchange.to_text(omit_final_dot=True)
        case "PTR":
            return record.target.to_text(omit_final_dot=True)
        case _:
            return record.strings
