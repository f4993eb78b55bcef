"""The rungs between TLS and the mail server's own: the token, and what our rows say when it is refused."""

from dataclasses import dataclass, replace
from datetime import date

from sso import causes, secrets, serverlist
from sso.causes import named
from sso.fields import SecretUnreadable
from sso.models import SSOProvider
from sso.providers import preset
from sso.steps import Protocol, Step, StepFailed, timed
from sso.tokens import SignInError

RIGHTS: dict[Protocol, str] = {
    "IMAP": "IMAP.AccessAsUser.All",
    "POP3": "POP.AccessAsUser.All",
    "SMTP": "SMTP.Send",
}
"""The scopes of Microsoft that the protocols need."""

HOUSES = (SSOProvider.Type.GOOGLE, SSOProvider.Type.MICROSOFT)
"""Whose mail servers take no tokens of others."""

PASSWORDS_OFF = date(2026, 12, 31)
"""From then on Exchange Online switches SMTP AUTH with a password off by default (notice of January 2026)."""

PASSWORDS_END = (
    f"From {PASSWORDS_OFF:%d %B %Y} on Microsoft switches sign-ins with a password (SMTP AUTH) off by "
    "default: in older organisations an administrator may switch them on again, in new ones they are off. "
    "Prepare the token URL of an SSO provider."
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who is to sign in where, with which stored secret.

    :param login: the account that the server is told.
    """

    protocol: Protocol
    host: str
    port: int
    login: str
    secret: str

    @property
    def provider_id(self) -> int | None:
        """Whose token it is; None for passwords and tokens of other servers."""
        try:
            return secrets.token_provider_id(self.secret)
        except SignInError:
            return None


def token_step(sign_in: SignIn) -> Step | None:
    """Get the token, if the secret is a token URL, and see what it is for."""
    if not secrets.is_web_address(sign_in.secret):
        return None

    def work() -> str:
        try:
            secrets.resolve(sign_in.secret, sign_in.host)
        except SignInError as error:
            raise StepFailed(error.sentence, error.cause) from error
        except SecretUnreadable as error:
            raise StepFailed(str(error)) from error
        provider = _provider(sign_in)
        if provider and _lacks_scope(provider, sign_in):
            asks = RIGHTS[sign_in.protocol].lower() in provider.scope.lower()
            raise _named("scope_older" if asks else "scope_missing", sign_in, provider)
        return secrets.describe(sign_in.secret)

    return timed("Token", work)


def explained(step: Step, sign_in: SignIn) -> Step:
    """A refused sign-in, with the reason that our own rows tell, if they do.

    :param step: the failed one; another cause than a refused token is left as it is.
    """
    provider = _provider(sign_in)
    if step.ok or provider is None or step.cause.name not in ("token", "login_refused", "not_connected"):
        return step
    name = _suspicion(provider, sign_in)
    if not name:
        return step
    more = _named(name, sign_in, provider)
    return replace(step, detail=f"{more} {without_advice(step.detail)}", cause=more.cause)


def without_advice(refused: str) -> str:
    """What the server said, without the guesses that follow: our rows know better."""
    heard, found, _ = refused.partition("): ")
    return f"{heard})." if found else refused


def policy_step(notes: list[str]) -> Step:
    """The last rung: what works today, but is known to end or to differ at this provider."""
    return timed("Policy", lambda: " ".join(notes) or "nothing is known that stands in the way")


def policy_notes(sign_in: SignIn) -> list[str]:
    """What is known of the sign-in itself."""
    provider = _provider(sign_in)
    if provider and provider.in_testing and provider.type == SSOProvider.Type.GOOGLE:
        return [f"{provider}: its app is in testing, so Google ends the sign-in 7 days after 🔑."]
    is_password = sign_in.secret and not secrets.is_web_address(sign_in.secret)
    if is_password and _is_at(sign_in.host, SSOProvider.Type.MICROSOFT):
        others = (
            "Microsoft is switching sign-ins with a password off: prepare the token URL of an SSO provider."
        )
        return [PASSWORDS_END if sign_in.protocol == "SMTP" else others]
    return []


def _provider(sign_in: SignIn) -> SSOProvider | None:
    pk = sign_in.provider_id
    if pk is None:
        return None
    rows = SSOProvider.objects.select_related("token")
    return rows.defer("client_secret", "token__access_token", "token__refresh_token").filter(pk=pk).first()


def _lacks_scope(provider: SSOProvider, sign_in: SignIn) -> bool:
    granted = provider.token.granted_scope.lower().split()
    if provider.type != SSOProvider.Type.MICROSOFT or provider.app_only or not granted:
        return False
    return not any(scope.endswith(RIGHTS[sign_in.protocol].lower()) for scope in granted)


def _suspicion(provider: SSOProvider, sign_in: SignIn) -> str:
    others = [kind for kind in HOUSES if kind != provider.type and provider.type in HOUSES]
    if any(_is_at(sign_in.host, kind) for kind in others):
        return "wrong_server"
    account = provider.token.account.lower()
    if not account or account == sign_in.login.lower() or provider.app_only:
        return ""
    return "shared_mailbox" if provider.shared_mailbox else "wrong_account"


def _is_at(host: str, kind: SSOProvider.Type) -> bool:
    return serverlist.is_listed(host, preset(kind).servers)


def _named(name: str, sign_in: SignIn, provider: SSOProvider) -> StepFailed:
    sentence = str(causes.tables("policy")[name]["sentence"]).format(
        provider=provider,
        account=provider.token.account,
        login=sign_in.login,
        place=f"{sign_in.host}:{sign_in.port}",
        wanted=RIGHTS[sign_in.protocol],
        **_ways(provider, sign_in.login.lower()),
    )
    return StepFailed(sentence, named(name))


def _ways(provider: SSOProvider, login: str) -> dict[str, str]:
    """What stands before a sign-in as that user, and the providers that have one already."""
    is_anothers = provider.mailbox and provider.mailbox.lower() != login
    rows = SSOProvider.objects.filter(token__account=login, token__needs_sign_in=False, token__failures=0)
    names = [str(row) for row in rows.exclude(pk=provider.pk).defer("client_secret").order_by("pk")[:3]]
    return {
        "first": " (change its field Mailbox first)" if is_anothers else "",
        "others": f" ({', '.join(names)})" if names else "",
    }
