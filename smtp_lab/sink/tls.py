"""The lab's own certificate authority: real verification in every lesson, and nothing to buy."""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from smtp_lab.config.paths import private_dir, write_private
from smtp_lab.errors import SinkError
from smtp_lab.sink.exposure import more_names

if TYPE_CHECKING:
    import trustme

__all__ = ("LabAuthority",)

NAMES = ("localhost", "127.0.0.1", "::1")
"""What the sink's certificate is valid for."""


class LabAuthority:
    """One certificate authority for each user, made once and kept where only the user can read.

    It stays the same from one kernel to the next, so a saved profile that names `ca_file` keeps
    working.

    Args:
        folder: Where it is kept; made when it is not there.

    Attributes:
        folder: Where it is kept.
        ca_file: The certificate to trust, in PEM.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca_file = folder / "lab-ca.pem"
        self._store = folder / "lab-ca-with-key.pem"
        try:
            if not self._store.exists():
                import trustme

                made = trustme.CA(organization_name="smtp_lab", organization_unit_name="lab CA")
                _create(self._store, made.private_key_pem.bytes() + made.cert_pem.bytes())
            pem = self._store.read_bytes()
            cut = pem.index(b"-----BEGIN CERTIFICATE-----")
            self._key, self._certificate = pem[:cut], pem[cut:]
            # Known by both: a certificate that was issued by another one is of no use.
            self._issued = folder / f"localhost-{hashlib.sha256(pem).hexdigest()[:16]}.pem"
            if not self._issued.exists():
                self._issue(NAMES)  # also shows whether the authority is whole
            if not self.ca_file.exists() or self.ca_file.read_bytes() != self._certificate:
                write_private(self.ca_file, self._certificate)
        except OSError as error:
            raise SinkError(
                f"The lab CA in {folder} cannot be read or made ({error.strerror}); "
                "choose another folder with SMTP_LAB_DATA."
            ) from None
        except ValueError:
            raise SinkError(
                f"The lab CA in {self._store} is damaged; delete the file and a new one is made."
            ) from None

    def server_context(self, host: str) -> ssl.SSLContext:
        """A TLS context for the sink, TLS 1.2 at least.

        Its certificate is issued once and kept beside the authority's key, since issuing one takes
        more time and memory than all else a start does; a fresh one is issued for an address beyond
        this machine.

        Args:
            host: Where the sink listens. The certificate is valid for `NAMES` and that address;
                beyond this machine, for its name too.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        names = (*NAMES, *more_names(host))
        if names == NAMES:
            with contextlib.suppress(OSError):  # not there, not readable, or damaged
                context.load_cert_chain(self._issued)
                return context
        self._issue(names).configure_cert(context)
        return context

    def _issue(self, names: tuple[str, ...]) -> trustme.LeafCert:
        import trustme

        authority = trustme.CA.from_pem(self._certificate, self._key)
        issued = authority.issue_cert(*names, common_name="localhost")
        if names == NAMES:
            with contextlib.suppress(OSError):  # it can be issued again
                for old in self.folder.glob("localhost-*.pem"):
                    old.unlink(missing_ok=True)
                write_private(self._issued, issued.private_key_and_cert_chain_pem.bytes())
        return issued


def _create(path: Path, data: bytes) -> None:
    """Write *path* unless another process was first; whole or not at all, 0600."""
    private_dir(path.parent)
    mine = path.with_name(f".{path.name}.{os.getpid()}")
    write_private(mine, data)
    try:
        # A link fails where the name is taken: of two sinks starting at once, one CA survives.
        with contextlib.suppress(FileExistsError):
            try:
                os.link(mine, path)
            except FileExistsError:
                raise
            except (NotImplementedError, OSError):
                # Some file systems know no links.
                with path.open("xb") as file:
                    path.chmod(0o600)
                    file.write(data)
    finally:
        mine.unlink()
