"""☰ Account: one's own password, second factor and linked accounts."""

from typing import Any, cast

import segno
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.interface import LANGUAGES
from agents.rights import agent_of
from audit.acts import Act
from audit.log import record
from staff import arrival, language, lockout, rules, second_factor
from staff.models import LinkedAccount, SecondFactor
from staff.sayings import told

GROUP = 4
SHOWN = "staff_shown_key"


class Proof(forms.Form):
    """That it is really the owner who asks: the password, for who has one, and a code."""

    password = forms.CharField(strip=False, required=False)
    code = forms.CharField(max_length=40)

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, cast(User, request.user)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if self.user.has_usable_password() and not lockout.is_password(self.request, self.user, password):
            raise forms.ValidationError(_("That is not your password."))
        return password

    def clean(self) -> dict[str, Any]:
        """The code last: one that is right is used up, so the password must be right already."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                second_factor.check(self.user, cleaned["code"])
            except second_factor.CodeRefused as refusal:
                self.add_error("code", told(str(refusal)))
        return cleaned


@login_required
@never_cache
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """Who I am here, and what my sign-in consists of."""
    user = cast(User, request.user)
    context = {
        "has_password": user.has_usable_password(),
        "factor": SecondFactor.objects.filter(user=user, confirmed=True).defer("key").first(),
        "codes_left": second_factor.codes_left(user),
        "accounts": LinkedAccount.objects.filter(user=user),
        "is_demanded": rules.demands_second_factor(user),
        "languages": LANGUAGES,
        "language": language.chosen(request),
        "agent": agent_of(user),
    }
    return render(request, "account/account.html", context)


@login_required
@require_POST
def mentions(request: HttpRequest) -> HttpResponse:
    """Whether a note that mentions me makes me follow its conversation."""
    agent = agent_of(cast(User, request.user))
    if agent is not None:
        agent.follows_mentions = request.POST.get("follows") == "1"
        agent.save(update_fields=["follows_mentions"])
    return redirect("account")


@login_required
@never_cache
@sensitive_post_parameters("code", "password")
@sensitive_variables("factor", "codes")
@require_http_methods(["GET", "POST"])
def two_factor(request: HttpRequest) -> HttpResponse:
    """Set it up: a key to scan, the first code, then the recovery codes.

    Who finds a browser open must not put an own phone in the owner's place, so the owner is asked first.
    """
    user = cast(User, request.user)
    if not arrival.is_fresh(request.session):
        return _ask_again(request, user)
    next_url = arrival.safe_next(request, request.POST.get("next") or request.GET.get("next", ""), "")
    context: dict[str, Any] = {"next": next_url, "is_demanded": rules.demands_second_factor(user)}
    if request.method == "POST":
        try:
            codes = second_factor.confirm(user, request.POST.get("code", ""))
        except second_factor.CodeRefused as refusal:
            context["refusal"] = told(str(refusal))
        else:
            record(user, Act.SECOND_FACTOR, user, note="Set up.")
            request.session[arrival.HAS_FACTOR] = True
            return _show_codes(request, codes, next_url)
    factor = second_factor.begin(user, request.session.get(SHOWN, ""))
    if factor.confirmed:
        return redirect("account")
    request.session[SHOWN] = factor.moment
    groups = [factor.key[at : at + GROUP] for at in range(0, len(factor.key), GROUP)]
    context |= {"qr": _drawn(factor.address), "groups": groups, "address": factor.address}
    return render(request, "account/two_factor.html", context)


@login_required
@never_cache
@sensitive_post_parameters("password", "code")
@sensitive_variables("proof")
@require_http_methods(["GET", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes, with password and code."""
    user = cast(User, request.user)
    if not second_factor.is_set_up(user):
        return redirect("account")
    if not _can_prove(request, user):
        return _ask_again(request, user)
    proof = Proof(request, request.POST or None)
    if request.method == "POST" and proof.is_valid():
        record(user, Act.SECOND_FACTOR, user, note="New recovery codes.")
        return _show_codes(request, second_factor.renew_codes(user), "")
    context = {"proof": proof, "has_password": user.has_usable_password()}
    return render(request, "account/renew_codes.html", context)


@login_required
@never_cache
@sensitive_post_parameters("password", "code")
@sensitive_variables("proof")
@require_http_methods(["GET", "POST"])
def switch_off(request: HttpRequest) -> HttpResponse:
    """Sign in with the password alone again, with password and code."""
    user = cast(User, request.user)
    if not second_factor.is_set_up(user):
        return redirect("account")
    if not _can_prove(request, user):
        return _ask_again(request, user)
    proof = Proof(request, request.POST or None)
    if request.method == "POST" and proof.is_valid():
        second_factor.remove(user)
        record(user, Act.SECOND_FACTOR, user, note="Switched off.")
        request.session[arrival.HAS_FACTOR] = False
        messages.success(request, _("Two-factor sign-in is switched off."))
        return redirect("account")
    context = {
        "proof": proof,
        "has_password": user.has_usable_password(),
        "is_demanded": rules.demands_second_factor(user),
    }
    return render(request, "account/switch_off.html", context)


class NewPassword(PasswordChangeForm):
    """The old password first; guessing at it counts."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if not lockout.is_password(self.request, self.user, password):
            raise forms.ValidationError(_("That is not your password."))
        return password


class Password(PasswordChangeView):
    """A new password; other browsers are signed out by it."""

    form_class = NewPassword
    template_name = "account/password.html"
    success_url = reverse_lazy("account")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        record(form.user, Act.PASSWORD, form.user, note="Changed by its owner.")
        messages.success(self.request, _("Your password is changed; other browsers are signed out."))
        return super().form_valid(form)


def _can_prove(request: HttpRequest, user: User) -> bool:
    """The form itself asks for the password; who has none must have come a short while ago."""
    return user.has_usable_password() or arrival.is_fresh(request.session)


def _ask_again(request: HttpRequest, user: User) -> HttpResponse:
    """The password, or a new sign-in for who has none; then the page that was asked for."""
    context: dict[str, Any] = {"here": request.get_full_path(), "has_password": user.has_usable_password()}
    if "password" in request.POST and context["has_password"]:
        if lockout.is_password(request, user, request.POST["password"]):
            arrival.note_proof(request.session)
            return redirect(context["here"])
        context["refusal"] = _("That is not your password.")
    return render(request, "account/ask_again.html", context)


def _show_codes(request: HttpRequest, codes: list[str], next_url: str) -> HttpResponse:
    """The one page that ever shows them."""
    return render(request, "account/codes.html", {"codes": codes, "next": next_url})


def _drawn(address: str) -> SafeString:
    """A QR code as an SVG inside the page, dark on light in both themes, as cameras want it."""
    svg = segno.make(address, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    return mark_safe(svg)  # noqa: S308 - squares only
