"""The rows and servers of the ten planted faults; see tests/planted.py."""

import imaplib
import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from django.db.models import ProtectedError
from django.utils import timezone

from mailsenders.models import EmailSender
from mailsources.models import EmailSource
from queues.models import EmailQueue
from sso import oauth, secrets, tls, tokens
from sso.models import ProviderToken, SSOProvider
from sso.oauth import Grant
from sso.providers import endpoints
from tests.planted import BILLING, COMPANY, GOOGLE_IMAP, MAILBOX, RETURNS, SUPPORT, Planted, serve_in_thread
from tests.servers.smtp import SmtpServer

PASSWORD = "rehearsal"
ORDERS = "orders@company.com"
FOLDERS = ("Planted-1", "Invoices", "Planted-5", "Planted-6")
"""Of faults 1, 4, 5 and 6: each object is right but for its one fault."""

OURS = r"^planted \d+$"
IMAP_SCOPE = "https://outlook.office.com/IMAP.AccessAsUser.All"


class LoginService(BaseHTTPRequestHandler):
    """A login service in Microsoft's shape, as small as can be: one right secret, consent without asking.

    GET /switch-on stands for the admin centre of fault 9.
    """

    right_secret: ClassVar[str] = "fresh-secret"
    on_switch: ClassVar[Any] = None
    scopes: ClassVar[dict[str, str]] = {}
    granted: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if urlsplit(self.path).path == "/switch-on":
            LoginService.on_switch()
            self._answer(200, "SMTP AUTH is switched on.")
            return
        LoginService.scopes["code"] = asked.get("scope", "")
        self.send_response(302)
        back = urlencode({"code": "code", "state": asked.get("state", "")})
        self.send_header("Location", f"{asked.get('redirect_uri', '/')}?{back}")
        self.end_headers()

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        form = {name: values[0] for name, values in parse_qs(raw).items()}
        if form.get("client_secret") != self.right_secret:
            said = {"error": "invalid_client", "error_description": "AADSTS7000222: The secret has expired."}
            self._answer(401, json.dumps(said))
            return
        client = form.get("client_id", "")
        if "code" in form:
            LoginService.granted[client] = LoginService.scopes.get("code", "")
        token = {"access_token": "planted-token", "refresh_token": "planted-refresh", "expires_in": 3600}
        token |= {"scope": LoginService.granted.get(client, IMAP_SCOPE), "id_token": _id_token(client)}
        self._answer(200, json.dumps(token))

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body.startswith("{") else "text/plain")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None:
        """Nothing."""


def _id_token(client: str) -> str:
    """Who signed in: the login service knows one person for each client."""
    claims = {"aud": client, "email": BILLING if "-8." in client else ORDERS}
    parts: tuple[dict[str, str], ...] = ({"alg": "none"}, claims, {})
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def plant(planted: Planted) -> None:
    """Make all ten."""
    clear()
    service = ThreadingHTTPServer(("127.0.0.1", 0), LoginService)
    planted.stops.append(serve_in_thread(service))
    address = f"http://127.0.0.1:{service.server_address[1]}"
    queue = EmailQueue.objects.order_by("pk").first()
    if queue is None:
        raise SystemExit("The demo has no queue yet: wait until it has started.")
    _make_folders(planted)
    _mailboxes(planted, queue)
    _senders(planted, address)
    _sign_ins(planted, queue, address)


def clear() -> None:
    """Take away what an earlier run has left; what was mended and has mail by now is switched off."""
    for source in EmailSource.objects.filter(name__regex=OURS):
        try:
            source.delete()
        except ProtectedError:
            EmailSource.objects.filter(pk=source.pk).update(name=f"{source}, {source.pk}", is_active=False)
    for sender in EmailSender.objects.filter(name__regex=OURS):
        try:
            sender.delete()
        except ProtectedError:
            EmailSender.objects.filter(pk=sender.pk).update(name=f"{sender}, {sender.pk}", is_active=False)
    SSOProvider.objects.filter(name__regex=OURS).delete()


def _source(planted: Planted, number: int, queue: EmailQueue, **values: Any) -> EmailSource:
    usual = {"server_address": COMPANY, "service_port": 993, "username": SUPPORT, "password": PASSWORD}
    row = EmailSource.objects.create(name=f"planted {number}", queue=queue, **(usual | values))
    planted.rows.append(row)
    return row


def _sender(planted: Planted, number: int, **values: Any) -> EmailSender:
    usual = {"server_address": COMPANY, "service_port": 587, "username": BILLING, "password": PASSWORD}
    usual |= {"email_address": BILLING, "server_type": "STARTTLS"}
    row = EmailSender.objects.create(name=f"planted {number}", **(usual | values))
    planted.rows.append(row)
    return row


def _make_folders(planted: Planted) -> None:
    """One for each of faults 1 and 4 that nobody fetches yet, so that what is mended can be saved."""
    try:
        with imaplib.IMAP4_SSL(COMPANY, 993, ssl_context=tls.context(), timeout=10) as mailbox:
            mailbox.login(SUPPORT, PASSWORD)
            for folder in FOLDERS[:2]:
                mailbox.create(folder)
    except (OSError, imaplib.IMAP4.error) as error:
        planted.notes.append(f"{COMPANY} is not there ({error}): faults 1 and 4 can't be mended.")


