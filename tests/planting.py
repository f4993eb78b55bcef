"""The rows and servers of the ten planted faults; see tests/planted.py."""

import json
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
from sso import oauth, secrets, tokens
from sso.models import ProviderToken, SSOProvider
from sso.oauth import Grant
from tests.planted import BILLING, COMPANY, GOOGLE_IMAP, MAILBOX, RETURNS, SUPPORT, Planted, serve_in_thread
from tests.servers.smtp import SmtpServer

PASSWORD = "rehearsal"
OURS = r"^planted \d+$"
IMAP_SCOPE = "https://outlook.office.com/IMAP.AccessAsUser.All"


class LoginService(BaseHTTPRequestHandler):
    """A login service in Microsoft's shape, as small as can be: one right secret, consent without asking.

    GET /switch-on stands for the admin centre of fault 9.
    """

    right_secret: ClassVar[str] = "fresh-secret"
    on_switch: ClassVar[Any] = None
    scopes: ClassVar[dict[str, str]] = {}

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
        scope = LoginService.scopes.get("code") if "code" in form else IMAP_SCOPE
        token = {"access_token": "planted-token", "refresh_token": "planted-refresh", "expires_in": 3600}
        self._answer(200, json.dumps(token | {"scope": scope}))

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body.startswith("{") else "text/plain")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None:
        """Nothing."""


def plant(planted: Planted) -> None:
    """Make all ten."""
    clear()
    service = ThreadingHTTPServer(("127.0.0.1", 0), LoginService)
    planted.stops.append(serve_in_thread(service))
    address = f"http://127.0.0.1:{service.server_address[1]}"
    queue = EmailQueue.objects.order_by("pk").first()
    if queue is None:
        raise SystemExit("The demo has no queue yet: wait until it has started.")
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


def _mailboxes(planted: Planted, queue: EmailQueue) -> None:
    _source(planted, 1, queue, service_port=995, folder="Planted")
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
    planted.notes.append(f"The admin centre of fault 9: {address}/switch-on")
    _sender(planted, 9, server_type="NONE", server_address=off.host, service_port=off.port)
    _sender(planted, 10, email_address=SUPPORT)


def _sign_ins(planted: Planted, queue: EmailQueue, address: str) -> None:
    revoked = _provider(planted, 5, type="google", mailbox=RETURNS, scope="https://mail.google.com/")
    _signed_in(revoked, RETURNS, "1//0-revoked")
    _token(planted, 5, queue, revoked, RETURNS, folder="Planted")
    other = _provider(planted, 6, type="google", mailbox=RETURNS, scope="https://mail.google.com/")
    _consented(other, RETURNS)
    _token(planted, 6, queue, other, MAILBOX, folder="Planted 6")
    login = {"type": "generic", "scope": IMAP_SCOPE, "authorization_url": f"{address}/authorize"}
    expired = _provider(planted, 7, **login, token_url=f"{address}/token", client_secret="old-secret")
    _signed_in(expired, MAILBOX, "planted-refresh")
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
    if not (urlsplit(page).hostname or "").startswith("127."):
        _signed_in(provider, account, "1//0-other", access="ya29.of-another", lives=timedelta(hours=1))
        return
    said = {"account": account, "decision": "allow"}
    back = requests.post(page, data=said, allow_redirects=False, timeout=10).headers["Location"]
    code = parse_qs(urlsplit(back).query)["code"][0]
    grant = oauth.exchange(provider, code=code, verifier=verifier)
    tokens.keep_sign_in(provider, grant, account, None)


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
