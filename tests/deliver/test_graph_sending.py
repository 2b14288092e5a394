"""Sending through Microsoft Graph: a twin of it on this machine, over real HTTPS."""

from __future__ import annotations

import json
import logging
import traceback
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime

import pytest
from deliver.graph_twin import AUTHTOKEN, FIRST, SECOND, GraphTwin, error, profile, trust
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab import DeliveryError, InputError, Policy
from smtp_lab.deliver.graph import client, sending
from smtp_lab.deliver.http import Answer
from smtp_lab.deliver.outgoing import prepare

TO = "bob@example.com"


@pytest.fixture
def twin(monkeypatch):
    with GraphTwin() as running:
        running.tokens = trust(monkeypatch, running)
        yield running


@pytest.fixture
def waits(monkeypatch):
    """The waits that were asked for, none of which is waited."""
    asked: list[float] = []
    monkeypatch.setattr(client, "sleep", asked.append)
    return asked


def a_message(body="hi\n", **headers):
    message = EmailMessage()
    for name, value in ({"To": TO, "Subject": "Grüße"} | headers).items():
        if value is not None:
            message[name] = value
    message.set_content(body)
    return message


def failing(message=None, account=None):
    with pytest.raises(DeliveryError) as failed:
        lab.send(message or a_message(), profile=account or profile())
    return failed.value.delivery


def with_file(size, *, name="big.bin", content=None):
    message = a_message()
    content = content if content is not None else b"z" * size
    message.add_attachment(content, maintype="application", subtype="x-lab", filename=name)
    return message


