"""Files with certificates, good and bad, as a mail server wants them: key first, then chain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from deliver.servers import authority, self_signed

HOST = "127.0.0.1"


def make_all(folder: Path) -> dict[str, Path]:
    """Write good, expired, wrong_host, unknown_ca and self_signed; give their paths."""
    past = datetime.now(UTC) - timedelta(days=2)
    issued = {
        "good": authority().issue_cert(HOST, "localhost"),
        "expired": authority().issue_cert(
            HOST, not_before=past - timedelta(days=2), not_after=past
        ),
        "wrong_host": authority().issue_cert("other.example.org"),
        "unknown_ca": trustme.CA().issue_cert(HOST),
    }
    made = {}
    for name, cert in issued.items():
        made[name] = folder / f"{name}.pem"
        cert.private_key_and_cert_chain_pem.write_to_path(str(made[name]))
    made["self_signed"] = self_signed(folder)
    return made
