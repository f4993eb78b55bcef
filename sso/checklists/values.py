"""What a step has to be copied: redirect URI, scope, permissions, lines for PowerShell, the token URL."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.conf import settings

from sso import oauth, providers, secrets
from sso.models import SSOProvider

CALLBACK = "Redirect URI (callback URL)"

PERMISSIONS = {
    "imap-permission": ("To read by IMAP", "IMAP.AccessAsUser.All"),
    "pop-permission": ("To read by POP3 instead", "POP.AccessAsUser.All"),
    "smtp-permission": ("To send", "SMTP.Send"),
    "offline-permission": ("To stay signed in", "offline_access"),
    "imap-app-permission": ("To read by IMAP", "IMAP.AccessAsApp"),
    "pop-app-permission": ("To read by POP3 instead", "POP.AccessAsApp"),
    "smtp-app-permission": ("To send", "SMTP.SendAsApp"),
}

CONNECT = """\
Connect-MgGraph -Scopes Application.Read.All
Connect-ExchangeOnline"""

PRINCIPAL = """\
$app = Get-MgServicePrincipal -Filter "AppId eq '{client_id}'"
New-ServicePrincipal -AppId $app.AppId -ObjectId $app.Id -DisplayName "UCS Email\""""

MAILBOX = 'Add-MailboxPermission -Identity "{mailbox}" -User $app.Id -AccessRights FullAccess'
SEND = 'Add-RecipientPermission -Identity "{mailbox}" -Trustee $app.Id -AccessRights SendAs'
PROTOCOLS = 'Set-CASMailbox -Identity "{mailbox}" -ImapEnabled $true -SmtpClientAuthenticationDisabled $false'
FORWARD = (
    'Set-Mailbox -Identity "{mailbox}" -ForwardingSmtpAddress "{address}" -DeliverToMailboxAndForward $true'
)


@dataclass(frozen=True)
class Value:
    """A line to copy. `is_known` is False while it holds a placeholder like ‹client ID›."""

    label: str
    text: str
    note: str = ""

    @property
    def is_known(self) -> bool:
        return "‹" not in self.text

    @property
    def is_block(self) -> bool:
        """Whether it is one of the long lines for PowerShell."""
        return "\n" in self.text or " -" in self.text


@dataclass(frozen=True)
class Filling:
    """What is known already: the provider, which may be a new one, and of forwarding the two addresses."""

    provider: SSOProvider = field(default_factory=SSOProvider)
    public_address: str = ""
    forwarding_address: str = ""


def values_of(names: tuple[str, ...], known: Filling) -> list[Value]:
    """The values of a step by their names in lists.toml."""
    table = dict(_values(known))
    return [table[name] for name in names]


def _values(known: Filling) -> Iterator[tuple[str, Value]]:
    provider = known.provider
    yield "app-name", Value("Name of the app", "UCS IMAP and SMTP XOAUTH")
    yield "client-name", Value("Name of the client", "UCS")
    yield "origin", Value("Authorized JavaScript origin", settings.BASE_URL)
    yield "redirect-uri", _redirect_uri(provider)
    yield "client-id", Value("Client ID", provider.client_id or "‹client ID›")
    scope = " ".join(oauth.wanted_scopes(provider)) or "‹scope for mail›"
    yield "scope", Value("Scope", scope)
    yield "mailbox", Value("Mailbox", provider.mailbox or "‹mailbox›")
    for name, (label, text) in PERMISSIONS.items():
        yield name, Value(label, text)
    yield from _powershell(provider)
    yield from _mail_servers(provider)
    yield from _forwarding(known)


def _redirect_uri(provider: SSOProvider) -> Value:
    if provider.type == SSOProvider.Type.GENERIC and not provider.name:
        return Value(CALLBACK, f"{settings.BASE_URL}/login/oauth2/‹name›", "The name in small letters.")
    is_google = provider.type == SSOProvider.Type.GOOGLE
    return Value("Authorized redirect URI" if is_google else CALLBACK, oauth.redirect_uri(provider))


def _powershell(provider: SSOProvider) -> Iterator[tuple[str, Value]]:
    known = {"client_id": provider.client_id or "‹client ID›", "mailbox": provider.mailbox or "‹mailbox›"}
    lines = {
        "ps-connect": CONNECT, "ps-principal": PRINCIPAL, "ps-mailbox": MAILBOX, "ps-send": SEND,
        "ps-protocols": PROTOCOLS,
    }  # fmt: skip
    for name, text in lines.items():
        yield name, Value("PowerShell", _filled(text, known))


def _mail_servers(provider: SSOProvider) -> Iterator[tuple[str, Value]]:
    for protocol in ("imap", "smtp"):
        host, port = providers.mail_server(provider, protocol)
        yield f"{protocol}-server", Value("Server address", host or "‹mail server›")
        yield f"{protocol}-port", Value("Service port", port or "‹port›")
    login = _login(provider)
    yield "username", Value("Username", login)
    yield "sender-address", Value("Sender e-mail address", provider.mailbox or "‹mailbox›")
    yield "smtp-username", Value("Sender username", provider.smtp_username or login)
    url = secrets.token_url(str(provider.pk or "‹ID›"))
    note = "It ends in the ID of the provider, which stands in the title of its page."
    yield "token-url", Value("Password", url, note)


def _login(provider: SSOProvider) -> str:
    """Who signs in at the mail server: the mailbox, of a shared one the person with rights to it."""
    person = provider.token.account if provider.pk and provider.shared_mailbox else ""
    return person or provider.mailbox or "‹mailbox›"


def _forwarding(known: Filling) -> Iterator[tuple[str, Value]]:
    public = known.public_address or "‹public address›"
    address = known.forwarding_address or "‹address of UCS›"
    yield "public-address", Value("Mailbox", public)
    yield "forwarding-address", Value("Forward to", address)
    filled = _filled(FORWARD, {"mailbox": public, "address": address})
    yield "ps-forward", Value("PowerShell", filled)


def _filled(text: str, known: dict[str, str]) -> str:
    """Not `format`: PowerShell has braces of its own. What would end one of its strings is left out."""
    for name, value in known.items():
        text = text.replace("{" + name + "}", value.translate({ord(each): None for each in "\"'`$“”„"}))
    return text
