"""The commands that send, or find out whether that works: demo, send-test and doctor."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

import smtp_lab
from smtp_lab.cli.base import as_json, main, told

__all__ = ("demo", "doctor", "send_test")


@main.command()
@as_json
@told
def demo(*, as_json: bool) -> None:
    """Send three real messages to a throw-away sink and check what arrived."""
    from smtp_lab.demo import run

    result = run(say=(lambda _: None) if as_json else click.echo)
    if as_json:
        deliveries = [delivery.to_dict() for delivery in result.deliveries]
        click.echo(
            json.dumps({"differences": result.differences, "deliveries": deliveries}, indent=2)
        )
    for difference in result.differences:
        click.echo(f"DIFFERENT {difference}", err=True)
    if result.differences:
        sys.exit(1)
    if not as_json:
        click.echo("Three messages were sent and arrived as they were sent.")


@main.command("send-test")
@click.argument("profile")
@click.option("--to", default=None, help="Who gets it; default: the profile's own address.")
@as_json
@told
def send_test(profile: str, to: str | None, *, as_json: bool) -> None:
    """Send a test mail through PROFILE of the profile book; exit code 1 when it was refused."""
    delivery = smtp_lab.send_test(profile, to=to)
    click.echo(json.dumps(delivery.to_dict(), indent=2) if as_json else str(delivery))
    sys.exit(0 if delivery.ok else 1)


@main.command()
@click.argument("profile")
@click.option(
    "--until",
    default="rcpt",
    show_default=True,
    help="The last stage: name, address, tcp, greeting, ehlo, tls, certificate, ehlo-again, auth,"
    " mail or rcpt.",
)
@click.option("--to", default=None, help="Who would get a mail; default: the profile's address.")
@click.option("--others", is_flag=True, help="Try other mail ports of the same host, too.")
@click.option("--dns", is_flag=True, help="Look at the DNS records of the sender's domain, too.")
@click.option("--dkim-selector", default=None, help="With --dns: which DKIM key, as in s=.")
@as_json
@told
def doctor(profile: str, *, as_json: bool, **asked: Any) -> None:
    """Go through what a mail of PROFILE needs, stage by stage; exit code 1 when one failed.

    Nothing is sent.
    """
    checkup = smtp_lab.doctor(profile, **asked)
    click.echo(json.dumps(checkup.to_dict(), indent=2) if as_json else str(checkup))
    sys.exit(0 if checkup.ok else 1)
