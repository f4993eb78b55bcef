"""🔑 and the way back from the provider."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from audit.acts import Act
from audit.log import record
from sso import oauth, retests, secrets, signin
from sso.connection import ConnectionTest
from sso.fields import SecretUnreadable
from sso.marking import mark
from sso.models import SSOProvider
from sso.oauth import SignInError
from sso.steps import Step
from sso.usage import users_with_pages, wake_users

FROM = "sso_sign_in_from"
LIST = "admin:sso_ssoprovider_changelist"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
"""As `urlsplit` gives them: an IPv6 address without its brackets."""


@require_POST
def start(request: HttpRequest, provider_id: int) -> HttpResponse:
    """🔑: send the browser to the consent page of this provider."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse(LIST))
    _require_administrator(request)
    provider = get_object_or_404(SSOProvider.objects.defer("client_secret"), pk=provider_id)
    _note_where_from(request)
    try:
        if provider.app_only:
            return _sign_app_in(request, provider)
        _check_address(request)
        return HttpResponseRedirect(signin.begin(request.session, provider))
    except (SignInError, SecretUnreadable) as error:
        messages.error(request, str(error))
        if provider.app_only and isinstance(error, SignInError) and error.cause.takes_time:
            # Nobody needs to be there for it: the test of the provider fetches the token by itself.
            retests.start(provider, Step("Token", False, error.sentence, 0, error.cause), request.user.pk)
        return _back(request, provider)


@require_POST
@sensitive_post_parameters("refresh_token")
def paste(request: HttpRequest, provider_id: int) -> HttpResponse:
    """A refresh token made elsewhere: tried, and kept only if it works."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse(LIST))
    _require_administrator(request)
    provider = get_object_or_404(SSOProvider.objects.defer("client_secret"), pk=provider_id)
    _note_where_from(request)
    try:
        if provider.app_only:
            raise signin.SignInLost(f"{provider} signs in by itself and needs no refresh token.")
        if not request.POST.get("refresh_token", "").strip():
            raise signin.SignInLost("Paste the refresh token into the field first; nothing was changed.")
        account = signin.take_over(provider, request.POST["refresh_token"], request.user.pk)
    except (SignInError, SecretUnreadable) as error:
        messages.error(request, str(error))
        return _back(request, provider)
    whose = f" as {account}" if account else ""
    return _signed_in(request, provider, f"signed in{whose} with a pasted refresh token")


@require_GET
@never_cache
def callback(request: HttpRequest, kind: str) -> HttpResponse:
    """Where the provider sends the browser back to."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse(LIST))
    _require_administrator(request)
    provider = None
    try:
        provider, begun = signin.take_back(request.session, kind, request.GET.get("state", ""))
        account = signin.finish(provider, begun, request.GET.dict(), request.user.pk)
    except (SignInError, SecretUnreadable) as error:
        messages.error(request, str(error))
        if provider and isinstance(error, SignInError) and error.cause.takes_time:
            sent = oauth.redirect_uri(provider, begun["callback"])
            retests.note_sign_in(provider, error, request.user.pk, sent)
        return _back(request, provider)
    return _signed_in(request, provider, f"signed in as {account}" if account else "signed in")


def _sign_app_in(request: HttpRequest, provider: SSOProvider) -> HttpResponse:
    signin.sign_app_in(provider, request.user.pk)
    return _signed_in(request, provider, f"signed in by itself, for {provider.mailbox}")


def _signed_in(request: HttpRequest, provider: SSOProvider, how: str) -> HttpResponse:
    retests.stop(provider)
    record(None, Act.DID, provider, note=f"{how[0].upper()}{how[1:]}.")
    wake_users(provider.pk)
    came_from = request.session.get(FROM, "")
    messages.success(request, format_html("{} is {}. {}", provider, how, _what_next(provider, came_from)))
    return _back(request, provider)


def _what_next(provider: SSOProvider, came_from: str) -> SafeString:
    """Who waits for this sign-in, with the way there; for a new provider, what to do with it."""
    users = [(row, page, _soon(row)) for row, page in users_with_pages(provider.pk) if page]
    if not users and came_from and not came_from.startswith(reverse(LIST)):
        return SafeString("Go on with the next step below.")  # of a mailbox that is being set up
    if not users:
        url = secrets.token_url(str(provider.pk))
        return format_html("As the password of an email source or sender, give {}", url)
    links = format_html_join(", ", '<a class="ucs-link" href="{1}">{0}</a>{2}', users)
    verb = "uses it: test it" if len(users) == 1 else "use it: test them"
    return format_html("{} {} with “Test connection”.", links, verb)


def _soon(row: Model) -> str:
    """When a mailbox is looked into, in brackets."""
    console = admin.site.get_model_admin(type(row))
    words = console.after_sign_in(row) if isinstance(console, ConnectionTest) else ""
    return f" ({words})" if words else ""


def _require_administrator(request: HttpRequest) -> None:
    """A stranger doesn't learn what there is."""
    user = request.user
    if not (isinstance(user, User) and user.is_staff and user.has_perm("sso.change_ssoprovider")):
        raise Http404


def _check_address(request: HttpRequest) -> None:
    """The browser comes back to UCS_BASE_URL: opened by another loopback name, its session would be lost."""
    name = urlsplit(f"//{request.get_host()}").hostname
    wanted = urlsplit(settings.BASE_URL).hostname
    if name != wanted and f"{name}" in LOOPBACK_NAMES:
        raise signin.SignInLost(
            f"The provider sends the browser back to {settings.BASE_URL}, but this page was opened as "
            f"{request.get_host()}: open {settings.BASE_URL}{reverse(LIST)} and click 🔑 there."
        )


def _note_where_from(request: HttpRequest) -> None:
    """The page of a provider, a source or a sender with 🔑 is come back to; any other address is not."""
    address = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    request.session[FROM] = address if is_ours and address.startswith(reverse("admin:index")) else ""


def _back(request: HttpRequest, provider: SSOProvider | None) -> HttpResponse:
    if address := request.session.pop(FROM, ""):
        return redirect(address)
    if provider:
        mark(request, provider)
    return redirect(LIST)
