"""Reading a mailbox back through Microsoft Graph: each message once, in the tables of a sink."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from deliver.graph_twin import FIRST, SECOND, GraphTwin, error, profile, trust
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab import FetchError, InputError
from smtp_lab.deliver.graph import reading

BOB = "bob@example.com"


@pytest.fixture
def twin(monkeypatch):
    with GraphTwin() as running:
        running.tokens = trust(monkeypatch, running)
        yield running


@pytest.fixture
def fetch(twin, tmp_path, monkeypatch):
    """Fetch bob's mail into one archive, with tokens at hand each time."""

    def run(**more):
        twin.tokens = trust(monkeypatch, twin)
        given = {"archive": tmp_path / "bob.sqlite3", **more}
        return lab.fetch_recent(profile(user=BOB), **given)

    return run


def a_mail(number, **headers):
    message = EmailMessage()
    message["From"] = "Ann Example <ann@example.com>"
    message["To"] = BOB
    message["Subject"] = f"Grüße {number}"
    message["Message-ID"] = f"<{number}@example.com>"
    for name, value in headers.items():
        message[name] = value
    message.set_content(f"text {number}\n")
    return message.as_bytes().replace(b"\n", b"\r\n")


class TestWhatArrived:
    def test_what_was_sent_is_found_in_the_mailbox(self, twin, fetch):
        """A mail goes out through Graph and is read back from where it arrived."""
        message = EmailMessage()
        message["To"] = BOB
        message["Subject"] = "Did it arrive? ✓"
        message.set_content("hello\n")
        message.add_attachment(b"a,b\r\n", maintype="text", subtype="csv", filename="t.csv")
        delivery = lab.send(message, profile=profile())
        fetched = fetch()
        inbox = lab.Inbox(fetched.archive)
        row = inbox.to_frame().iloc[-1]
        assert row["message_id"] == delivery.message_id
        assert (row["subject"], row["attachments"]) == ("Did it arrive? ✓", ["t.csv"])
        assert inbox[-1].text == "hello\n"
        assert str(fetched) == f"1 new and 0 known messages of {BOB}."

    def test_the_columns_are_honest(self, twin, fetch):
        """There was no SMTP session: the row says it was fetched, from where, and for whom."""
        twin.put(BOB, b"Return-Path: <bounces@example.org>\r\n" + a_mail(1))
        twin.put(BOB, a_mail(2))
        inbox = lab.Inbox(fetch().archive)
        frame = inbox.to_frame()
        assert frame["door"].tolist() == ["graph", "graph"]
        assert frame["peer"].tolist() == [twin.host] * 2
        assert frame["rcpt_to"].tolist() == [[BOB], [BOB]]
        # Nobody says what the envelope was, but for a Return-Path.
        assert frame["mail_from"].tolist() == ["bounces@example.org", ""]
        assert frame["tls_version"].tolist() == ["TLSv1.3"] * 2
        assert frame[["login", "ehlo"]].to_numpy().tolist() == [["", ""]] * 2
        first = datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC)
        assert frame["received_at"].tolist() == [first, first + timedelta(seconds=1)]
        (session,) = inbox.sessions().to_dict("records")
        assert (session["door"], session["peer"]) == ("graph", twin.host)
        assert session["ended_at"] >= session["started_at"]

    def test_the_bytes_are_those_of_the_mailbox(self, twin, fetch):
        """What $value gave is what is stored, whatever it is."""
        odd = b"Subject: \xff\xfe\r\n\r\n\x00\r\n.\r\nno end"
        twin.put(BOB, odd)
        twin.put(BOB, b"")
        inbox = lab.Inbox(fetch().archive)
        assert [message.raw for message in inbox] == [odd, b""]
        assert len(inbox.to_frame()) == 2

    def test_nothing_is_stored_twice(self, twin, fetch):
        """A second look fetches only what is new, also after a message was moved."""
        for number in range(3):
            twin.put(BOB, a_mail(number))
        assert len(fetch().new) == 3
        twin.mailboxes[BOB][0].folder = "archive"
        twin.put(BOB, a_mail(7))
        asked = len(twin.requests)
        again = fetch(folder=None)
        assert (len(again.new), again.known) == (1, 3)
        assert len(twin.requests) - asked == 2
        assert lab.Inbox(again.archive).to_frame()["subject"].tolist() == [
            "Grüße 0",
            "Grüße 1",
            "Grüße 2",
            "Grüße 7",
        ]

    def test_two_mailboxes_share_an_archive(self, twin, tmp_path, monkeypatch):
        """The same mail in two mailboxes is two rows, each found in its own."""
        twin.put(BOB, a_mail(1))
        twin.put("ann@example.com", a_mail(1))
        for user in (BOB, "ann@example.com", BOB):
            trust(monkeypatch, twin)
            fetched = lab.fetch_recent(profile(user=user), archive=tmp_path / "both.sqlite3")
        assert lab.Inbox(fetched.archive).to_frame()["rcpt_to"].tolist() == [
            [BOB],
            ["ann@example.com"],
        ]

    def test_fetched_and_captured_mail_share_an_archive(self, twin, fetch, sink):
        """A sink's archive may hold both; each row says where it is from."""
        lab.send_test(sink.profile(), to=BOB)
        twin.put(BOB, a_mail(1))
        fetch(archive=sink.archive)
        assert sink.inbox.to_frame()["door"].tolist() == ["starttls", "graph"]
        assert len(sink.sessions) == 2

    def test_the_mailbox_is_not_changed(self, twin, fetch):
        """Reading asks and does nothing else."""
        twin.put(BOB, a_mail(1))
        fetch()
        assert {r.method for r in twin.requests} == {"GET"}
        assert {r.headers["prefer"] for r in twin.requests} == {'IdType="ImmutableId"'}


