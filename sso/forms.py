"""The form of an SSO provider."""

from typing import Any, ClassVar

from django import forms
from django.db.models import Field, URLField
from django.utils import timezone
from django.utils.formats import date_format
from unfold.widgets import UnfoldAdminTextareaWidget

from sso import guard, serverlist
from sso.models import SSOProvider
from sso.providers import origins, preset
from sso.rules import MANY_TENANTS, is_secret_id
from sso.widgets import SecretsForm

URLS = ("authority", "authorization_url", "token_url", "refresh_url", "userinfo_url", "issuer")
PEOPLE = ("for_people", "allowed_domains", "create_people")
SMTP = ("smtp_server", "smtp_port", "smtp_username")
COPIED = (
    *("type", "client_id", "client_secret", "scope", "owner", "tenant", "app_only", "prompt", "validity"),
    *("secret_ends_on", "in_testing", "client_authentication", "mail_servers"),
    *URLS,
)
HIDDEN_UNLESS = {"app_only": SSOProvider.Type.MICROSOFT, "in_testing": SSOProvider.Type.GOOGLE}
"""Boxes that the form shows for one type only: for the others they are not ticked."""

TYPE_IT_AGAIN = (
    "The client secret would go to another server now: type it in again, if that server is to have it."
)
NO_TENANT = (
    "“{tenant}” is no tenant: an app that is registered for one organisation isn't known there. Give the "
    "Directory (tenant) ID from the app's overview page, unless the app is for accounts of any organisation."
)
NO_GUID = (
    "The client secret looks like the secret's ID at Microsoft: its Value is needed, which is shown beside "
    "the ID, and only once, when the secret is made."
)


def formfield(field: "Field[Any, Any]", **kwargs: Any) -> forms.Field | None:
    """The form field of a model field; a web address typed without its scheme is meant to be https."""
    if isinstance(field, URLField):
        kwargs["assume_scheme"] = "https"
    return field.formfield(**kwargs)