def _make_google_folder(provider: SSOProvider, account: str, folder: str) -> None:
    """The same at Google, where the account must sign in for it."""
    _consented(provider, account)
    if not _is_rehearsed(provider):
        return
    said = f"user={account}\1auth=Bearer {tokens.access_token(provider.pk)}\1\1".encode()
    with imaplib.IMAP4_SSL(GOOGLE_IMAP, 993, ssl_context=tls.context(), timeout=10) as mailbox:
        mailbox.authenticate("XOAUTH2", lambda _: said)
        mailbox.create(folder)


def _mailboxes(planted: Planted, queue: EmailQueue) -> None:
    _source(planted, 1, queue, service_port=995, folder=FOLDERS[0])
    _source(planted, 4, queue, folder="Invoices 2019")


def _senders(planted: Planted, address: str) -> None:
    _sender(planted, 2, service_port=465)
    _sender(planted, 3, password="rehersal")
    off = SmtpServer(tls="none", passwords={BILLING: PASSWORD})
    off.start()
    planted.stops.append(off.stop)
    off.fault(
        "auth", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled.", times=0
    )
    LoginService.on_switch = off.mend
    planted.notes += [
        f"You know, as the people of this company do: the mailboxes' passwords are all “{PASSWORD}”.",
        f"The client of “planted 7” was given a new secret at its provider: “{LoginService.right_secret}”.",
        "“Authenticated SMTP” of billing@company.example, in the Microsoft 365 admin centre, is ticked by",
        f"opening {address}/switch-on",
        "At Google, every mailbox that its consent page shows may be chosen.",
    ]
    _sender(planted, 9, server_type="NONE", server_address=off.host, service_port=off.port)
    _sender(planted, 10, email_address=SUPPORT)


def _sign_ins(planted: Planted, queue: EmailQueue, address: str) -> None:
    revoked = _provider(planted, 5, type="google", mailbox=RETURNS, scope="https://mail.google.com/")
    _signed_in(revoked, RETURNS, "1//0-revoked")
    _token(planted, 5, queue, revoked, RETURNS, FOLDERS[2])
    other = _provider(planted, 6, type="google", scope="https://mail.google.com/")
    _make_google_folder(other, MAILBOX, FOLDERS[3])
    _make_google_folder(other, RETURNS, FOLDERS[2])
    _token(planted, 6, queue, other, MAILBOX, FOLDERS[3])
    login = {"type": "generic", "scope": IMAP_SCOPE, "authorization_url": f"{address}/authorize"}
    expired = _provider(planted, 7, **login, token_url=f"{address}/token", client_secret="old-secret")
    _signed_in(expired, ORDERS, "planted-refresh")
    lacking = _provider(
        planted, 8, type="microsoft", tenant="planted", scope=IMAP_SCOPE, client_secret="fresh-secret",
        authorization_url=f"{address}/authorize", token_url=f"{address}/token", mail_servers="127.0.0.1",
    )  # fmt: skip
    _signed_in(lacking, BILLING, "planted-refresh", access="planted-token", lives=timedelta(hours=1))
    takes = SmtpServer(tls="none", tokens=lambda user, token: True)
    takes.start()
    planted.stops.append(takes.stop)
    url = secrets.token_url(str(lacking.pk))
    _sender(planted, 8, server_type="NONE", server_address=takes.host, service_port=takes.port, password=url)


def _provider(planted: Planted, number: int, **values: Any) -> SSOProvider:
    usual = {"client_id": f"planted-{number}.apps.googleusercontent.com", "client_secret": "planted"}
    row = SSOProvider.objects.create(name=f"planted {number}", **(usual | values))
    planted.rows.append(row)
    return row


def _consented(provider: SSOProvider, account: str) -> None:
    """Really signed in at the rehearsal world, as a browser does it; elsewhere with tokens of no worth."""
    verifier = "planted-" * 8
    page = oauth.authorise_url(provider, state="planted", verifier=verifier)
    if not _is_rehearsed(provider):
        _signed_in(provider, account, "1//0-other", access="ya29.of-another", lives=timedelta(hours=1))
        return
    said = {"account": account, "decision": "allow"}
    back = requests.post(page, data=said, allow_redirects=False, timeout=10).headers["Location"]
    code = parse_qs(urlsplit(back).query)["code"][0]
    grant = oauth.exchange(provider, code=code, verifier=verifier)
    tokens.keep_sign_in(provider, grant, account, None)


def _is_rehearsed(provider: SSOProvider) -> bool:
    """Whether the world plays this provider; nothing here asks a real one."""
    return (urlsplit(endpoints(provider).token_url).hostname or "").startswith("127.")


OVER = -timedelta(hours=1)


def _signed_in(
    provider: SSOProvider, account: str, refresh: str, access: str = "old", lives: timedelta = OVER
) -> None:
    tokens.keep_sign_in(provider, Grant(access, refresh, "", provider.scope, 3600), account, None)
    ProviderToken.objects.filter(provider=provider).update(expires_at=timezone.now() + lives)


def _token(
    planted: Planted, number: int, queue: EmailQueue, provider: SSOProvider, user: str, folder: str
) -> None:
    values = {"username": user, "password": secrets.token_url(str(provider.pk)), "folder": folder}
    _source(planted, number, queue, server_address=GOOGLE_IMAP, **values)
