"""A DNS server of our own on loopback, and a resolver that asks it."""

from __future__ import annotations

import socket
import threading
from typing import Self

import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset


def txt(text: str | bytes) -> str:
    """*text* as a TXT record is written: pieces of at most 255 octets, in quotes."""
    raw = text.encode() if isinstance(text, str) else text
    pieces = [raw[at : at + 255] for at in range(0, len(raw), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{octet:03d}" for octet in piece) + '"' for piece in pieces)


class DnsServer:
    """Answers from *records*, by name (without the dot at the end) and kind.

    Args:
        records: A list of texts, the name of an error such as ``SERVFAIL``, or None for silence.

    Attributes:
        asked: Every question, as ``KIND name``.
        resolver: A resolver that asks this server.
    """

    def __init__(self, records: dict[tuple[str, str], list[str] | str | None]) -> None:
        self.records, self.asked = records, []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.resolver = dns.resolver.Resolver(configure=False)
        self.resolver.nameservers = ["127.0.0.1"]
        self.resolver.port = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                data, client = self._socket.recvfrom(4096)
            except OSError:
                return
            query = dns.message.from_wire(data)
            answer = self._answer(query)
            if answer is not None:
                self._socket.sendto(answer.to_wire(), client)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), question.rdtype
        key = (name, dns.rdatatype.to_text(kind))
        self.asked.append(f"{key[1]} {name}")
        answer = dns.message.make_response(query)
        found = self.records.get(key, [])
        if found is None:
            return None
        if isinstance(found, str):
            answer.set_rcode(dns.rcode.from_text(found))
        elif found:
            texts = [txt(one) if key[1] == "TXT" else one for one in found]
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", key[1], *texts))
        elif not any(known[0] == name for known in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