class TestWhatIsAskedFor:
    def test_the_newest_come_page_by_page(self, twin, fetch, monkeypatch):
        """The next pages are followed until there are as many as were asked for."""
        monkeypatch.setattr(reading, "_PAGE", 3)
        for number in range(10):
            twin.put(BOB, a_mail(number))
        fetched = fetch(top=7)
        subjects = lab.Inbox(fetched.archive).to_frame()["subject"].tolist()
        assert subjects == [f"Grüße {n}" for n in range(3, 10)]  # the oldest of them first
        assert len(twin.asked("messages")) == 3

    def test_only_what_came_since(self, twin, fetch):
        """A moment with any time zone limits what is listed."""
        for number in range(4):
            twin.put(BOB, a_mail(number))
        since = (twin.clock - timedelta(seconds=1)).astimezone(None)
        assert len(fetch(since=since).new) == 2
        assert "$filter=receivedDateTime%20ge%202026-01-31T12%3A00%3A03Z" in twin.requests[0].path

    def test_a_folder_or_the_whole_mailbox(self, twin, fetch):
        """The inbox by default; drafts count nowhere."""
        twin.put(BOB, a_mail(1))
        twin.put(BOB, a_mail(2), folder="junkemail")
        twin.put(BOB, a_mail(3), folder="drafts", draft=True)
        assert len(fetch().new) == 1
        assert len(fetch(folder="junkemail").new) == 1
        assert (len((found := fetch(folder=None)).new), found.known) == (0, 2)

    def test_a_message_that_vanished_meanwhile_is_left_out(self, twin, fetch):
        """Between the list and the message somebody may delete it."""
        for number in range(2):
            twin.put(BOB, a_mail(number))
        twin.fault("GET", "$value", *error(404, "ErrorItemNotFound"))
        assert len(fetch().new) == 1

    @pytest.mark.parametrize("top", [0, -1, 1001, 2.5, True, "7", None])
    def test_how_many_is_a_number_within_reason(self, top, fetch, twin):
        """Another number is refused in a sentence, and nothing was asked."""
        with pytest.raises(InputError, match=r"^top: .* is not between 1 and 1,000"):
            fetch(top=top)
        assert twin.requests == []

    def test_a_moment_needs_a_time_zone(self, fetch):
        """Without one nobody knows when it is."""
        with pytest.raises(InputError, match=r"^since: has no time zone"):
            fetch(since=datetime(2026, 1, 1))  # noqa: DTZ001

    def test_an_smtp_account_cannot_read(self, sink, tmp_path):
        """SMTP sends; the sentence says where captured mail is."""
        with pytest.raises(InputError, match=r"smtp can send but not read; .* sink\.inbox"):
            lab.fetch_recent(sink.profile(), archive=tmp_path / "x.sqlite3")
        assert not (tmp_path / "x.sqlite3").exists()


