"""“Generate Token” on the page of a source or a sender: the same act as 🔑 in the list of providers."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from sso import providers, secrets
from sso.fields import SecretUnreadable
from sso.models import SSOProvider


class GenerateToken:
    """Mixin for a `ProductAdmin`: whose token the stored password is, and a button to sign in for it."""

    change_form_outer_after_template = "admin/generate_token.html"

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None  # type: ignore[attr-defined]
        provider = self._provider_of(obj) if obj else None
        more = {"token_provider": provider if may_sign_in(request) else None, **(extra_context or {})}
        response: HttpResponse = super().changeform_view(request, object_id, form_url, more)  # type: ignore[misc]
        return allow_sign_in(response) if more["token_provider"] else response

    def _provider_of(self, row: Any) -> SSOProvider | None:
        try:
            return provider_of(row.password)
        except SecretUnreadable:  # the page says so itself
            return None


def provider_of(secret: str | None) -> SSOProvider | None:
    """The provider whose token URL a password is; None for any other."""
    name = secrets.token_name(secret or "") or ""
    if not (name.isascii() and name.isdigit() and int(name) <= secrets.LARGEST_ID):
        return None
    return SSOProvider.objects.select_related("token").defer("client_secret").filter(pk=int(name)).first()


def allow_sign_in(response: HttpResponse) -> HttpResponse:
    """Let the 🔑 of this page lead to the providers: a policy's form-action also holds for redirects."""
    urls = {providers.endpoints(one).authorization_url for one in SSOProvider.objects.defer("client_secret")}
    origins = sorted({f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in urls if url})
    response._csp_update = {"form-action": origins}  # type: ignore[attr-defined]
    return response


def may_sign_in(request: HttpRequest) -> bool:
    """Whether this user is shown a 🔑."""
    return isinstance(request.user, User) and request.user.has_perm("sso.change_ssoprovider")
