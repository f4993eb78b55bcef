"""Signing in with a password, and the second step."""

import json
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from audit.actors import STRANGER
from audit.acts import Act
from audit.log import Subject, record, subject_of
from sso.models import SSOProvider
from staff import arrival
from staff.sayings import told
from staff.second_factor import CodeRefused

MOST_DOMAINS = 2
NEW_PASSWORD = gettext_lazy("Too many wrong codes: begin again with your password.")


class SignIn(LoginView):
    """The sign-in page, and its form inside of a page whose session is over."""

    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        self.in_place = is_in_place(request)
        if self.in_place:
            self.redirect_authenticated_user = False
        return cast(HttpResponse, super().dispatch(request, *args, **kwargs))

    def get_template_names(self) -> list[str]:
        return ["registration/login_form.html" if self.in_place else "registration/login.html"]

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        found = super().get_context_data(**kwargs)
        return found | login_context(self.request, str(found.get("next") or ""))

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if arrival.arrive(self.request, user, arrival.PASSWORD, self.get_success_url()):
            return signed_in(self.request, user, self.get_success_url())
        return _code_form(self.request) if self.in_place else redirect("login-code")

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        note_failed(str(form.data.get("username", "")))
        return super().form_invalid(form)


def note_failed(username: str) -> None:
    """A wrong name or password. What is no user's name is not told: people type passwords there."""
    user = User.objects.filter(username=username).first()
    subject = subject_of(user) if user else Subject(User._meta.label_lower, "a name that nobody has")
    record(STRANGER, Act.SIGN_IN_FAILED, subject, note="Wrong name or password.")


class SignOut(LogoutView):
    """The way out, also for who is out already."""

    next_page = "login"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, User):
            record(request.user, Act.SIGNED_OUT, request.user)
        return super().post(request, *args, **kwargs)


class AdminSignIn(SignIn):
    """The same page for who wants to enter the administration, also for who is signed in but may not."""

    redirect_authenticated_user = False
    next_page = "admin:index"

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        user = request.user
        if isinstance(user, User) and user.is_active and user.is_staff:
            return redirect(arrival.safe_next(request, request.GET.get("next", ""), reverse("admin:index")))
        return super().dispatch(request, *args, **kwargs)


WITH_LETTERS = gettext_lazy(
    "The app shows six digits. If this is a recovery code, choose “Use a recovery code” below."
)


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The second step: a code of the app, or a recovery code."""
    one = arrival.held(request.session)
    if one is None:
        return _begin_again(request, "")
    is_recovery = (request.POST if request.method == "POST" else request.GET).get("with") == "recovery"
    if request.method == "GET":
        return _code_form(request, is_recovery=is_recovery)
    if not is_recovery and any(char.isalpha() for char in request.POST.get("code", "")):
        return _code_form(request, refusal=str(WITH_LETTERS))  # not tried, so not counted
    try:
        arrival.pass_code(request, one, request.POST.get("code", ""), is_recovery=is_recovery)
    except CodeRefused as refusal:
        if arrival.held(request.session) is None:
            return _begin_again(request, str(NEW_PASSWORD))
        return _code_form(request, is_recovery=is_recovery, refusal=told(str(refusal)))
    return signed_in(request, one.user, one.next)


def signed_in(request: HttpRequest, user: User, next_url: str) -> HttpResponse:
    """Go on; the page inside of which somebody signed in again goes on by itself."""
    if not is_in_place(request):
        return redirect(next_url)
    event = json.dumps({"desk:signed-in": {"user": user.pk}})
    return HttpResponse(status=204, headers={"HX-Trigger": event})


def is_in_place(request: HttpRequest) -> bool:
    """Asked for by the dialog of a page whose session is over."""
    return request.headers.get("HX-Request") == "true"


def login_context(request: HttpRequest, next_url: str) -> dict[str, Any]:
    """What the sign-in form shows besides the form: the providers, and where to go on to."""
    in_place = is_in_place(request)
    providers = SSOProvider.objects.filter(for_people=True).defer("client_secret")
    return {
        "in_place": in_place,
        "action": reverse("login") if in_place else request.path,
        "away_next": reverse("login-done") if in_place else next_url,
        "providers": [{"pk": one.pk, "label": provider_label(one)} for one in providers],
        "is_stranger": request.user.is_authenticated and not in_place,
    }


def provider_label(provider: SSOProvider) -> str:
    """“Google – example.com”: the words on a provider's button."""
    kind = {"google": "Google", "microsoft": "Microsoft"}.get(provider.type, provider.name)
    shown = ", ".join(provider.domains[:MOST_DOMAINS]) + " …" * (len(provider.domains) > MOST_DOMAINS)
    return f"{kind} – {shown}"


def _code_form(request: HttpRequest, *, is_recovery: bool = False, refusal: str = "") -> HttpResponse:
    in_place = is_in_place(request)
    context = {"in_place": in_place, "is_recovery": is_recovery, "refusal": refusal}
    return render(request, "registration/code_form.html" if in_place else "registration/code.html", context)


def _begin_again(request: HttpRequest, sentence: str) -> HttpResponse:
    if is_in_place(request):
        context = login_context(request, "") | {"notice": sentence}
        return render(request, "registration/login_form.html", context)
    if sentence:
        messages.error(request, sentence)
    return redirect("login")
