"""Whatever a public function is given that it cannot use: one sentence, and no connection."""

from __future__ import annotations

import socket
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from deliver.servers import Server, polite, profile

import smtp_lab as lab
from smtp_lab import InputError
from smtp_lab.deliver import access_token
from smtp_lab.deliver.outgoing import Outgoing

TO = "bob@example.org"
ODD = [
    5,
    1.5,
    "no",
    b"x",
    object(),
    [5],
    {"a": 1},
    {5},
    ("x", None),
    print,
    True,
    float("nan"),
    -1,
    "",
]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Nobody can be reached; whoever would be asked is not there."""

    def never(*_args, **_more):
        raise ConnectionRefusedError("nobody is there")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(socket.socket, "connect", never)


def message():
    made = EmailMessage()
    made["To"] = TO
    return made


def offline_profile():
    return profile(1, login=False)


CALLS: dict[str, tuple[Callable, dict]] = {
    "send": (lab.send, {"message": message, "profile": offline_profile}),
    "send_test": (lab.send_test, {"profile": offline_profile}),
    "send_many": (lab.send_many, {"messages": lambda: [message()], "profile": offline_profile}),
    "prepare": (lab.prepare, {"message": message, "profile": offline_profile}),
    "doctor": (lab.doctor, {"profile": offline_profile}),
    "check_domain": (lab.check_domain, {"domain": lambda: "example.com"}),
    "provider_for": (lab.provider_for, {"address": lambda: "ann@nowhere.example"}),
    "fetch_recent": (
        lab.fetch_recent,
        {"profile": offline_profile, "archive": lambda: "x.sqlite3"},
    ),
    "log_in": (lab.log_in, {"profile": offline_profile}),
    "access_token": (access_token, {"profile": offline_profile}),
    "diagnose": (lab.diagnose, {"what": lambda: "550 no"}),
    "Dsn": (lab.Dsn, {}),
}
ARGUMENTS = [
    *[("send", name) for name in ("message", "profile", "activity", "to", "book", "dsn")],
    *[("send_test", name) for name in ("profile", "to", "book")],
    *[
        ("send_many", name)
        for name in (
            *("messages", "profile", "connections", "activity", "book", "progress", "retries"),
            *("pause", "dsn", "journal"),
        )
    ],
    *[("prepare", name) for name in ("message", "profile", "to")],
    *[
        ("doctor", name)
        for name in (
            *(
                "profile",
                "until",
                "to",
                "send",
                "others",
                "dns",
                "dkim_selector",
                "book",
                "resolver",
            ),
        )
    ],
    *[("check_domain", name) for name in ("domain", "dkim_selector", "login", "resolver")],
    *[("provider_for", name) for name in ("address", "ask", "resolver", "fetch")],
    *[("fetch_recent", n) for n in ("profile", "archive", "since", "top", "folder", "book")],
    *[("log_in", name) for name in ("profile", "book", "redirect_uri")],
    *[("access_token", name) for name in ("profile", "refresh", "transcript")],
    *[("diagnose", name) for name in ("what", "provider", "port", "on")],
    *[("Dsn", name) for name in ("notify", "ret", "envid")],
]


@pytest.mark.parametrize(("function", "argument"), ARGUMENTS)
def test_an_odd_value_is_refused_in_a_sentence(function, argument, tmp_path, monkeypatch):
    """Every argument of every function takes any value: it is used, or one sentence names it."""
    monkeypatch.chdir(tmp_path)
    call, usual = CALLS[function]
    usual = {name: make() for name, make in usual.items()}
    for value in ODD:
        hold(function, call, usual | {argument: value}, argument, value)


def hold(function, call, given, argument, value):
    """See that *call* refuses what it was *given*, or can use it."""
    if function == "doctor" and argument in ("dkim_selector", "resolver"):
        given["dns"] = True
    if function == "send_many":
        given = {"retries": 0, "pause": 0} | given
    refusal = "."
    try:
        call(**given)
    except InputError as error:
        refusal = str(error)
    except lab.DeliveryError:  # a value that can be used leads to the server
        assert may_be_used(function, argument, value), value
    else:
        assert may_be_used(function, argument, value), value
    assert refusal.endswith((".", "?"))
    assert "\n" not in refusal


def may_be_used(function, argument, value):
    """Whether *value* is one the argument knows."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124
    return (
        (argument in ("send", "others", "dns", "refresh") and value is True)
        or (argument in ("connections", "retries", "top", "port") and value == 5 and number)
        or (argument == "pause" and number and value >= 0)
        or (argument in ("progress", "fetch") and value is print)
        or (
            argument in ("folder", "activity", "provider", "login", "redirect_uri")
            and isinstance(value, str)
        )
        or (
            argument in ("archive", "journal", "envid", "what", "dkim_selector")
            and isinstance(value, str | bytes | dict)
        )
        or (function, argument, value) in [("provider_for", "ask", ""), ("send", "activity", "")]
        or (argument == "messages" and isinstance(value, dict | set | tuple | list) and not value)
        or (argument == "notify" and value == "")
        or (argument == "domain" and value == "no")
    )


class TestWhatWasSeen:
    def test_no_is_not_yes(self):
        """doctor(send="no") sends nothing."""
        with pytest.raises(InputError, match=r"^send: is a str; give True or False\.$"):
            lab.doctor(offline_profile(), send="no")

    def test_a_resolver_that_is_none(self):
        """doctor(resolver=5) is refused before anything is asked."""
        with pytest.raises(InputError, match=r"^resolver: is a int; give a dns"):
            lab.doctor(offline_profile(), dns=True, resolver=5)

    @pytest.mark.parametrize("timeout", ["5", -1, float("nan"), True])
    def test_waiting_for_a_batch(self, timeout):
        """How long to wait is a number of seconds."""
        batch = lab.Batch([], offline_profile())
        for wait in (batch.wait, batch.joined):
            with pytest.raises(InputError, match=r"^timeout: "):
                wait(timeout)
        with pytest.raises(InputError, match=r"^unknown: "):
            batch.resume(unknown="no")

    def test_a_prepared_message_is_no_message_for_send(self):
        """What prepare() made is for send_many."""
        made = Outgoing("a@example.com", (TO,), b"hi\r\n", "<1@example.com>")
        with pytest.raises(InputError, match=r"^message: is a Outgoing"):
            lab.send(made, profile=offline_profile())

    def test_logging_out(self):
        """A profile is one, or its name."""
        with pytest.raises(InputError, match=r"^profile: is a int"):
            lab.log_out(5)
        with pytest.raises(InputError, match=r"^book: is a int"):
            lab.log_out("ann", book=5)


def test_the_guard_lets_good_values_through(monkeypatch):
    """The same calls with values that can be used reach a server."""
    monkeypatch.undo()
    with Server(polite()) as server:
        account = profile(server, security="none", login=False)
        assert lab.doctor(account, send=True, others=False).sent
        assert lab.send(message(), profile=account, activity=None).ok