class TestRefused:
    @pytest.mark.parametrize(
        "link",
        [
            "https://evil.example.com/v1.0/me/messages?$skip=3",
            "http://{host}/v1.0/me/messages",
            "https://{host}.evil.example.com/x",
            "https://{host}@evil.example.com/x",
            "//evil.example.com/x",
            "/v1.0/me/messages?$skip=3",
        ],
    )
    def test_the_token_goes_to_no_other_host(self, twin, fetch, link):
        """A next page elsewhere is not asked for, nor one without encryption."""
        twin.put(BOB, a_mail(1))
        page = {"value": [], "@odata.nextLink": link.format(host=twin.host)}
        twin.fault("GET", "messages", 200, {}, json.dumps(page).encode())
        with pytest.raises(FetchError, match="goes on at another host") as failed:
            fetch()
        assert failed.value.diagnosis.id == "graph_foreign_page"
        assert len(twin.requests) == 1

    def test_pages_without_an_end_come_to_one(self, twin, fetch, monkeypatch):
        """A list that leads back to itself is left after a while."""
        monkeypatch.setattr(reading, "_PAGES", 5)
        for _ in range(50):
            page = {"value": [], "@odata.nextLink": f"https://{twin.host}/v1.0/me/messages"}
            twin.fault("GET", "messages", 200, {}, json.dumps(page).encode())
        assert fetch().new == ()
        assert len(twin.requests) == 5

    def test_what_was_fetched_before_a_failure_is_kept(self, twin, fetch, tmp_path):
        """The session with its dialogue is kept as well, and the next look goes on."""
        for number in range(3):
            twin.put(BOB, a_mail(number))
        names = [item.id for item in twin.mailboxes[BOB]]
        denied = error(403, "ErrorAccessDenied", "Access is denied.")
        end = f"{names[2].replace('/', '%2F').replace('+', '%2B').replace('=', '%3D')}/$value"
        twin.fault("GET", end, *denied)
        with pytest.raises(FetchError) as failed:
            fetch()
        assert failed.value.diagnosis.id == "graph_access_denied"
        assert str(failed.value).startswith(f"The mailbox {BOB} could not be read. ")
        assert "ErrorAccessDenied" in str(failed.value.transcript)
        inbox = lab.Inbox.open(tmp_path / "bob.sqlite3")
        assert len(inbox) == 2
        (session,) = inbox.sessions().to_dict("records")
        assert session["last_reply"] == "ErrorAccessDenied: Access is denied."
        assert session["lines"] == len(failed.value.transcript)
        assert len(fetch().new) == 1

    def test_the_dialogue_of_a_message_ends_with_it(self, twin, fetch):
        """Each message shows the dialogue up to where it had come."""
        for number in range(2):
            twin.put(BOB, a_mail(number))
        fetched = fetch()
        first, second = lab.Inbox(fetched.archive)
        assert str(first.transcript) == "\n".join(
            str(fetched.transcript).splitlines()[: len(first.transcript)]
        )
        assert len(first.transcript) < len(second.transcript) == len(fetched.transcript)
        assert second.transcript[-2].text == "200 OK"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"null",
            b'{"value": 7}',
            b'{"value": [7, null, {}, {"id": 7}, {"id": "x"}, {"id": "", "receivedDateTime": "x"}]}',
            b'{"value": [{"id": "x", "receivedDateTime": "yesterday"}]}',
        ],
    )
    def test_a_list_that_is_none_is_empty(self, twin, fetch, body):
        """An answer of another shape lists nothing."""
        twin.fault("GET", "messages", 200, {}, body)
        assert fetch().new == ()

    @given(st.text(max_size=40), st.text(max_size=40))
    def test_any_item_of_a_list_is_read_or_left_out(self, name, moment):
        """Whatever the texts are, no error comes of them."""
        found = reading._item({"id": name, "receivedDateTime": moment})
        assert found is None or found.received_at.utcoffset() == timedelta(0)

    @pytest.mark.parametrize(
        "moment", ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00.1234567+01:00"]
    )
    def test_moments_with_too_many_digits(self, moment):
        """Graph gives seven digits at times, and any offset."""
        found = reading._item({"id": "x", "receivedDateTime": moment})
        assert found.received_at.replace(microsecond=0) == datetime(2026, 1, 31, 12, tzinfo=UTC)

    def test_throttling_is_obeyed(self, twin, fetch, monkeypatch):
        """A list or a message that has to wait is waited for."""
        waits = []
        monkeypatch.setattr("smtp_lab.deliver.graph.client.sleep", waits.append)
        twin.put(BOB, a_mail(1))
        twin.fault("GET", "messages", 429, {"Retry-After": "2"})
        twin.fault("GET", "$value", 503)
        assert len(fetch().new) == 1
        assert waits == [2.0, 1.0]

    def test_a_stale_token_is_renewed(self, twin, fetch):
        """As with sending, once."""
        twin.put(BOB, a_mail(1))
        twin.accepted = {SECOND}
        assert len(fetch().new) == 1
        twin.accepted = set()
        with pytest.raises(FetchError) as failed:
            fetch()
        assert failed.value.diagnosis.id == "graph_token_expired"

    def test_no_token_is_in_logs_errors_or_the_archive(self, twin, fetch, caplog, tmp_path):
        """At the loudest level, in the frames of the error and in the file."""
        caplog.set_level(logging.DEBUG)
        twin.put(BOB, a_mail(1))
        fetch()
        twin.fault("GET", "messages", 400, {}, f"not with {FIRST}".encode())
        with pytest.raises(FetchError) as failed:
            fetch()
        told = traceback.TracebackException.from_exception(failed.value, capture_locals=True)
        files = b"".join(path.read_bytes() for path in tmp_path.glob("bob.sqlite3*"))
        text = "".join([caplog.text, *told.format(), str(failed.value.transcript)])
        assert "FetchError" in text
        assert FIRST not in text
        assert FIRST.encode() not in files
