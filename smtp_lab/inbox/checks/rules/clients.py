"""What mail clients do not show, by the data of caniemail.com."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.options import Options, client_data
from smtp_lab.inbox.checks.rule import Hit, rule

_SOURCE = "https://www.caniemail.com"


@rule(
    "client-breaks", "warning", "A client lacks what the mail is built on", _SOURCE, about="client"
)
def client_breaks(mail: Mail) -> Iterator[Hit]:
    """Without it content is missing or in the wrong place."""
    yield from _lacking(mail, "not", breaks=True)


@rule(
    "client-plainer", "note", "A client leaves out something of the looks", _SOURCE, about="client"
)
def client_plainer(mail: Mail) -> Iterator[Hit]:
    """The mail looks plainer there, and can be read."""
    yield from _lacking(mail, "not", breaks=False)


@rule("client-partly", "note", "A client knows a feature in part", _SOURCE, about="client")
def client_partly(mail: Mail) -> Iterator[Hit]:
    """Whether it matters depends on how it is used; the reason tells."""
    yield from _lacking(mail, "partly", breaks=None)


def _lacking(mail: Mail, how: str, *, breaks: bool | None) -> Iterator[Hit]:
    if not mail.message.html.strip():
        return
    told: set[str] = set()
    known = _features(mail.options, how)
    for mark, where in mail.marks.items():
        for slug, feature, clients in known.get(mark, ()):
            if slug in told or (breaks is not None and feature["breaks"] != breaks):
                continue
            told.add(slug)
            yield _hit(where, slug, feature, clients, how)


def _hit(where: str, slug: str, feature: dict[str, Any], clients: list[str], how: str) -> Hit:
    programs = ", ".join(_families(clients))
    notes = list(dict.fromkeys(n for c in clients for n in feature[how][c].split()))
    said = " ".join(feature["notes"][n] for n in notes if n in feature["notes"])
    element = feature["title"]
    known = (
        f"{element} is not known to {programs}"
        if how == "not"
        else f"{element} is known in part to {programs}"
    )
    why = f"{known}. {said.rstrip('.')}" if said else known
    return Hit(where, why, f"see {_SOURCE}/features/{slug}/")


def _families(clients: list[str]) -> Iterator[str]:
    """The names of *clients*: a family that is there with all its programs is named alone."""
    names: dict[str, str] = client_data()["clients"]
    for family in dict.fromkeys(client.partition(".")[0] for client in clients):
        all_of_it = [client for client in names if client.partition(".")[0] == family]
        mine = [client for client in clients if client in all_of_it]
        name = names[mine[0]].partition(" (")[0]
        platforms = ", ".join(names[client].partition(" (")[2].rstrip(")") for client in mine)
        yield name if len(mine) == len(all_of_it) else f"{name} ({platforms})"


def _features(options: Options, how: str) -> dict[str, list[tuple[str, dict[str, Any], list[str]]]]:
    """What the clients of *options* lack, by the mark that tells of it."""
    if how not in options.known:
        found: dict[str, list[tuple[str, dict[str, Any], list[str]]]] = {}
        for slug, feature in client_data()["features"].items():
            clients = [client for client in options.clients if client in feature[how]]
            for mark in feature["marks"] if clients else ():
                found.setdefault(mark, []).append((slug, feature, clients))
        options.known[how] = found
    known: dict[str, list[tuple[str, dict[str, Any], list[str]]]] = options.known[how]
    return known
