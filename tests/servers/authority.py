"""The certificate authority of one test run, and the certificates of its servers."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import trustme

LOOPBACK_NAMES = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of one server certificate."""

    chain: Path
    key: Path


class Authority:
    """A self-made CA, whose certificate lies in `bundle` for the settings to trust."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[tuple[str, ...], Certificate] = {}

    @cached_property
    def ca(self) -> trustme.CA:
        return trustme.CA(organization_name="UCS tests")

    @cached_property
    def bundle(self) -> Path:
        """PEM file for settings.CA_BUNDLE."""
        path = self.folder / "authority.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return path

    def certificate(self, *names: str) -> Certificate:
        """Files of the certificate for `names`, or for loopback: made once, servers read them again."""
        names = names or LOOPBACK_NAMES
        if names not in self._made:
            self._made[names] = self._issue(names)
        return self._made[names]

    def _issue(self, names: tuple[str, ...]) -> Certificate:
        issued = self.ca.issue_cert(*names)
        stem = self.folder / names[0].replace(".", "-")
        certificate = Certificate(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        certificate.chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(certificate.key))
        return certificate
