"""How other programs are told to send to a sink, as text to copy."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from smtp_lab.config import BasicAuth, SmtpConnection
from smtp_lab.config.paths import expanded
from smtp_lab.errors import InputError
from smtp_lab.sink.sink import Sink

__all__ = ("CLIENTS", "settings_for")

CLIENTS = {
    "swaks": "swaks",
    "env": ".env",
    "django": "Django",
    "spring": "Spring Boot",
    "smtplib": "Python",
}
"""What is known, each by its own name."""

_ASKED = "THE-PASSWORD"  # stands where a password goes that was given: it is nowhere in the text
# What OpenSSL and all that is built on it look at (SSL_CTX_load_verify_locations(3)), and Node.js.
_TRUST = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
_PEM = "spring.ssl.bundle.pem.lab.truststore.certificate"


@dataclass(frozen=True)
class _Way:
    """What a client needs to know; *user* is empty where there is no login."""

    host: str
    port: int
    security: str
    ca_file: str
    user: str
    password: str


def settings_for(sink: Sink, client: str) -> str:
    """What *client* must be told to send to *sink*, which runs.

    A password that was given to the sink is not in it: there stands ``THE-PASSWORD``.

    Args:
        sink: The sink.
        client: ``swaks`` (a command line), ``env`` (variables as for many containers), ``django``
            (lines of ``settings.py``; docs.djangoproject.com, Settings, Email), ``spring``
            (``application.properties`` of Spring Boot 3.4 or newer; docs.spring.io, SSL and Common
            Application Properties, Mail) or ``smtplib`` (a Python program).

    Raises:
        InputError: There is no such client.
        SinkError: The sink does not run.
    """
    if client not in _TEXTS:
        raise InputError.of(
            "client", f"{client!r} is not known", f"give one of {', '.join(_TEXTS)}"
        )
    connection = sink.profile().connection
    assert isinstance(connection, SmtpConnection)  # noqa: S101  # a sink's profile has no other
    return _TEXTS[client](_way(sink, connection)) + "\n"


def _way(sink: Sink, connection: SmtpConnection) -> _Way:
    user = password = ""
    if isinstance(connection.auth, BasicAuth):
        user = connection.auth.username
        password = "any" if sink.settings.users is None else _ASKED
    ca_file = str(expanded(connection.ca_file)) if connection.ca_file else ""
    security = connection.security
    return _Way(connection.host, connection.port, security, ca_file, user, password)


def _swaks(way: _Way) -> str:
    words = ["swaks", "--server", way.host, "--port", str(way.port)]
    if way.security != "none":
        words += ["--tls" if way.security == "starttls" else "--tls-on-connect"]
        words += ["--tls-verify", "--tls-ca-path", way.ca_file]
    if way.user:
        words += ["--auth", "PLAIN", "--auth-user", way.user, "--auth-password", way.password]
    return shlex.join([*words, "--from", "ann@example.com", "--to", "you@example.com"])


def _env(way: _Way) -> str:
    lines = [f"SMTP_HOST={way.host}", f"SMTP_PORT={way.port}", f"SMTP_SECURITY={way.security}"]
    if way.user:
        lines += [f"SMTP_USERNAME={way.user}", f"SMTP_PASSWORD={way.password}"]
    lines += [f"{name}={way.ca_file}" for name in _TRUST if way.ca_file]
    return "\n".join(lines)


def _django(way: _Way) -> str:
    lines = [f"EMAIL_HOST = {way.host!r}", f"EMAIL_PORT = {way.port}"]
    if way.user:
        lines += [f"EMAIL_HOST_USER = {way.user!r}", f"EMAIL_HOST_PASSWORD = {way.password!r}"]
    if way.security != "none":
        lines.append(f"EMAIL_USE_{'TLS' if way.security == 'starttls' else 'SSL'} = True")
        # Django has no setting for it: it uses the default context of Python's ssl module.
        lines.append(f"# start it with SSL_CERT_FILE={shlex.quote(way.ca_file)}")
    return "\n".join(lines)


def _spring(way: _Way) -> str:
    lines = [f"spring.mail.host={way.host}", f"spring.mail.port={way.port}"]
    if way.user:
        lines += [f"spring.mail.username={way.user}", f"spring.mail.password={way.password}"]
        lines.append("spring.mail.properties.mail.smtp.auth=true")
    if way.security != "none":
        lines += [f"{_PEM}=file:{way.ca_file}", "spring.mail.ssl.bundle=lab"]
    if way.security == "starttls":
        # A bundle alone would mean TLS from the first byte.
        lines.append("spring.mail.ssl.enabled=false")
        start = "spring.mail.properties.mail.smtp.starttls"
        lines += [f"{start}.enable=true", f"{start}.required=true"]
    return "\n".join(lines)


def _smtplib(way: _Way) -> str:
    lines = ["import smtplib", "import ssl", ""]
    kind, context = "SMTP", ""
    if way.security != "none":
        lines.append(f"context = ssl.create_default_context(cafile={way.ca_file!r})")
    if way.security == "implicit":
        kind, context = "SMTP_SSL", ", context=context"
    lines.append(f"with smtplib.{kind}({way.host!r}, {way.port}{context}) as smtp:")
    if way.security == "starttls":
        lines.append("    smtp.starttls(context=context)")
    if way.user:
        lines.append(f"    smtp.login({way.user!r}, {way.password!r})")
    mail = "Subject: Hello\\n\\nFrom Python.\\n"
    lines.append(f'    smtp.sendmail("ann@example.com", ["you@example.com"], "{mail}")')
    return "\n".join(lines if way.security != "none" else [*lines[:1], *lines[2:]])


_TEXTS = {
    "swaks": _swaks,
    "env": _env,
    "django": _django,
    "spring": _spring,
    "smtplib": _smtplib,
}
