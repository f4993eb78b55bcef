"""Signing in with an account at a provider: away, and back over the redirect URI of the mailboxes."""

import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from audit.actors import STRANGER
from audit.acts import Act
from audit.log import record
from sso import openid
from sso import views as mailboxes
from sso.fields import SecretUnreadable
from sso.models import SSOProvider
from sso.oauth import SignInError
from staff import accounts, arrival, away
from staff.sayings import told
from staff.views.login import provider_label

logger = logging.getLogger(__name__)

LOST = gettext_lazy(
    "This sign-in was not begun in this browser within the last ten minutes, its page was loaded twice, or "
    "the provider was changed meanwhile: begin it again."
)


@require_GET
@never_cache
def start(request: HttpRequest, provider_id: int) -> HttpResponse:
    """Send the browser to the provider."""
    provider = SSOProvider.objects.filter(pk=provider_id, for_people=True).defer("client_secret").first()
    if provider is None:
        raise Http404
    next_url = arrival.safe_next(request, request.GET.get("next", ""))
    if _is_other_loopback(request):
        place = settings.BASE_URL
        sentence = f"The provider sends the browser back to {place}: open that address and sign in there."
        return _refused(request, provider, sentence, next_url)
    try:
        return HttpResponseRedirect(away.begin(request.session, provider, next_url))
    except SignInError as error:
        return _refused(request, provider, error.sentence, next_url)


@require_GET
@never_cache
def back(request: HttpRequest, kind: str) -> HttpResponse:
    """Where a provider sends browsers back to, of people and of administrators who clicked 🔑.

    The state tells which: both kinds wait in the session of who began, apart from each other.
    """
    state = request.GET.get("state", "")
    if not away.is_away(request.session, state):
        if request.user.is_authenticated:
            return mailboxes.callback(request, kind)
        messages.error(request, LOST)
        return redirect("login")
    found = away.take_back(request.session, kind, state)
    if found is None:
        messages.error(request, LOST)
        return redirect("login")
    provider, trip = found
    try:
        person = openid.who(provider, request.GET.dict(), verifier=trip.verifier, nonce=trip.nonce)
        user = accounts.user_of(provider, person)
    except (SignInError, SecretUnreadable) as error:
        return _refused(request, provider, str(error), trip.next)
    if not arrival.arrive(request, user, provider_label(provider), trip.next):
        return redirect("login-code")
    return redirect(trip.next)


@require_GET
@never_cache
def done(request: HttpRequest) -> HttpResponse:
    """The end of a sign-in in a window of its own: tells the page that waits for it."""
    if not isinstance(request.user, User):
        return redirect("login")
    return render(request, "registration/done.html")


def _is_other_loopback(request: HttpRequest) -> bool:
    """Opened by another name of this machine than UCS_BASE_URL has: the session would be lost on the way."""
    name = urlsplit(f"//{request.get_host()}").hostname or ""
    return name in mailboxes.LOOPBACK_NAMES and name != urlsplit(settings.BASE_URL).hostname


def _refused(request: HttpRequest, provider: SSOProvider, sentence: str, next_url: str) -> HttpResponse:
    logger.warning(
        "Not signed in by provider %s from %s: %s", provider.pk, arrival.address(request), sentence
    )
    record(STRANGER, Act.SIGN_IN_FAILED, provider, note=sentence)
    messages.error(request, told(sentence))
    return redirect(f"{reverse('login')}?{urlencode({'next': next_url})}" if next_url != "/" else "login")
