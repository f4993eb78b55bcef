"""The form of an SSO provider."""

from typing import Any, ClassVar

from django import forms
from django.db.models import Field, URLField
from django.utils import timezone
from django.utils.formats import date_format

from sso import guard
from sso.models import SSOProvider
from sso.providers import preset
from sso.widgets import SecretsForm

URLS = ("authorization_url", "token_url", "refresh_url")
COPIED = ("type", "client_id", "client_secret", "scope", "owner", *URLS)


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
        fields = ("type", "client_id", "client_secret", "scope", "mailbox", "owner", "name", *URLS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.warnings: list[str] = []
        common = preset(self.instance.type)
        self.fields["name"].required = False
        self.fields["name"].help_text = "For settings files and reports; made from the ID when empty."
        self.fields["scope"].help_text = f"What the sign-in may do; for mail {common.scope}"
        if not self.instance.pk:
            self.initial.setdefault("scope", common.scope)
        if self.instance.secret_changed_at:
            day = date_format(timezone.localtime(self.instance.secret_changed_at), "DATE_FORMAT")
            self.fields["client_secret"].help_text = f"Set, changed on {day}."
        if self.copied:
            self.initial.update({name: getattr(self.copied, name) for name in COPIED})
            self.fields["client_secret"].required = False
        for name in URLS:
            self.fields[name].widget.attrs["placeholder"] = getattr(common, name)

    def clean_scope(self) -> str:
        words = str(self.cleaned_data["scope"]).split()
        mail_scope = preset(self.instance.type).mail_scope
        if mail_scope.endswith("/") and mail_scope[:-1] in words:
            words = [mail_scope if word == mail_scope[:-1] else word for word in words]
            self.warnings.append(f"The scope must end with a slash, so it was added: {mail_scope}")
        elif words and mail_scope not in words:
            self.warnings.append(
                f"The scope doesn't hold {mail_scope}: without it mail can't be read or sent."
            )
        return " ".join(dict.fromkeys(words))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name in URLS:
            if cleaned.get(name):
                self._check_url(name, cleaned[name])
        return cleaned

    def _check_url(self, name: str, url: str) -> None:
        label = str(self.fields[name].label)
        try:
            guard.check_url(url, what=f"The {label[0].lower()}{label[1:]}")
        except guard.GuardError as error:
            self.add_error(name, forms.ValidationError(str(error)))
