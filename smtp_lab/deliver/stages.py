"""One run through the stages of a connection, up to where it is to stop or where it fails."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from smtp_lab.config import Advice, NoAuth, Profile, Provider, SmtpConnection
from smtp_lab.deliver import offers
from smtp_lab.deliver.addresses import Address, is_address, resolve, way_to
from smtp_lab.deliver.checkup import Checkup, Stage
from smtp_lab.deliver.diagnosis import diagnose
from smtp_lab.deliver.outgoing import Outgoing
from smtp_lab.deliver.seen import certificate_facts, reply, slow_address, words
from smtp_lab.deliver.terms import Terms, agree
from smtp_lab.deliver.wire import AnswerLostError, Client
from smtp_lab.errors import InputError, TokenError
from smtp_lab.transcript import Mask, Transcript

__all__ = ("STAGES", "Round")

STAGES = (
    "name",
    "address",
    "tcp",
    "greeting",
    "ehlo",
    "tls",
    "certificate",
    "ehlo again",
    "auth",
    "mail",
    "rcpt",
)
"""Every stage, as they come with STARTTLS; with implicit TLS encryption comes before the greeting.
"""

_BEFORE = ("name", "address", "tcp", "tls", "certificate", "greeting", "ehlo", *STAGES[7:])

# Which stage a field of the profile shows itself at.
_FIELDS = {
    "connection.host": "name",
    "connection.port": "tcp",
    "connection.security": "tls",
    "connection.min_tls": "tls",
    "connection.verify": "certificate",
    "connection.ca_file": "certificate",
    "connection.ehlo_name": "ehlo",
    "sender": "mail",
    "reply_to": "mail",
    "save_to_sent": "mail",
    "to": "rcpt",
}


@dataclass
class _Look:
    """What a stage has seen so far; what fails halfway has seen something too."""

    facts: dict[str, str] = field(default_factory=dict)
    advice: list[Advice] = field(default_factory=list)


class Round:
    """One connection, taken step by step.

    Args:
        profile: Whose it is.
        connection: Where to; the profile's own, or another endpoint of the same host.
        until: The last stage to do.
        mask: Hides the account's secrets.
        known: The provider, where it is known.
        advice: What is odd about the profile, to be shown at the stages it belongs to.
        log_in: Logs the client in with one attempt; without it the stage is left out.
        outgoing: The test mail; needed for ``mail`` and what follows.
        send: Whether the test mail is sent in the end, in a stage of its own, ``data``.
        transcript: Gets every line; by default a new one.
    """

    def __init__(  # noqa: PLR0913  # all but two by name
        self,
        profile: Profile,
        connection: SmtpConnection,
        *,
        until: str,
        mask: Mask,
        known: Provider | None = None,
        advice: Sequence[Advice] = (),
        log_in: Callable[[Client], None] | None = None,
        outgoing: Outgoing | None = None,
        send: bool = False,
        transcript: Transcript | None = None,
    ) -> None:
        self.profile, self.connection, self.known = profile, connection, known
        self.transcript = Transcript() if transcript is None else transcript
        self.transcript.stage, self.transcript.tls = "connect", False
        self.sent = self.unknown = False
        self._advice, self._log_in = advice, log_in
        self._outgoing = outgoing
        self._terms: Terms
        order = _BEFORE if connection.security == "implicit" else STAGES
        self._order = order + (("data",) if send else ())
        last = "data" if send else until
        self._asked = self._order[: self._order.index(last) + 1]
        self._client = Client(connection, self.transcript, mask)
        self._addresses: tuple[Address, ...] = ()
        self._doubt: ssl.SSLCertVerificationError | None = None
        self._failed = ""

    def run(self) -> tuple[Stage, ...]:
        """Do every stage that was asked for; the first that fails ends it."""
        try:
            stages = tuple(self._stage(name) for name in self._order)
            if not self._failed:
                self._part()
        finally:
            self._client.close()
        return stages

    def checkup(self) -> Checkup:
        """Run, and say what was found."""
        stages = self.run()
        endpoint = self.connection.endpoint
        sent, unknown = self.sent, self.unknown
        return Checkup(
            self.profile.name, endpoint, stages, self.transcript, sent=sent, unknown=unknown
        )

    def _stage(self, name: str) -> Stage:
        if name not in self._asked:
            return Stage(name, "skipped", "It was not asked for.")
        advice = tuple(a for a in self._advice if _stage_of(a.field) == name)
        if reason := self._reason_to_skip(name):
            return Stage(name, "skipped", reason, advice=advice)
        look, begun = _Look(advice=list(advice)), time.perf_counter()
        step: Callable[[_Look], str] = getattr(self, f"_{name.replace(' ', '_')}")
        try:
            sentence = step(look)
            warned = any(a.severity == "warning" for a in look.advice)
            stage = Stage(name, "warned" if warned else "passed", sentence)
        except TokenError as error:
            stage = Stage(name, "failed", str(error), diagnosis=error.diagnosis)
        except InputError as error:
            stage = Stage(name, "failed", str(error))
        except (OSError, UnicodeError, ValueError) as error:
            stage = self._explained(name, error)
            raw = stage.diagnosis.raw if stage.diagnosis else ""
            look.facts["answer" if raw[:1].isdigit() else "error"] = raw
        if stage.state == "failed":
            self._failed = name
            self._client.close()
        # Whatever a server said may be a secret it was told another time.
        found = [replace(a, text=self._client.mask(a.text)) for a in look.advice]
        return replace(
            stage,
            seconds=time.perf_counter() - begun,
            facts={name: self._client.mask(value) for name, value in look.facts.items()},
            advice=tuple(sorted(found, key=lambda a: a.severity != "warning")),
        )

    def _explained(self, name: str, error: Exception) -> Stage:
        provider = self.known.id if self.known else None
        found = diagnose(error, provider=provider, port=self.connection.port)
        found = replace(found, raw=self._client.mask(found.raw))
        self.transcript.add("*", self._client.mask(f"{type(error).__name__}: {error}"))
        return Stage(name, "failed", str(found), diagnosis=found)

    def _reason_to_skip(self, name: str) -> str:
        security = self.connection.security
        if self._failed:
            return f"It did not come to that: {self._failed} failed."
        if name in ("tls", "certificate", "ehlo again") and not self._encrypts:
            if security == "none":
                return "The profile asks for no encryption."
            return "The server offers no STARTTLS, and the profile does without."
        if name == "ehlo again" and security == "implicit":
            return "The first EHLO was encrypted already; nothing has changed since."
        if name == "auth" and isinstance(self.connection.auth, NoAuth):
            return "The profile has no login."
        return ""

    @property
    def _encrypts(self) -> bool:
        return self.connection.security == "implicit" or self._client.wants_starttls

    # --- reaching the server ------------------------------------------------------------------

    def _name(self, look: _Look) -> str:
        host = self.connection.host
        self._addresses = resolve(host, self.connection.port, self.connection.timeout)
        kinds = [address.kind for address in self._addresses]
        look.facts["addresses"] = ", ".join(map(str, self._addresses))
        if is_address(host):
            return f"{host} is an address; there is no name to look up."
        self.transcript.add("*", f"{host} is {look.facts['addresses']}")
        count = " and ".join(f"{kinds.count(k)} {k}" for k in dict.fromkeys(kinds))
        return f"{host} has {count} address{'es' * (len(kinds) > 1)}."

    def _address(self, look: _Look) -> str:
        ways: list[Address] = []
        error: OSError | None = None
        for address in self._addresses:
            error_here = way_to(address)
            if error_here is None:
                ways.append(address)
                look.facts[str(address)] = "there is a way to it"
            else:
                error = error_here
                look.facts[str(address)] = f"no way there: {words(error_here)}"
        lost = [str(a) for a in self._addresses if a not in ways]
        if not ways and error is not None:
            raise error
        self._addresses = tuple(ways)
        if lost:
            return f"There is no way from here to {', '.join(lost)}; the others will do."
        return "There is a way from here to each of them." if ways[1:] else "There is a way to it."

    def _tcp(self, look: _Look) -> str:
        # The wait for one answer is shared among the addresses: a person waits for the whole.
        within = max(1.0, self.connection.timeout / len(self._addresses))
        error: OSError | None = None
        for tried, address in enumerate(self._addresses):
            begun = time.perf_counter()
            try:
                self._client.reach(address.host, within)
            except OSError as error_here:
                error = error_here
                look.facts[str(address)] = words(error)
                continue
            took = (time.perf_counter() - begun) * 1000
            look.facts[str(address)] = f"connected in {took:.0f} ms"
            if tried:
                look.advice.append(slow_address(self._addresses[0]))
            return f"{address} port {self.connection.port} takes the connection."
        raise error or OSError("no address")

    # --- speaking -----------------------------------------------------------------------------

    def _greeting(self, look: _Look) -> str:
        text = self._client.greet()
        look.facts["greeting"] = text
        look.advice += offers.on_greeting(self.connection, text)
        return "The server greets as a mail server does."

    def _ehlo(self, look: _Look) -> str:
        self._client.hello()
        look.facts |= offers.offered(self._client)
        if self.connection.security != "implicit":
            look.advice += offers.on_plain_hello(self.connection, self._client, self.known)
        if self.connection.security == "implicit" or not self._client.wants_starttls:
            look.advice += self._compared()
        return f"The server knows {'EHLO' if self._client.does_esmtp else 'HELO only'}."

    def _ehlo_again(self, look: _Look) -> str:
        self._client.hello()
        look.facts |= offers.offered(self._client)
        look.advice += self._compared()
        return "What the server offers inside TLS is what counts."

    def _compared(self) -> list[Advice]:
        to = "".join(self._outgoing.rcpt_to) if self._outgoing else ""
        return list(offers.compare(self.profile, self.connection, self._client, self.known, to=to))

    def _tls(self, look: _Look) -> str:
        look.facts["oldest version allowed"] = f"TLS {self.connection.min_tls}"
        look.advice += offers.on_old_tls(self.connection, self.known)
        try:
            self._client.encrypt()
        except ssl.SSLCertVerificationError as error:
            if "certificate" not in self._asked:
                raise
            self._doubt = error
            return "The server speaks TLS; its certificate comes next."
        secured = self._client.sock
        if not isinstance(secured, ssl.SSLSocket):  # pragma: no cover  # encrypt() made it one
            raise ssl.SSLError("no TLS")
        version, cipher = secured.version() or "", (secured.cipher() or ("unknown",))[0]
        look.facts |= {"version": version, "cipher": cipher}
        return f"Encrypted with {version}."

    def _certificate(self, look: _Look) -> str:
        if self._client.tls is not None:
            look.facts |= certificate_facts(self._client.tls)
        if self._doubt is not None:
            raise self._doubt
        if not self.connection.verify:
            return "The certificate was NOT checked."
        return f"The certificate is for {self.connection.host}, and its authority is trusted."

    # --- logging in, and the envelope ---------------------------------------------------------

    def _auth(self, look: _Look) -> str:
        look.facts["user"] = self.profile.username
        said = len(self.transcript)
        try:
            if self._log_in is not None:
                self._log_in(self._client)
        finally:
            spoken = [line.text.split() for line in self.transcript.lines[said:]]
            used = next((w[1] for w in spoken if w[:1] == ["AUTH"] and w[1:]), "none")
            look.facts["mechanism"] = used
        return f"{self.profile.username} is logged in."

    def _mail(self, look: _Look) -> str:
        sent = self._mail_to_be
        self.transcript.stage = "mail"
        self._terms = agree(sent, self._client.esmtp_features)
        code, text = self._client.command(self._terms.commands[0])
        look.facts[sent.mail_from] = reply(code, text)
        if code // 100 != 2:
            raise smtplib.SMTPSenderRefused(code, text, sent.mail_from)
        return f"{sent.mail_from} may send."

    def _rcpt(self, look: _Look) -> str:
        self.transcript.stage = "rcpt"
        refused: dict[str, tuple[int, bytes]] = {}
        to = self._mail_to_be.rcpt_to
        for address, command in zip(to, self._terms.commands[1:], strict=True):
            code, text = self._client.command(command)
            look.facts[address] = reply(code, text)
            if code // 100 != 2:
                refused[address] = (code, text)
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)
        return f"A mail to {', '.join(self._mail_to_be.rcpt_to)} would be taken."

    def _data(self, look: _Look) -> str:
        try:
            code, text = self._client.hand_over(self._terms)
        except AnswerLostError:
            self.unknown = True
            raise
        look.facts |= {"answer": f"{code} {text}", "Message-ID": self._mail_to_be.message_id}
        if code // 100 != 2:
            raise smtplib.SMTPDataError(code, text.encode())
        self.sent = True
        return "The test mail was sent, and the server took it."

    @property
    def _mail_to_be(self) -> Outgoing:
        if self._outgoing is None:
            raise ValueError("there is no mail to ask for")
        return self._outgoing

    def _part(self) -> None:
        """Take back what was asked for, and say goodbye."""
        if self._client.sock is None:
            return
        if "greeting" not in self._asked:
            self._client.close()
            return
        if "mail" in self._asked and not self.sent:
            with contextlib.suppress(OSError):
                self._client.rset()
        self._client.leave()


def _stage_of(name: str) -> str:
    return "auth" if name.startswith("connection.auth") else _FIELDS.get(name, "name")