class TestTaken:
    def test_202_is_success_and_the_bytes_are_those_that_were_prepared(self, twin):
        """One request, base64 of the MIME, and a Delivery that says so."""
        delivery = lab.send(a_message(), profile=profile())
        (request,) = twin.requests
        assert (request.method, request.path) == ("POST", "/v1.0/users/ann@example.com/sendMail")
        assert request.headers["content-type"] == "text/plain"
        assert request.headers["authorization"] == f"Bearer {FIRST}"
        assert b64decode(request.body) == delivery.raw == twin.sent[0][1].raw
        assert delivery.ok
        assert [(r.address, r.accepted, r.code) for r in delivery.recipients] == [(TO, True, 202)]
        assert (delivery.stage, delivery.reply) == ("graph", "202 Accepted")
        assert delivery.endpoint == twin.host
        assert delivery.mail_from == "ann@example.com"
        assert delivery.sentence.startswith(f"Accepted by {twin.host} for {TO} in ")
        assert message_from_bytes(delivery.raw, policy=default)["Subject"] == "Grüße"

    def test_the_dialogue_is_written_down_and_explained(self, twin):
        """Requests, answers and notes, with a sentence for each line that needs one."""
        transcript = lab.send(a_message(), profile=profile()).transcript
        said = [(line.direction, line.text, line.tls) for line in transcript]
        assert ("C", "POST /v1.0/users/ann@example.com/sendMail", True) in said
        assert ("S", "202 Accepted", True) in said
        assert ("*", "request-id request-1", True) in said
        assert ("*", f"connecting to {twin.host}", False) in said
        assert any(text.startswith("TLSv1.3 with ") for _, text, _ in said)
        assert {line.stage for line in transcript} == {"connect", "oauth", "graph"}
        meanings = transcript.to_frame().set_index("text")["meaning"]
        assert "whole message" in meanings["POST /v1.0/users/ann@example.com/sendMail"]
        assert "Graph has taken the message" in meanings["202 Accepted"]

    def test_a_user_who_logged_in_is_me(self, twin):
        """With the user's password the mailbox is the user's own."""
        account = profile(password="open sesame")
        assert lab.send(a_message(), profile=account).ok
        assert twin.asked() == ["POST /v1.0/me/sendMail"]

    def test_the_mailbox_is_quoted_in_the_path(self, twin):
        """A mailbox with odd letters is one step of the path."""
        twin.mailboxes["a/b?c#d%@example.com"] = []
        connection = profile().connection.replace(user="a/b?c#d%@example.com")
        account = profile().replace(sender="a/b?c#d%@example.com", connection=connection)
        assert lab.send(a_message(), profile=account).ok
        assert twin.asked() == ["POST /v1.0/users/a%2Fb%3Fc%23d%25@example.com/sendMail"]

    def test_hidden_recipients_get_it_unseen(self, twin):
        """Bcc reaches Graph, which delivers without it."""
        delivery = lab.send(a_message(Bcc="ann@example.com"), profile=profile())
        assert [r.address for r in delivery.recipients] == [TO, "ann@example.com"]
        assert b"Bcc: ann@example.com" in delivery.raw
        arrived = [i for i in twin.mailboxes["ann@example.com"] if i.folder == "inbox"]
        assert len(arrived) == 1
        assert b"Bcc" not in arrived[0].raw

    def test_whom_the_headers_name_but_not_to_is_refused_before_connecting(self, twin):
        """What Graph cannot express is said in a sentence, and nothing was asked."""
        with pytest.raises(InputError, match=r"would get the mail too: ann@example\.com"):
            lab.send(a_message(Cc="ann@example.com"), profile=profile(), to=TO)
        assert twin.requests == []
        assert twin.tokens.asked == []

    def test_a_redirected_mail_reaches_nobody_else(self, twin):
        """With redirect_all_to only that address is in the headers Graph sends by."""
        book = lab.ProfileBook.open()
        book.policy = Policy(redirect_all_to="ann@example.com")
        message = a_message(Cc="eve@example.net", Bcc="max@example.net")
        delivery = lab.send(message, profile=profile(), book=book)
        assert [r.address for r in delivery.recipients] == ["ann@example.com"]
        assert twin.mailboxes[TO] == []
        got = message_from_bytes(twin.sent[0][1].raw, policy=default)
        assert (got["To"], got["Cc"], got["Bcc"]) == ("ann@example.com", None, None)

    def test_a_test_mail_says_which_way_it_took(self, twin):
        """send_test works, describes Graph, and notes the health of a saved profile."""
        book = lab.ProfileBook.open()
        book.save(profile())
        delivery = lab.send_test("ann", to=TO, book=book)
        assert delivery.ok
        body = message_from_bytes(delivery.raw, policy=default).get_body(("plain",)).get_content()
        assert f"{twin.host}, port 443" in body
        assert "ann@example.com (Bearer)" in body
        assert book.health("ann").ok is True
        twin.may_send = False
        assert not lab.send_test("ann", to=TO, book=book).ok
        assert book.health("ann").diagnosis == "graph_access_denied"

    def test_data_of_a_delivery(self, twin):
        """to_dict is JSON and carries the advice."""
        data = json.loads(json.dumps(lab.send(a_message(), profile=profile()).to_dict()))
        assert (data["ok"], data["advice"], data["unknown"]) == (True, [], False)


