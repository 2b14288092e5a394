"""Who the other side of a TLS connection says it is."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

from smtp_lab.deliver.wire import Client

__all__ = ("certificate_facts",)


def certificate_facts(client: Client) -> dict[str, str]:
    """For whom the certificate is, who signed it and how long it holds.

    It is read whether or not it was checked; after a handshake that failed nothing is known of it.
    """
    from cryptography import x509

    sock = client.sock
    der = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
    if not der:
        return {}
    try:
        found = x509.load_der_x509_certificate(der)
        until = found.not_valid_after_utc
        facts = {
            "subject": found.subject.rfc4514_string(),
            "issuer": found.issuer.rfc4514_string(),
            "valid until": f"{until:%Y-%m-%d}, {(until - datetime.now(UTC)).days} days",
        }
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        of_hosts = names.get_values_for_type(x509.DNSName)
        addresses = map(str, names.get_values_for_type(x509.IPAddress))
    except x509.ExtensionNotFound:
        return facts
    except ValueError:
        return {"certificate": "it cannot be read"}
    return {"names": ", ".join([*of_hosts, *addresses])} | facts
