"""☰ System → SSO providers. The pieces that other apps' admin pages are built of are named here as well."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from sso import auditlog, check, oauth, people, providers, secrets, signin, tokens, uses
from sso.adminbase import HealthColumns, ProductAdmin, is_administrator
from sso.badges import badge, breakable, health_badge, when
from sso.checklists import page as checklist_page
from sso.checklists import ticks
from sso.checklists.going import filled_form
from sso.checklists.lists import of_kind
from sso.checklists.values import CALLBACK
from sso.checklists.views import ChecklistPages
from sso.connection import ConnectionTest
from sso.countdown import SOON, testing_ends_at, testing_note
from sso.forms import PEOPLE, SMTP, URLS, ProviderForm
from sso.generate import allow_sign_in
from sso.lasttests import waiting_badge
from sso.models import ProviderToken, SSOProvider, TokenUse
from sso.rules import NEEDED
from sso.steps import Step
from sso.tokenservers import TokenServerAdmin
from sso.usage import rows_with_token_of, users_with_pages, wake_users
from sso.widgets import SecretInput, SecretsForm, TokenOrPasswordInput

__all__ = [
    "ConnectionTest",
    "HealthColumns",
    "ProductAdmin",
    "SecretInput",
    "SecretsForm",
    "TokenOrPasswordInput",
    "TokenServerAdmin",
    "auditlog",
    "badge",
    "health_badge",
    "is_administrator",
    "people",
    "when",
]


@admin.register(SSOProvider)
class ProviderAdmin(ConnectionTest, ChecklistPages, ProductAdmin):
    """One row for each mailbox that is signed in for; 🔑 signs in."""

    form = ProviderForm
    list_display = ("provider", "account", "expiry", "health", "checklist", "key")
    search_fields = ("name", "client_id", "mailbox", "token__account")
    ordering = ("id",)
    empty_sentence = (
        "One provider signs in for one mailbox. Its token is the password of an email source "
        "and an email sender."
    )
    list_before_template = "admin/checklists_hint.html"
    change_form_after_template = "admin/provider_card.html"
    change_form_outer_after_template = "admin/provider_key.html"
    tests_saved = True
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("type", "client_id", "client_secret", "tenant", "scope", "mailbox"),
                    *("shared_mailbox", "app_only", "owner", "secret_ends_on", "in_testing", "name"),
                )
            },
        ),
        ("Signing in to this program", {"fields": PEOPLE}),
        ("Sending", {"fields": SMTP, "classes": ("collapse",)}),
        ("Mail servers", {"fields": ("mail_servers",), "classes": ("collapse",)}),
        (
            "Other endpoints",
            {"fields": ("prompt", "client_authentication", "validity", *URLS), "classes": ("collapse",)},
        ),
    )
    conditional_fields: ClassVar[dict[str, str]] = {
        "tenant": "type == 'microsoft'",
        "app_only": "type == 'microsoft'",
        "authority": "type == 'microsoft'",
        "client_authentication": "type == 'generic'",
        "in_testing": "type == 'google'",
        "allowed_domains": "for_people == true",
        "create_people": "for_people == true",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[SSOProvider]:
        rows: QuerySet[SSOProvider] = super().get_queryset(request).select_related("token")
        return rows.defer("client_secret", "token__access_token", "token__refresh_token")

    @display(description="Provider", ordering="id")
    def provider(self, obj: SSOProvider) -> SafeString:
        return format_html(
            '<span class="ucs-cell"><span class="ucs-firm">{}</span><span class="ucs-below">{}</span></span>',
            obj.title,
            obj.name,
        )

    @display(description="Account", ordering="token__account")
    def account(self, obj: SSOProvider) -> SafeString | str:
        if obj.token.account:
            return breakable(obj.token.account)
        return (
            format_html('<span class="ucs-quiet">for {}</span>', breakable(obj.mailbox))
            if obj.mailbox
            else "–"
        )

    @display(description="Expiry", ordering="token__expires_at")
    def expiry(self, obj: SSOProvider) -> SafeString | str:
        return when(obj.token.expires_at)

    @display(description="Health")
    def health(self, obj: SSOProvider) -> SafeString:
        return provider_badge(obj) + waiting_badge(obj)

    @display(description="Checklist")
    def checklist(self, obj: Any) -> SafeString | str:
        if obj.for_people and not obj.scope:
            return "–"  # people sign in with it, no mailbox does
        return format_html(
            '<a class="ucs-link ucs-firm" href="{}" title="{}">Checklist {}</a>',
            reverse("admin:sso_ssoprovider_checklist", args=[obj.pk]),
            obj.progress.checklist,
            obj.progress,
        )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        known = checklist_page.of_providers(found.result_list)
        for row in found.result_list:
            chosen = checklist_page.chosen(row, known[row.pk].ticked)
            row.progress = checklist_page.progress(chosen, known[row.pk])
        return found

    @display(description="Sign in")
    def key(self, obj: SSOProvider) -> SafeString:
        # A button of the list's own form: a form inside it would not be valid HTML.
        return format_html(
            '<button type="submit" class="ucs-key" formaction="{}" formmethod="post" '
            'title="Generate Token: sign in with the mailbox user" aria-label="Sign in: {}">🔑</button>',
            reverse("sso:start", args=[obj.pk]),
            obj,
        )

    def page_title(self, request: HttpRequest, object_id: Any) -> dict[str, Any]:
        found = super().page_title(request, object_id)
        obj = self.get_object(request, object_id) if object_id else None
        if obj is None:
            copied = self._copied(request)
            return {"title": f"Copy of {copied.title}"} if copied else found
        return found | {"title": obj.title}

    def next_step(self, obj: SSOProvider) -> str:
        if obj.for_people and not obj.scope:
            return "People can sign in with it on the log-in page from now on."
        who = f"as {obj.mailbox}" if obj.mailbox else "with the e-mail mailbox user account"
        return f"Now click 🔑 in its row and sign in {who}."

    def after_change(self, obj: SSOProvider) -> str:
        token: ProviderToken = obj.token
        if token.signed_in_at is None or token.needs_sign_in:
            return self.next_step(obj)
        return "Its next token is asked for with these settings."

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever changes a provider that people sign in with decides who they are."""
        may = bool(super().has_change_permission(request, obj))
        return may and (is_administrator(request) or obj is None or not obj.for_people)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fieldsets(request, obj)
        return found if is_administrator(request) else [one for one in found if one[1]["fields"] != PEOPLE]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        copied = self._copied(request) if obj is None else None
        return type("ProviderCopyForm", (form,), {"copied": copied}) if copied else form

    def _copied(self, request: HttpRequest) -> SSOProvider | None:
        pk = request.GET.get("copy", "")
        found = SSOProvider.objects.filter(pk=int(pk)).first() if pk.isascii() and pk.isdigit() else None
        return found if found and self.has_change_permission(request, found) else None

    def save_model(self, request: HttpRequest, obj: SSOProvider, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for sentence in form.warnings:
            messages.warning(request, sentence)
        if not change:
            ticks.adopt(obj.type, ticks.of_provider(obj))
            return
        tokens.settings_changed(obj)
        missing = signin.missing_scopes(obj, obj.token.granted_scope) if "scope" in form.changed_data else []
        if missing and obj.token.signed_in_at and not obj.app_only:
            messages.warning(request, check.older_sign_in(obj, missing))
        if "mail_servers" in form.changed_data:
            wake_users(obj.pk)  # who was refused a token may get it now

    def test_connection(self, obj: SSOProvider) -> list[Step]:
        return check.test_connection(obj)

    def works_again(self, obj: SSOProvider) -> None:
        wake_users(obj.pk)

    def _provider_of(self, row: SSOProvider) -> None:
        """The page itself has the 🔑."""

    def connection_health(self, obj: SSOProvider) -> ProviderToken:
        return obj.token

    def delete_model(self, request: HttpRequest, obj: SSOProvider) -> None:
        ticks.forget(ticks.of_provider(obj))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SSOProvider]) -> None:
        for obj in queryset:
            ticks.forget(ticks.of_provider(obj))
        super().delete_queryset(request, queryset)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return allow_sign_in(super().changelist_view(request, extra_context))

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None
        may_change = self.has_change_permission(request, obj)
        more = {"card": card(obj or SSOProvider()) | {"may_change": may_change}, **(extra_context or {})}
        return allow_sign_in(super().changeform_view(request, object_id, form_url, more))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Like a protected relation: who signs in with a provider's token keeps it from being deleted."""
        found, counts, perms, protected = super().get_deleted_objects(objs, request)
        for obj in objs:
            protected += [
                f"{row._meta.verbose_name} {row}: its password is the token URL of {obj}"
                for row in rows_with_token_of(obj.pk)
            ]
        return found, counts, perms, protected

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(describe))
        return [path("describe/", view, name="sso_describe"), *super().get_urls()]