class TestRefused:
    @pytest.mark.parametrize(
        ("arrange", "status", "known"),
        [
            (lambda t: setattr(t, "may_send", False), 403, "graph_access_denied"),
            (lambda t: t.mailboxes.pop("ann@example.com"), 404, "graph_user_not_found"),
            (lambda t: t.without_mailbox.add("ann@example.com"), 404, "graph_no_mailbox"),
            (lambda t: t.fault("POST", "sendMail", 413), 413, "graph_too_big"),
            (lambda t: t.fault("POST", "sendMail", 200), 200, "graph_not_accepted"),
            (lambda t: t.fault("POST", "sendMail", 302, {"Location": "/x"}), 302, "graph_redirect"),
            (lambda t: t.fault("POST", "sendMail", 500, {}, b"<html>"), 500, "graph_unavailable"),
            (
                lambda t: t.fault(
                    "POST", "sendMail", *error(400, "ErrorMimeContentInvalidBase64String")
                ),
                400,
                "graph_bad_mime",
            ),
            (
                lambda t: t.fault("POST", "sendMail", *error(403, "x", inner="ErrorSendAsDenied")),
                403,
                "graph_send_as_denied",
            ),
            (
                lambda t: t.fault("POST", "sendMail", *error(507, "ErrorQuotaExceeded")),
                507,
                "graph_quota",
            ),
        ],
    )
    def test_each_refusal_is_diagnosed(self, twin, arrange, status, known):
        """Only 202 is success; whatever else is said has its explanation."""
        arrange(twin)
        delivery = failing()
        assert delivery.diagnosis.id == known
        assert [(r.accepted, r.code) for r in delivery.recipients] == [(False, status)]
        assert delivery.reply.startswith(str(status))
        assert delivery.sentence.startswith(f"Not sent to {TO}: ")
        assert twin.sent == []

    def test_sending_as_somebody_else(self, twin):
        """The sender differs from the mailbox and may not be used."""
        delivery = failing(account=profile().replace(sender="eve@example.org"))
        assert delivery.diagnosis.id == "graph_send_as_denied"
        assert delivery.recipients[0].text.startswith("ErrorSendAsDenied: The user account")
        assert any(line.text.startswith("ErrorSendAsDenied") for line in delivery.transcript)

    def test_a_stale_token_is_renewed_once(self, twin):
        """A 401 asks for a fresh token, and the mail goes out with that."""
        twin.accepted = {SECOND}
        delivery = lab.send(a_message(), profile=profile())
        assert delivery.ok
        assert twin.tokens.asked == [False, True]
        assert len(twin.sent) == 1
        notes = [line.text for line in delivery.transcript if line.stage == "oauth"]
        assert notes == [
            "getting an access token",
            "got a token",
            "getting another access token",
            "got a token",
        ]

    def test_a_second_refusal_of_the_token_is_final(self, twin):
        """Two tokens are refused: that is the answer."""
        twin.accepted = set()
        delivery = failing()
        assert delivery.diagnosis.id == "graph_token_expired"
        assert twin.tokens.asked == [False, True]
        assert len(twin.requests) == 2

    def test_where_no_token_is_to_be_had_the_delivery_says_why(self, twin, monkeypatch):
        """An error with a diagnosis is an answer at the stage oauth; nothing was asked of Graph."""

        class NoToken(lab.SmtpLabError):
            diagnosis = lab.diagnose("invalid_grant", on="oauth")

        def refusing(_fresh, _transcript):
            raise NoToken("No token.")

        monkeypatch.setattr("smtp_lab.deliver.tokens.graph_tokens", lambda *_: refusing)
        delivery = failing()
        assert (delivery.stage, delivery.diagnosis.id) == ("oauth", "oauth_invalid_grant")
        assert twin.requests == []

    def test_an_input_error_of_the_token_passes(self, twin, monkeypatch):
        """What the user has to mend is an InputError here as elsewhere."""

        def refusing(_fresh, _transcript):
            raise InputError.of("connection.client_secret", "is not known", "type it")

        monkeypatch.setattr("smtp_lab.deliver.tokens.graph_tokens", lambda *_: refusing)
        with pytest.raises(InputError, match=r"connection\.client_secret"):
            lab.send(a_message(), profile=profile())

    def test_a_certificate_nobody_vouches_for(self, twin, monkeypatch):
        """The diagnosis is that of TLS, and no token was said."""
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        delivery = failing()
        assert delivery.diagnosis.stage == "tls"
        assert not delivery.unknown
        assert twin.requests == []
        assert not [line for line in delivery.transcript if line.direction == "C"]


