"""“Test connection” of an SSO provider: is somebody signed in; name, TCP, TLS of its server; a refresh."""

from urllib.parse import urlsplit

from sso import causes, guard, network, signin, tokens
from sso.badges import moment
from sso.causes import named
from sso.models import SSOProvider
from sso.providers import endpoints
from sso.steps import Place, Step, StepFailed, reach, timed
from sso.tokens import SignInError


def test_connection(provider: SSOProvider) -> list[Step]:
    """Climb the ladder with a saved provider; when a step fails, it is the last one.

    The token is refreshed for it, also when the last refresh failed for good: what was refused yesterday may
    be allowed today.
    """
    steps = [timed("Sign-in", lambda: _signed_in(provider))]
    if steps[-1].ok:
        steps += _reach(provider)
    if steps[-1].ok and not _serves_people_only(provider):
        steps.append(timed("Token", lambda: _refresh(provider)))
        if steps[-1].ok and not provider.app_only:
            steps.append(timed("Rights", lambda: _rights(provider)))
    return steps


def _serves_people_only(provider: SSOProvider) -> bool:
    """Whether it is there for the sign-in page, and no mailbox was ever to be signed in."""
    return provider.for_people and not provider.mailbox and not tokens.has_begun(provider.pk)


def _signed_in(provider: SSOProvider) -> str:
    if _serves_people_only(provider):
        return "people sign in with it; no mailbox does"
    try:
        tokens.check_begun(provider.pk)
    except SignInError as error:
        raise StepFailed(error.sentence, error.cause) from error
    token = tokens.row_of(provider.pk)
    if provider.app_only:
        return f"the app signs in by itself, for {provider.mailbox}"
    return f"{token.account or 'somebody'} signed in {moment(token.signed_in_at)}"


def _reach(provider: SSOProvider) -> list[Step]:
    url = endpoints(provider).refresh_url
    try:
        guard.check_url(url, what=f"The token URL of {provider}")
    except guard.GuardError as error:
        found = network.finding("FORBIDDEN ADDRESS", url, 0, reason=str(error))
        return [Step("Name", False, found.sentence, 0, found.cause)]
    parts = urlsplit(url)
    encrypted = parts.scheme == "https"
    port = parts.port or (443 if encrypted else 80)
    return reach(Place(parts.hostname or "", port, "HTTPS", "tls" if encrypted else "none"))


def _refresh(provider: SSOProvider) -> str:
    try:
        tokens.try_again(provider.pk)
    except SignInError as error:
        raise StepFailed(error.sentence, error.cause) from error
    token = tokens.row_of(provider.pk)
    whose = f" for {token.account}" if token.account else ""
    return f"a new token was given{whose}, good for {token.lifetime // 60} minutes"


def _rights(provider: SSOProvider) -> str:
    """Whether the sign-in was given what the scope asks for by now."""
    missing = signin.missing_scopes(provider, tokens.row_of(provider.pk).granted_scope)
    if missing:
        raise StepFailed(older_sign_in(provider, missing), named("scope_older"))
    return "the sign-in was given all that the scope asks for"


def older_sign_in(provider: SSOProvider, missing: list[str]) -> str:
    """What to do when the scope was added to after the sign-in."""
    table = causes.tables("policy")["scope_older"]
    return str(table["sentence"]).format(provider=provider, wanted=" ".join(missing))