@admin.register(TokenUse)
class TokenUseAdmin(ProductAdmin):
    """Written by the token endpoint alone; here people read."""

    list_display = ("when_given", "provider", "caller")
    list_display_links = None
    list_filter = ("provider",)
    actions = None
    show_full_result_count = False
    empty_sentence = "No program has fetched a token from the token URL in the last 30 days."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="When", ordering="pk")
    def when_given(self, obj: TokenUse) -> SafeString | str:
        return when(obj.at)


def provider_badge(provider: SSOProvider) -> SafeString:
    """Signed in, not signed in, needs sign-in; with the last error in words and whom to ask."""
    token: ProviderToken = provider.token
    error = f"{token.last_error} Ask {provider.owner}." if provider.owner else token.last_error
    if token.needs_sign_in:
        return badge("bad", "needs sign-in", error)
    if token.signed_in_at is None:
        return badge("good", "for people") if provider.for_people else badge("calm", "not signed in")
    if token.is_failing:
        return badge("warn", "signed in, failing", error)
    now, ends_at = timezone.now(), testing_ends_at(provider)
    is_near = ends_at is not None and ends_at - now <= SOON
    return badge("warn" if is_near else "good", "signed in", testing_note(provider, now))


def card(provider: SSOProvider) -> dict[str, Any]:
    """What to copy into the provider's console, and the token URL once there is an ID."""
    if not provider.pk:
        return {"provider": None, "consoles": [console(SSOProvider(type=kind)) for kind in SSOProvider.Type]}
    found = uses.summary(provider.pk)
    known = checklist_page.of_provider(provider)
    standing = checklist_page.progress(checklist_page.chosen(provider, known.ticked), known)
    return {
        "provider": provider,
        "consoles": [console(provider)],
        "token_url": secrets.token_url(str(provider.pk)),
        "badge": provider_badge(provider),
        "progress": standing,
        "cure": standing.checklist.cure(known.trouble) if known.trouble else None,
        "used_by": users_with_pages(provider.pk),
        "uses": found,
        "fetched": when(found.last.at if found else None),
        "source_url": filled_form(provider, "mailsources_emailsource", "imap"),
        "sender_url": filled_form(provider, "mailsenders_emailsender", "smtp"),
    }


def console(provider: SSOProvider) -> dict[str, Any]:
    """The values for the console where a provider's client is registered."""
    titles = {"google": "For the Google Cloud Console", "microsoft": "For the Microsoft Entra admin center"}
    is_google = provider.type == SSOProvider.Type.GOOGLE
    named = provider.pk or provider.type != SSOProvider.Type.GENERIC
    return {
        "kind": provider.type,
        "title": titles.get(provider.type, "For another OAuth 2.0 server"),
        "redirect_label": "Authorized redirect URI" if is_google else CALLBACK,
        "redirect_uri": oauth.redirect_uri(provider) if named else f"{settings.BASE_URL}/login/oauth2/…",
        "origin": settings.BASE_URL if is_google else "",
        "scope": providers.preset(provider.type).scope,
        "needed": " ".join(NEEDED[provider.type]),
        "lists": of_kind(provider.type),
    }


def describe(request: HttpRequest) -> HttpResponse:
    """Whose token a token URL means, for the line below a password field."""
    secret = request.POST.get("secret", "")
    text = secrets.describe(secret) if secret.lower().startswith("http") else ""
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