class TestThrottling:
    @pytest.mark.parametrize("status", [429, 503, 504])
    def test_retry_after_in_seconds(self, twin, waits, status):
        """The seconds asked for are waited, fractions as well, and then it goes out once."""
        twin.fault("POST", "sendMail", status, {"Retry-After": "2.128"})
        twin.fault("POST", "sendMail", status, {"Retry-After": "7"})
        assert lab.send(a_message(), profile=profile()).ok
        assert waits == [2.128, 7.0]
        assert len(twin.sent) == 1

    def test_retry_after_as_a_moment(self, twin, waits):
        """A date is counted from the server's own clock."""
        now = datetime.now(UTC) + timedelta(days=400)  # its clock is wrong, and so what

        def answer(handler):
            handler.send_response_only(429)
            handler.send_header("Date", format_datetime(now, usegmt=True))
            later = format_datetime(now + timedelta(seconds=11), usegmt=True)
            handler.send_header("Retry-After", later)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        twin.fault("POST", "sendMail", answer)
        assert lab.send(a_message(), profile=profile()).ok
        assert waits == [11.0]

    def test_too_many_requests_without_a_time(self, twin, waits):
        """429 without Retry-After is tried again after longer and longer waits, a few times."""
        for _ in range(10):
            twin.fault("POST", "sendMail", *error(429, "TooManyRequests"))
        delivery = failing()
        assert waits == [1.0, 2.0, 4.0, 8.0]
        assert delivery.diagnosis.id == "graph_throttled"
        assert delivery.diagnosis.temporary
        assert len(twin.requests) == client.TRIES

    @pytest.mark.parametrize(("status", "unknown"), [(503, False), (504, True), (502, True)])
    def test_a_gateway_that_does_not_say_to_repeat_is_not_asked_again(
        self, twin, waits, status, unknown
    ):
        """Nobody says that the mail did not leave: sending it again could send it twice."""
        twin.fault("POST", "sendMail", status)
        delivery = failing()
        assert delivery.unknown is unknown
        assert waits == []
        assert len(twin.requests) == 1

    def test_a_wait_beyond_the_deadline_is_not_begun(self, twin, waits):
        """The whole may take ten times the wait for an answer; the answer is given as it is."""
        twin.fault(
            "POST", "sendMail", *error(429, "ApplicationThrottled")[:1], {"Retry-After": "3600"}
        )
        delivery = failing()
        assert waits == []
        assert delivery.diagnosis.id == "graph_throttled"
        assert "not waiting 3600 s: 50 s are left" in str(delivery.transcript)

    def test_the_deadline_holds_over_all_tries(self, twin, monkeypatch):
        """When the time is over, nothing more is asked."""
        clock = [0.0]
        real = client.time.monotonic
        monkeypatch.setattr(client.time, "monotonic", lambda: real() + clock[0])

        def late(seconds):
            clock[0] += seconds + 100

        monkeypatch.setattr(client, "sleep", late)
        twin.fault("POST", "sendMail", 429, {"Retry-After": "1"})
        delivery = failing()
        assert len(twin.requests) == 1
        assert delivery.diagnosis.id == "connect_timeout"
        assert not delivery.unknown

    @given(st.text(max_size=40) | st.from_regex(r"[0-9.eE+\-_ naif]{0,12}"), st.integers(1, 5))
    def test_no_header_of_a_server_breaks_the_wait(self, given_text, tried):
        """Whatever Retry-After says, there is a wait that is no less than nothing."""
        headers = {"retry-after": given_text, "date": given_text[::-1]}
        wait = client._wait(Answer(429, "", headers, b""), tried, sends=True)
        assert wait is not None
        assert 0 <= wait < float("inf")


