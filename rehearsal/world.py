"""The whole world: starts every server, tells where it is, stops it again."""

import asyncio
import fcntl
import os
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rehearsal import ports
from rehearsal.certificates import Certificates
from rehearsal.customers import past
from rehearsal.customers.crowd import Crowd, Habits
from rehearsal.mail import forwarding
from rehearsal.mail.forwarding import Forwarder
from rehearsal.mail.imap import ImapHost
from rehearsal.mail.post import PostOffice
from rehearsal.mail.smtp import SmtpHost
from rehearsal.oauth import Account, OAuthServer, TLSPort
from rehearsal.pages import Sight, make_blueprint
from rehearsal.people import COMPANY, COMPANY_MAILBOXES, GOOGLE_IMAP, GOOGLE_SMTP, STAFF

HOST = ports.HOST
SENT_FOLDER = "[Gmail]/Sent Mail"
#: Every mail port, as the world outside would name it: host, port, TLS from the first byte.
IMAP_PORTS = ((GOOGLE_IMAP, 993, True), (COMPANY, 993, True), (COMPANY, 143, False))
SMTP_PORTS = (
    (GOOGLE_SMTP, 587, False),
    (GOOGLE_SMTP, 465, True),
    (COMPANY, 587, False),
    (COMPANY, 465, True),
    (COMPANY, 25, False),
)


