"""What a stage of the doctor has seen, in words."""

from __future__ import annotations

from smtp_lab.config import Advice
from smtp_lab.deliver.addresses import Address
from smtp_lab.deliver.certificates import Tls

__all__ = ("certificate_facts", "reply", "slow_address", "words")


def reply(code: int, text: bytes) -> str:
    """A reply in one line."""
    return f"{code} {' '.join(text.decode('utf-8', 'replace').split())}"


def words(error: OSError) -> str:
    """What *error* says, without its number."""
    return error.strerror or str(error) or type(error).__name__


def slow_address(address: Address) -> Advice:
    """What to think of an *address* that is tried before one that answers."""
    return Advice(
        "first_address",
        "connection.host",
        "note",
        f"{address} is tried first whenever mail is sent, and did not answer; where it is silent,"
        " sending waits for it each time",
        "RFC 8305 section 1",
    )


def certificate_facts(tls: Tls) -> dict[str, str]:
    """For whom the certificate is, who signed it, how long it holds, and what is said of it."""
    facts: dict[str, str] = {verdict.about: verdict.text for verdict in tls.verdicts}
    if not tls.chain:
        return facts
    leaf = tls.chain[0]
    if leaf.unreadable:
        return facts | {"certificate": f"it cannot be read ({leaf.unreadable})"}
    return {
        "names": ", ".join(leaf.names),
        "subject": leaf.subject,
        "issuer": leaf.issuer,
        "valid until": f"{leaf.not_after:%Y-%m-%d}",
        "chain": ", ".join(certificate.subject for certificate in tls.chain[1:]) or "nothing more",
    } | facts