class TestLost:
    def hang_up(self, handler):
        handler.close_connection = True
        handler.connection.close()

    def test_an_answer_that_is_lost_is_unknown_and_not_repeated(self, twin, waits):
        """After the body was handed over nobody knows; it is said, and not tried again."""
        twin.fault("POST", "sendMail", self.hang_up)
        delivery = failing()
        assert delivery.unknown
        assert delivery.diagnosis.id == "graph_answer_lost"
        assert delivery.sentence.startswith(f"Whether it went to {TO} is unknown: ")
        assert len(twin.requests) == 1
        assert delivery.to_dict()["unknown"] is True

    def test_a_server_that_falls_silent(self, twin, waits):
        """A time-out after the request is unknown as well."""
        twin.fault("POST", "sendMail", lambda handler: handler.rfile.read(1))
        delivery = failing(account=profile(timeout=0.5))
        assert delivery.unknown
        assert "AnswerLost: TimeoutError" in delivery.diagnosis.raw

    def test_a_server_that_is_not_there(self, twin, monkeypatch):
        """Where nothing was said, nothing was sent, and that is certain."""
        monkeypatch.setitem(lab.config.connection.CLOUDS, "global", "localhost:1")
        delivery = failing()
        assert not delivery.unknown
        assert delivery.diagnosis.id == "conn_refused"
        assert delivery.sentence.startswith("Not sent to ")