class ProviderForm(SecretsForm):
    """Type, client and scope, as the reference page has them; the rest may stay empty.

    `warnings` are sentences to show after saving. `copied` is the provider whose client a new one takes:
    one client at Google serves many mailboxes, each with a provider of its own.
    """

    copied: ClassVar[SSOProvider | None] = None

    class Meta:
        model = SSOProvider
        formfield_callback = formfield
        fields = (
            *(
                "type",
                "client_id",
                "client_secret",
                "tenant",
                "scope",
                "mailbox",
                "shared_mailbox",
                "app_only",
            ),
            *("owner", "secret_ends_on", "in_testing", "name", "prompt", "client_authentication", "validity"),
            *(*PEOPLE, *SMTP, "mail_servers", *URLS),
        )
        widgets: ClassVar[dict[str, Any]] = {"mail_servers": UnfoldAdminTextareaWidget({"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.warnings: list[str] = []
        if not self.fields:  # of somebody who may only look
            return
        common = preset(self.instance.type)
        self.fields["name"].required = self.fields["client_authentication"].required = False
        self.fields["name"].help_text = (
            "For settings files and reports; made from the ID when empty. The redirect URI of a generic "
            "provider ends in it, in small letters with hyphens."
        )
        self.fields["secret_ends_on"].label = "Secret ends on"
        self.fields["client_secret"].required = False  # whether it is needed depends on the type
        self.fields["scope"].help_text = (
            f"What the sign-in may do; for mail {common.scope}"
            if common.scope
            else "What the sign-in may do."
        )
        self.fields["mail_servers"].help_text = _servers_help(self.instance)
        if not self.instance.pk:
            self.fields["scope"].help_text = "What the sign-in may do; filled in for Google and Microsoft."
            self.initial.setdefault("scope", common.scope)
        if self.instance.secret_changed_at:
            day = date_format(timezone.localtime(self.instance.secret_changed_at), "DATE_FORMAT")
            self.fields["client_secret"].help_text = f"Set, changed on {day}."
        if self.instance.type == SSOProvider.Type.MICROSOFT and is_secret_id(
            self.initial.get("client_secret") or ""
        ):
            self.fields["client_secret"].help_text = NO_GUID
        if self.copied:
            self.initial.update({name: getattr(self.copied, name) for name in COPIED})
        for name in URLS:
            self.fields[name].widget.attrs["placeholder"] = getattr(common, name)

    def clean_scope(self) -> str:
        """The scope of the chosen type, where only the default of another stood there."""
        common = preset(self.cleaned_data.get("type") or self.instance.type)
        words = str(self.cleaned_data["scope"]).split()
        others = {preset(kind).scope for kind in SSOProvider.Type.values if preset(kind) is not common}
        if words and " ".join(words) in others:
            words = common.scope.split()
        for scope in common.mail_scopes:
            if scope.endswith("/") and scope[:-1] in words:
                words = [scope if word == scope[:-1] else word for word in words]
                self.warnings.append(f"The scope must end with a slash, so it was added: {scope}")
        if words and common.mail_scopes and not set(words) & set(common.mail_scopes):
            wanted = " or ".join(common.mail_scopes)
            self.warnings.append(f"The scope doesn't hold {wanted}: without it mail can't be read or sent.")
        return " ".join(dict.fromkeys(words))

    def clean(self) -> dict[str, Any]:
        typed = not self.kept("client_secret")
        cleaned = super().clean()
        cleaned |= {name: False for name, kind in HIDDEN_UNLESS.items() if cleaned.get("type") != kind}
        if cleaned.get("type") != SSOProvider.Type.GENERIC or not cleaned.get("client_authentication"):
            cleaned["client_authentication"] = SSOProvider.ClientAuthentication.POST
        if not typed and self._goes_elsewhere(cleaned):
            self.add_error("client_secret", TYPE_IT_AGAIN)
        if cleaned.get("type") == SSOProvider.Type.MICROSOFT and is_secret_id(
            cleaned.get("client_secret", "")
        ):
            self.warnings.append(NO_GUID)
        tenant = str(cleaned.get("tenant") or "")
        if cleaned.get("type") == SSOProvider.Type.MICROSOFT and tenant.lower() in MANY_TENANTS:
            self.warnings.append(NO_TENANT.format(tenant=tenant))
        for name in URLS:
            if cleaned.get(name):
                self._check_url(name, cleaned[name])
        if not self.instance.pk and not cleaned.get("mail_servers"):
            cleaned["mail_servers"] = serverlist.in_lines(" ".join(_neighbours(cleaned)))
        return cleaned

    def _goes_elsewhere(self, cleaned: dict[str, Any]) -> bool:
        """Whether the stored secret, which nobody can read here, is about to be sent to another server."""
        wanted = SSOProvider(**{name: cleaned.get(name) or "" for name in ("type", "tenant", *URLS)})
        return bool(cleaned.get("type")) and origins(wanted) != origins(self.copied or self.instance)

    def _check_url(self, name: str, url: str) -> None:
        label = str(self.fields[name].label)
        try:
            guard.check_url(url, what=f"The {label[0].lower()}{label[1:]}")
        except guard.GuardError as error:
            self.add_error(name, forms.ValidationError(str(error)))


def _servers_help(provider: SSOProvider) -> str:
    known = ", ".join(preset(provider.type).servers) if provider.pk else ""
    return (
        f"Mail servers besides {known or 'those of Google and Microsoft'} and the SMTP server above, one on "
        "each line; *.example.com for all of a domain. Sources and senders at others are refused its tokens."
    )


def _neighbours(cleaned: dict[str, Any]) -> list[str]:
    """Beside the SMTP server of a generic provider, the usual names of the servers for fetching."""
    first, _, domain = str(cleaned.get("smtp_server") or "").partition(".")
    is_usual = cleaned.get("type") == SSOProvider.Type.GENERIC and first.lower() == "smtp" and "." in domain
    return [f"imap.{domain}", f"pop.{domain}"] if is_usual else []
