"""A certificate authority of this world alone. It is kept, so that one trust is enough for all starts."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import certifi
import trustme

from rehearsal.people import NAMES


@dataclass(frozen=True)
class Certificates:
    """Makes server contexts and the file of authorities that a client of this world trusts."""

    authority: trustme.CA
    bundle: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "Certificates":
        """The authority of the folder, made at the first call. Its key is readable by the owner only.

        :raises ValueError: the files in the folder are not a certificate and its key.
        """
        certificate, key = folder / "ca.pem", folder / "ca.key"
        if certificate.exists() and key.exists():
            authority = trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
        else:
            authority = trustme.CA(organization_name="Rehearsal world")
            with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(authority.private_key_pem.bytes())
            certificate.write_bytes(authority.cert_pem.bytes())
        bundle = folder / "ca-bundle.pem"
        bundle.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + authority.cert_pem.bytes())
        return cls(authority, bundle)

    def server_context(self, *names: str) -> ssl.SSLContext:
        """A context with a fresh certificate for the names, by default for all of this world."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(*(names or NAMES)).configure_cert(context)
        return context