class AlreadyRunningError(Exception):
    """Another process plays this world."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"A rehearsal world already runs in {folder}. Stop it, or choose another --dir.")


@dataclass(frozen=True)
class Options:
    """How this world should be. Times in seconds.

    :param folder: where certificates, consents and ``world.json`` live; made if need be.
    :param port: of the web pages; 0 takes a free one, or the one of the last start.
    :param token_life: of access tokens.
    :param habits: of the customers.
    :param product: the address that the pages name as the program to rehearse.
    :param inbound: host and port of the server that takes mail for other domains; None: there is none.
    """

    folder: Path
    port: int = 0
    token_life: float = 3600
    habits: Habits = field(default_factory=Habits)
    product: str = "http://127.0.0.1:8080"
    inbound: tuple[str, int] | None = None


@dataclass
class World:
    """One rehearsal world in the running event loop."""

    options: Options
    post: PostOffice = field(default_factory=PostOffice)
    oauth: OAuthServer = field(init=False)
    google: ImapHost = field(init=False)
    company: ImapHost = field(init=False)
    crowd: Crowd = field(init=False)
    forwarder: Forwarder = field(init=False)
    ports: dict[str, int] = field(init=False)
    certificates: Certificates = field(init=False)
    _open: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    async def start(self) -> None:
        """Open all ports and write ``world.json``.

        :raises AlreadyRunningError: another process has this folder.
        :raises ports.PortTakenError: the wanted port is in use.
        :raises OSError: the folder cannot be written.
        """
        folder = self.options.folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock(folder)
        self.ports = ports.pick(
            _roles(), ports.remembered_ports(folder / "world.json"), {"web": self.options.port}
        )
        self.certificates = Certificates.in_folder(folder)
        tls = self.certificates.server_context()
        self._make_oauth(tls)
        self._make_mailboxes()
        await self._open_mail(tls)
        self._write_presets()
        self._write_past()
        self._let_customers_in()
        self._open_pages()
        ports.write_atomically(folder / "world.json", self.description())

    async def stop(self) -> None:
        await self._open.aclose()

    def _lock(self, folder: Path) -> None:
        lock = self._open.enter_context((folder / "world.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(folder) from error

    def _make_oauth(self, tls: ssl.SSLContext) -> None:
        self.oauth = OAuthServer(
            self.ports["web"],
            [
                *(Account(one.address, one.name) for one in COMPANY_MAILBOXES if one.at_google),
                *(Account(address, name) for address, name in STAFF),
            ],
            token_life=self.options.token_life,
            tls=TLSPort(tls, self.ports["web-tls"]),
            state_file=self.options.folder / "oauth.json",
        )
        self._open.callback(self.oauth.stop)

    def _make_mailboxes(self) -> None:
        def passwords(at_google: bool) -> dict[str, str | None]:
            return {one.address: one.password for one in COMPANY_MAILBOXES if one.at_google == at_google}

        self.google = ImapHost(GOOGLE_IMAP, passwords(True), self.oauth.owner_of)
        self.company = ImapHost(COMPANY, passwords(False))
        for one in COMPANY_MAILBOXES:
            self.post.boxes[one.address] = partial(self.host_of(one.address).append, one.address)
        self.forwarder = Forwarder(self.options.inbound, self.options.folder / "forwarding.json")
        self.post.boxes[forwarding.ADDRESS] = self.forwarder.append
        self._open.callback(self.forwarder.stop)

    def host_of(self, address: str) -> ImapHost:
        """Where a company mailbox lives."""
        return self.google if address in self.google.passwords else self.company

    async def _open_mail(self, tls: ssl.SSLContext) -> None:
        imap = {GOOGLE_IMAP: self.google, COMPANY: self.company}
        smtp = {
            GOOGLE_SMTP: SmtpHost(
                GOOGLE_SMTP,
                self.google.passwords,
                self.post.knows,
                self._send_by_google,
                self.oauth.owner_of,
            ),
            COMPANY: SmtpHost(COMPANY, self.company.passwords, self.post.knows, self.post.deliver),
        }
        for hosts, kinds in ((imap, IMAP_PORTS), (smtp, SMTP_PORTS)):
            for name, port, implicit in kinds:
                server = await hosts[name].listen(HOST, self.ports[f"{name}:{port}"], tls, implicit=implicit)
                self._open.callback(server.close)

    async def _send_by_google(self, sender: str, recipients: list[str], raw: bytes) -> None:
        """Deliver, and keep a copy in the sender's own folder as Gmail does."""
        await self.post.deliver(sender, recipients, raw)
        if sender.lower() in self.google.passwords:
            await self.google.append(sender.lower(), raw, SENT_FOLDER)

    def _let_customers_in(self) -> None:
        self.crowd = Crowd(self.post, self.options.habits)
        life = asyncio.create_task(self.crowd.live())
        self._open.callback(self.crowd.stop)
        self._open.callback(life.cancel)

    def _open_pages(self) -> None:
        loop = asyncio.get_running_loop()
        sight = Sight(self.crowd, self.host_of, self.forwarder, loop, self.options.product)
        self.oauth.add_pages(make_blueprint(sight))
        self.oauth.start()

    def _write_presets(self) -> None:
        urls = self.oauth.endpoints()
        lines = ["# Written by the rehearsal world: its own provider in the place of Google's.", "[google]"]
        lines += [
            f'{key} = "{urls[key]}"'
            for key in ("authorization_url", "token_url", "refresh_url", "revoke_url", "userinfo_url")
        ]
        lines += [f'issuer = "{self.oauth.base_url}"', 'scope = "https://mail.google.com/"']
        self.presets.write_text("\n".join(lines) + "\n")

    def _write_past(self) -> None:
        if not self.past.exists():
            ports.write_atomically(self.past, past.remember(datetime.now(UTC)))

    @property
    def past(self) -> Path:
        """What happened before this world began."""
        return self.options.folder / "past.json"

    @property
    def presets(self) -> Path:
        """A file of provider presets that names this world's endpoints."""
        return self.options.folder / "presets.toml"

    def description(self) -> dict[str, Any]:
        """What ``world.json`` holds: everything a program needs to find its way here."""
        names: dict[str, dict[str, int]] = {}
        for name, port, _ in (*IMAP_PORTS, *SMTP_PORTS):
            names.setdefault(name, {})[str(port)] = self.ports[f"{name}:{port}"]
        return {
            "pid": os.getpid(),
            "url": self.oauth.base_url,
            "endpoints": self.oauth.endpoints(),
            "names": names,
            "ports": self.ports,
            "ca": str(self.options.folder / "ca.pem"),
            "ca_bundle": str(self.certificates.bundle),
            "presets": str(self.presets),
        }


def _roles() -> list[str]:
    return ["web", "web-tls", *(f"{name}:{port}" for name, port, _ in (*IMAP_PORTS, *SMTP_PORTS))]