class TestSize:
    def test_up_to_three_million_octets_go_in_one_request(self, twin):
        """The limit itself is still one request, which base64 makes four million octets."""

        def filled(spare):
            body = ("x" * 70 + "\n") * 41_000 + ("y" * 70 + "\n") * (spare // 72)
            same = {"Message-ID": "<1@example.com>", "Date": format_datetime(datetime.now(UTC))}
            return a_message(body=body + "z" * (spare % 72) + "\n", **same)

        spare = sending.ONE_REQUEST - len(prepare(filled(0), profile()).raw)
        delivery = lab.send(filled(spare), profile=profile())
        assert len(delivery.raw) == sending.ONE_REQUEST
        assert twin.requests[-1].path.endswith("/sendMail")
        assert len(twin.requests[-1].body) == 4_000_000
        (advice,) = delivery.advice
        assert (advice.id, advice.severity) == ("size", "note")

    def test_one_octet_more_is_a_draft(self, twin):
        """Beyond the limit the attachment travels by itself; that is said before connecting."""
        message = with_file(2_190_000)
        exact = with_file(2_190_000)
        delivery = lab.send(exact, profile=profile())
        assert len(delivery.raw) <= sending.ONE_REQUEST
        message.add_attachment(b"y" * 30_000, maintype="image", subtype="png", filename="y.png")
        delivery = lab.send(message, profile=profile())
        assert len(delivery.raw) > sending.ONE_REQUEST
        (advice,) = delivery.advice
        assert advice.severity == "warning"
        assert "Mail.ReadWrite" in advice.text
        assert delivery.transcript[0].text == advice.text
        # Below 3 MB an attachment goes in one request of its own.
        assert [p.rpartition("/")[2] for p in twin.asked()[1:]] == [
            "messages",
            "attachments",
            "send",
        ]
        item = twin.sent[-1][1]
        assert [(a["name"], len(a["content"])) for a in item.attachments] == [
            ("big.bin", 2_190_000)
        ]

    @pytest.mark.parametrize("size", [5_000_000, 20_000_000])
    def test_a_large_attachment_is_uploaded_piece_by_piece(self, twin, size):
        """In order, each piece a multiple of 320 KiB but the last, without a token."""
        content = bytes(range(256)) * (size // 256) + b"end"
        message = with_file(0, name="größe.bin", content=content)
        message.get_payload()[1].replace_header("Content-Type", "application/x-lab")
        delivery = lab.send(message, profile=profile())
        assert delivery.ok
        item = twin.sent[-1][1]
        (got,) = item.attachments
        assert got["content"] == content
        assert (got["name"], got["contentType"], got["isInline"]) == (
            "größe.bin",
            "application/x-lab",
            False,
        )
        puts = [r for r in twin.requests if r.method == "PUT"]
        assert len(puts) == -(-len(content) // sending.CHUNK)
        assert {len(r.body) % (320 * 1024) for r in puts[:-1]} == {0}
        assert not any("authorization" in r.headers for r in puts)
        draft = message_from_bytes(item.raw, policy=default)
        assert draft["Subject"] == "Grüße"
        assert [p.get_filename() for p in draft.iter_attachments()] == []
        assert f"PUT {twin.host} bytes 0-3276799/{len(content)}" in str(delivery.transcript)

    def test_an_inline_picture_keeps_its_id(self, twin):
        """What the HTML calls by cid: is uploaded as inline, under that id."""
        message = a_message()
        message.add_alternative('<img src="cid:chart@x">', subtype="html")
        message.get_payload()[1].add_related(b"\x89" * 3_500_000, "image", "png", cid="<chart@x>")
        assert lab.send(message, profile=profile()).ok
        (got,) = twin.sent[-1][1].attachments
        assert (got["contentId"], got["isInline"], got["contentType"]) == (
            "chart@x",
            True,
            "image/png",
        )

    def test_the_piece_that_is_expected_next_is_sent(self, twin):
        """A server that lost a piece gets it again."""
        body = json.dumps({"nextExpectedRanges": ["0-"]}).encode()
        twin.fault("PUT", "", 200, {}, body)
        delivery = lab.send(with_file(4_000_000), profile=profile())
        assert delivery.ok
        first = [
            r.headers["content-range"].partition("-")[0] for r in twin.requests if r.method == "PUT"
        ]
        assert first == ["bytes 0", "bytes 0", "bytes 3276800"]

    def test_an_upload_that_never_gets_on_ends(self, twin):
        """A server that always wants the same piece is left, and the draft taken away."""
        body = json.dumps({"nextExpectedRanges": ["0-"]}).encode()
        for _ in range(20):
            twin.fault("PUT", "", 200, {}, body)
        delivery = failing(with_file(4_000_000))
        assert delivery.diagnosis.id == "graph_draft_failed"
        assert twin.asked()[-1].startswith("DELETE ")
        assert twin.mailboxes["ann@example.com"] == []

    def test_a_throttled_piece_is_sent_again(self, twin, waits):
        """Throttling is obeyed in the middle of an upload."""
        twin.fault("PUT", "", 429, {"Retry-After": "3"})
        assert lab.send(with_file(4_000_000), profile=profile()).ok
        assert waits == [3.0]

    @pytest.mark.parametrize(
        ("method", "end", "known"),
        [
            ("POST", "messages", "graph_access_denied"),
            ("POST", "createUploadSession", "graph_access_denied"),
            ("PUT", "", "graph_access_denied"),
            ("POST", "send", "graph_access_denied"),
        ],
    )
    def test_a_step_that_fails_takes_the_draft_away(self, twin, method, end, known):
        """Whichever step is refused, the mail did not leave and no draft is left behind."""
        twin.fault(method, end, *error(403, "ErrorAccessDenied"))
        delivery = failing(with_file(4_000_000))
        assert delivery.diagnosis.id == known
        assert not delivery.unknown
        assert twin.sent == []
        assert twin.mailboxes["ann@example.com"] == []

    def test_a_draft_whose_sending_is_unknown_is_left_alone(self, twin):
        """What may be on its way is not deleted."""
        twin.fault("POST", "send", TestLost().hang_up)
        delivery = failing(with_file(4_000_000))
        assert delivery.unknown
        assert not any(r.method == "DELETE" for r in twin.requests)

    @pytest.mark.parametrize(
        "answer",
        [b"{}", b"[]", b"not json", b'{"uploadUrl": "http://localhost/x"}', b'{"uploadUrl": 7}'],
    )
    def test_an_upload_goes_nowhere_but_to_https(self, twin, answer):
        """An answer that names no https address ends it."""
        twin.fault("POST", "createUploadSession", 201, {}, answer)
        assert failing(with_file(4_000_000)).diagnosis.id == "graph_draft_failed"

    def test_beyond_what_a_mailbox_takes_it_is_a_warning(self):
        """Above 35 MB it depends on the administrator, above 150 MB it is refused."""
        assert "unless its administrator" in sending.size_advice(40_000_000).text
        assert sending.size_advice(1_000) is None
        with pytest.raises(InputError, match=r"takes at most 150,000,000; send a link"):
            sending.size_advice(150_000_001)

    def test_too_large_is_refused_before_connecting(self, twin, monkeypatch):
        """No token is fetched and nothing is asked for what cannot be sent."""
        monkeypatch.setattr(sending, "MOST", 1_000_000)
        with pytest.raises(InputError, match="send a link"):
            lab.send(with_file(1_000_000), profile=profile())
        assert twin.requests == []
        assert twin.tokens.asked == []

    def test_a_text_that_is_too_long_is_refused_before_connecting(self, twin):
        """Only attachments can travel by themselves."""
        with pytest.raises(InputError, match="cannot travel as attachments"):
            lab.send(
                a_message(body="words " * 10 + "\n" * 1 + ("x" * 60 + "\n") * 60_000),
                profile=profile(),
            )
        assert twin.requests == []


class TestSilence:
    def everything(self, delivery, caplog, capsys):
        return "".join(
            [
                str(delivery),
                repr(delivery),
                delivery._repr_html_(),
                json.dumps(delivery.to_dict()),
                delivery.transcript.to_frame().to_json(),
                caplog.text,
                *capsys.readouterr(),
            ]
        )

    @pytest.mark.parametrize("outcome", ["taken", "refused", "echoed", "lost", "uploaded"])
    def test_no_token_is_anywhere(self, twin, caplog, capsys, outcome):
        """Whatever happens, at the loudest log level, no token and no upload address shows."""
        caplog.set_level(logging.DEBUG)
        message = with_file(4_000_000) if outcome == "uploaded" else a_message()
        if outcome == "refused":
            twin.accepted = set()
        if outcome == "echoed":
            body = f"You said Bearer {FIRST}, or {FIRST[::-1]}.".encode()
            twin.fault("POST", "sendMail", 400, {"X": FIRST, "request-id": FIRST}, body)
        if outcome == "lost":
            twin.fault("POST", "sendMail", TestLost().hang_up)
        if outcome in ("taken", "uploaded"):
            delivery = lab.send(message, profile=profile())
        else:
            delivery = failing(message)
        text = self.everything(delivery, caplog, capsys)
        assert "urllib3" in text
        for secret in (FIRST, SECOND, AUTHTOKEN, "open sesame"):
            assert secret not in text

    def test_no_traceback_shows_it(self, twin):
        """With the local variables of every frame, down to the library's."""
        twin.fault("POST", "sendMail", TestLost().hang_up)
        with pytest.raises(DeliveryError) as failed:
            lab.send(a_message(), profile=profile())
        told = traceback.TracebackException.from_exception(failed.value, capture_locals=True)
        text = "".join(told.format())
        assert "DeliveryError" in text
        assert FIRST not in text


def test_one_profile_s_message_goes_out_by_every_door(sink, twin):
    """The same EmailMessage leaves by SMTP and by Graph, with the same headers and parts."""
    message = with_file(100)
    message.set_boundary("lab")
    message["Message-ID"] = "<same@example.com>"
    message["Date"] = "Sat, 31 Jan 2026 12:00:00 +0000"
    by_smtp = lab.send(message, profile=sink.profile("ann", sender="Ann Example <ann@example.com>"))
    by_graph = lab.send(message, profile=profile())
    assert message_from_bytes(by_graph.raw, policy=default)["To"] == TO
    assert (by_smtp.raw == by_graph.raw) is True
    assert (sink.inbox[-1].raw == twin.sent[-1][1].raw) is True


def test_tokens_are_asked_for_once_in_a_delivery(twin):
    """However many requests a mail takes, one token does."""
    assert lab.send(with_file(4_000_000), profile=profile()).ok
    assert twin.tokens.asked == [False]
