"""The extensions a sink offers beyond aiosmtpd's: their parameters, and BDAT."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from aiosmtpd.smtp import MISSING, SMTP, syntax

from smtp_lab.sink.body import Chunks, Dotted
from smtp_lab.sink.commands import Commands, Refused, syntax_of
from smtp_lab.sink.glance import ADDRESS

__all__ = ("Esmtp",)

# All other addresses go to aiosmtpd's parser, which is slow.
_PLAIN = re.compile(rf"\s*{ADDRESS}(?:[ \t]+([^<>]*))?\Z")
# C0 and C1 controls, and the characters that turn the direction of text around.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# esmtp-value of RFC 5321 section 4.1.2, and beyond ASCII as RFC 6531 section 3.3 allows.
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20=\x7f]+))?\Z")
# xtext of RFC 3461 section 4.
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*\Z")
_PIECE = re.compile(r"([0-9]{1,18})(?: +(LAST))?\Z", re.IGNORECASE | re.ASCII)
_NOTIFY = re.compile(
    r"(?:NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*)\Z", re.IGNORECASE
)


_KEYWORDS = frozenset({"SIZE", "BODY", "BINARYMIME", "SMTPUTF8", "AUTH", "RET", "ENVID"})
_KEYWORDS |= {"NOTIFY", "ORCPT"}


class Esmtp(Commands):
    """`Commands` with the parameters of MAIL and RCPT checked, DSN (RFC 3461) and BDAT (RFC 3030).

    Attributes:
        most_recipients: Of one message.
        keywords: The parameters that are known (BINARYMIME is one of BODY's values).
    """

    most_recipients = 1_000
    keywords = _KEYWORDS

    def _set_out(self) -> None:
        super()._set_out()
        self._chunks: Chunks | None = None
        self._last_chunk = False

    def _set_post_data_state(self) -> None:
        super()._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's
        self._chunks = None

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        if plain := _PLAIN.match(arg or ""):
            return plain[1], plain[2] or ""
        # An address nobody can see whole is refused with 553, like one nobody can read.
        if not _UNSEEN.search(arg or ""):
            with suppress(IndexError, AttributeError):  # where the standard library's parser trips
                return super()._getaddr(arg)
        return None, None

    @syntax_of(SMTP.smtp_MAIL)
    async def smtp_MAIL(self, arg: str | None) -> None:
        """Begin a message."""
        try:
            self.check_mail()
            address, given = self._address("FROM:", "MAIL FROM", arg)
            options = self.mail_options(given)
        except Refused as refused:
            await self.push(refused.reply)
            return
        status = await self._call_handler_hook("MAIL", address, options)
        await self.push(self.begin_mail(address, options) if status is MISSING else status)

    def check_mail(self) -> None:
        """Refuse MAIL while it is not the time for it.

        Raises:
            Refused: It is not.
        """
        self.check_order()
        assert self.envelope is not None  # noqa: S101  # there since the greeting
        if self.envelope.mail_from:
            raise Refused("503 Error: nested MAIL command")

    def mail_options(self, given: str) -> list[str]:
        """The parameters of MAIL in *given*, keywords in capitals.

        Raises:
            Refused: One of them cannot be.
        """
        return self._parameters(given, self._check_mail, "MAIL FROM") if given else []

    def begin_mail(self, address: str, options: list[str]) -> str:
        """Put the sender into the envelope; give the reply."""
        assert self.envelope is not None  # noqa: S101  # there since the greeting
        self.envelope.mail_from = address
        if options:
            self.envelope.mail_options.extend(options)
            self.envelope.smtp_utf8 = "SMTPUTF8" in options
        return "250 OK"

    @syntax_of(SMTP.smtp_RCPT)
    async def smtp_RCPT(self, arg: str | None) -> None:
        """Add a recipient."""
        try:
            self.check_rcpt()
            address, given = self._address("TO:", "RCPT TO", arg)
            options = self.rcpt_options(given)
        except Refused as refused:
            await self.push(refused.reply)
            return
        status = await self._call_handler_hook("RCPT", address, options)
        await self.push(self.add_recipient(address, options) if status is MISSING else status)

    def check_rcpt(self) -> None:
        """Refuse RCPT while it is not the time for it.

        Raises:
            Refused: It is not, or there are enough of them.
        """
        self.check_order()
        assert self.envelope is not None  # noqa: S101  # there since the greeting
        if not self.envelope.mail_from:
            raise Refused("503 Error: need MAIL command")
        if len(self.envelope.rcpt_tos) >= self.most_recipients:
            raise Refused("452 4.5.3 Error: too many recipients")

    def rcpt_options(self, given: str) -> list[str]:
        """The parameters of RCPT in *given*, keywords in capitals.

        Raises:
            Refused: One of them cannot be.
        """
        return self._parameters(given, _check_rcpt, "RCPT TO") if given else []

    def add_recipient(self, address: str, options: list[str]) -> str:
        """Put *address* into the envelope; give the reply."""
        assert self.envelope is not None  # noqa: S101  # there since the greeting
        self.envelope.rcpt_tos.append(address)
        self.envelope.rcpt_options.extend(options)
        return "250 OK"

    @syntax("BDAT <octets> [LAST]")
    async def smtp_BDAT(self, arg: str | None) -> None:
        """Take a piece of a message (RFC 3030 section 2)."""
        piece = _PIECE.match(arg or "")
        if piece is None:
            # How much would follow nobody knows: whatever it is must not be read as commands.
            await self.push("501 5.5.4 Syntax: BDAT <octets> [LAST]")
            self.close()
            return
        if self._chunks is None:
            self._chunks = Chunks(self.data_size_limit or 1 << 62)
        self._last_chunk = bool(piece[2])
        self._chunks.expect(int(piece[1]))
        if self.envelope is None or not self.envelope.rcpt_tos:
            self._chunks.drop()  # it will be refused, but not before all of it was read
        self._body = self._chunks

    async def received(self, body: Dotted | Chunks) -> None:
        """A whole message, or a piece of one by BDAT, is there."""
        if not isinstance(body, Chunks):
            await super().received(body)
            return
        assert self.envelope is not None  # noqa: S101  # there since the greeting
        # What was announced has been read, so that none of it is taken for a command.
        try:
            self.check_order()
        except Refused as refused:
            self._chunks = None
            await self.push(refused.reply)
            return
        if not self.envelope.rcpt_tos:
            self._chunks = None
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if self._last_chunk or body.dropped:
            self._chunks = None
            await super().received(body)
        else:
            await self.push("250 2.0.0 Ok: go on")

    def begin_data(self, arg: str | None) -> str:
        """Wait for a message that ends with a dot, where BDAT is not the only way."""
        if self._chunks is not None:
            raise Refused("503 5.5.1 Error: BDAT has begun this message")
        if self.envelope is not None and "BODY=BINARYMIME" in self.envelope.mail_options:
            raise Refused("503 5.5.1 Error: BINARYMIME needs BDAT")  # RFC 3030 section 3
        return super().begin_data(arg)

    # --- parameters ---------------------------------------------------------------------------

    def _address(self, keyword: str, command: str, arg: str | None) -> tuple[str, str]:
        """The address after *keyword*, and what follows it."""
        rest = self._strip_command_keyword(keyword, arg) if arg else None
        if rest is None:
            raise Refused(self._syntax(command))
        address, given = self._getaddr(rest)
        if address is None:
            raise Refused("553 5.1.3 Error: malformed address")
        assert self.session is not None  # noqa: S101  # there since the greeting
        if not address or (given and not self.session.extended_smtp):
            raise Refused(self._syntax(command))
        return address, given or ""

    def _syntax(self, command: str) -> str:
        assert self.session is not None  # noqa: S101  # there since the greeting
        more = " [SP <mail-parameters>]" if self.session.extended_smtp else ""
        return f"501 Syntax: {command}: <address>{more}"

    def _parameters(self, given: str, check: Any, command: str) -> list[str]:
        """The parameters in *given*, keywords in capitals."""
        found: dict[str, str] = {}
        for text in given.split():
            parameter = _PARAMETER.match(text)
            if parameter is None or parameter[1].upper() in found:
                raise Refused(self._syntax(command))
            keyword, value = parameter[1].upper(), parameter[2] or ""
            if keyword == "BODY":
                value = value.upper()
            if reply := check(keyword, value, self.keywords):
                raise Refused(reply)
            found[keyword] = f"{keyword}={value}" if value else keyword
        return list(found.values())

    def _check_mail(self, keyword: str, value: str, known: frozenset[str]) -> str:
        if keyword == "SIZE" and keyword in known:
            most = self.data_size_limit
            if not re.fullmatch(r"[0-9]{1,20}", value, re.ASCII):
                return self._syntax("MAIL FROM")
            if most and int(value) > most:
                return "552 Error: message size exceeds fixed maximum message size"
            return ""
        if keyword == "SMTPUTF8" and not self.enable_SMTPUTF8:
            return "501 Error: SMTPUTF8 disabled"
        return _check_mail(keyword, value, known)


def _check_mail(keyword: str, value: str, known: frozenset[str]) -> str:
    if keyword not in known or keyword in ("NOTIFY", "ORCPT", "BINARYMIME"):
        return "555 MAIL FROM parameters not recognized or not implemented"
    wrong = ""
    match keyword:
        case "BODY" if value not in ("7BIT", "8BITMIME", *known.intersection({"BINARYMIME"})):
            more = ", BINARYMIME" if "BINARYMIME" in known else ""
            wrong = f"501 Error: BODY can only be one of 7BIT, 8BITMIME{more}"
        case "SMTPUTF8" if value:
            wrong = "501 Error: SMTPUTF8 takes no arguments"
        case "RET" if value.upper() not in ("FULL", "HDRS"):
            wrong = "501 5.5.4 Error: RET is FULL or HDRS"
        case "ENVID" if not value or len(value) > 100 or not _XTEXT.match(value):
            wrong = "501 5.5.4 Error: ENVID is at most 100 characters of xtext"
        case "AUTH" if not value:
            wrong = "501 5.5.4 Error: AUTH names nobody"
    return wrong


def _check_rcpt(keyword: str, value: str, known: frozenset[str]) -> str:
    match keyword:
        case _ if keyword not in known or keyword not in ("NOTIFY", "ORCPT"):
            return "555 RCPT TO parameters not recognized or not implemented"
        case "NOTIFY" if not _NOTIFY.match(value):
            return "501 5.5.4 Error: NOTIFY is NEVER, or of SUCCESS, FAILURE and DELAY"
        case "ORCPT" if not re.match(r"[A-Za-z0-9-]+;.", value) or len(value) > 500:
            return "501 5.5.4 Error: ORCPT is a type, a semicolon and an address"
    return ""
