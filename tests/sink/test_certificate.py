"""The lab's own authority and the certificate it gives the sink: made once, kept private, verified."""

from __future__ import annotations

import contextlib
import ssl
import stat
import subprocess
import sys

import pytest

from smtp_lab import SinkError
from smtp_lab.sink.tls import LabAuthority


def shown(context, authority):
    """The serial number of the certificate that a client sees which trusts *authority*."""
    client = ssl.create_default_context(cafile=str(authority.ca_file))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        context.wrap_bio(to_server, to_client, server_side=True),
    )
    for side in sides * 3:
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return sides[0].getpeercert()["serialNumber"]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "ca"


def test_the_certificate_stays_the_same_from_one_start_to_the_next(folder):
    """It is issued once and verified with the authority's own certificate."""
    first = LabAuthority(folder)
    again = LabAuthority(folder)
    seen = {shown(a.server_context("127.0.0.1"), a) for a in (first, first, again)}
    assert len(seen) == 1


def test_its_key_is_private(folder):
    """Nobody else on the machine can read what the sink identifies itself with."""
    LabAuthority(folder)
    kept = [file for file in folder.iterdir() if b"PRIVATE KEY" in file.read_bytes()]
    assert len(kept) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", [b"", b"no certificate", None])
def test_a_damaged_one_is_issued_anew(folder, damage):
    """A file that was cut off or taken away does not keep the sink from starting."""
    LabAuthority(folder)
    (issued,) = folder.glob("localhost-*.pem")
    issued.unlink() if damage is None else issued.write_bytes(damage)
    authority = LabAuthority(folder)
    assert shown(authority.server_context("127.0.0.1"), authority)
    assert b"PRIVATE KEY" in issued.read_bytes()


def test_another_authority_has_another_certificate(folder):
    """Once the authority was made anew, nothing the old one issued is shown any more."""
    old = LabAuthority(folder)
    before = shown(old.server_context("127.0.0.1"), old)
    (folder / "lab-ca-with-key.pem").unlink()
    new = LabAuthority(folder)
    assert shown(new.server_context("127.0.0.1"), new) != before
    assert len(list(folder.glob("localhost-*.pem"))) == 1


def test_a_damaged_authority_is_one_sentence(folder):
    """It says which file to delete."""
    LabAuthority(folder)
    (folder / "lab-ca-with-key.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nx")
    with pytest.raises(SinkError, match=r"lab-ca-with-key\.pem is damaged; delete the file"):
        LabAuthority(folder)


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(folder):
    """The certificate is issued for this once, where the authority is there already."""
    LabAuthority(folder)
    (issued,) = folder.glob("localhost-*.pem")
    issued.unlink()
    issued.mkdir()
    (issued / "in the way").touch()
    authority = LabAuthority(folder)
    assert shown(authority.server_context("127.0.0.1"), authority)


def test_a_second_start_needs_no_cryptography(folder):
    """What issues certificates takes ten megabytes and is left where it is."""
    LabAuthority(folder)
    code = (
        "import sys; from pathlib import Path; from smtp_lab.sink.tls import LabAuthority; "
        "LabAuthority(Path(sys.argv[1])).server_context('127.0.0.1'); "
        "print('cryptography' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "False"
