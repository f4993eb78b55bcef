"""The form of an email sender."""

import json
from dataclasses import asdict
from typing import Any

from django import forms
from unfold.widgets import UnfoldBooleanSwitchWidget

from mailsenders.budget import FIELDS
from mailsenders.models import EmailSender
from mailsenders.provider_budgets import provider_budgets
from sso import secrets
from sso.models import ProviderToken
from sso.widgets import SecretsForm, TokenOrPasswordInput

UNCONFIRMED = (
    "With None, mail and password travel readable by everybody on the way: tick “I know that everybody on "
    "the way can read it” if that is meant, or choose STARTTLS or SSL."
)
LIMITS = (*FIELDS, "recipients_per_message", "connections")


class SenderForm(SecretsForm):
    """Server, sign-in and address, as the reference page has them; the rest may stay empty."""

    clear_text_confirmed = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="I know that everybody on the way can read it",
        help_text="Server type None encrypts nothing: for servers in your own network.",
    )

    class Meta:
        model = EmailSender
        fields: tuple[str, ...] = (
            *("server_type", "server_address", "service_port", "username", "password", "email_address"),
            *("display_name", "aliases", "name", *LIMITS, "is_active"),
        )
        widgets = {"password": TokenOrPasswordInput()}
        labels = {
            "is_active": "Active",
            "limit_per_minute": "Messages per minute",
            "limit_per_hour": "Messages per hour",
            "limit_per_day": "Messages per day",
            "connections": "Connections at once",
        }
        help_texts = dict.fromkeys(("limit_per_minute", "limit_per_hour"), "Empty for no limit.") | {
            "limit_per_day": "Empty for no limit. A day is the last 24 hours. Of hour and day, a fifth is "
            "kept for replies of people: automatic mail waits before."
        }

    class Media:
        js = ("mailsenders/sender_form.js",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" not in self.fields:  # of somebody who may only look
            return
        self.fields["name"].required = self.fields["connections"].required = False
        self.fields["name"].help_text = "Shown in lists and settings files; the e-mail address when empty."
        self.fields["display_name"].help_text = "The name beside the address, such as Support of Example Ltd."
        self.fields["aliases"].help_text = (
            "An answer comes from the address that the customer wrote to, if it stands here: addresses, or "
            "domains such as @example.com for all of our addresses there, one in a line. The server must let "
            "the username send from them."
        )
        self.fields["aliases"].widget.attrs["rows"] = 3
        self.initial["clear_text_confirmed"] = bool(
            self.instance.pk and self.instance.server_type == EmailSender.ServerType.NONE
        )
        self.fields["server_address"].widget.attrs["placeholder"] = "smtp.gmail.com"
        # For the script: what providers allow, filled in by a click, and by itself for a new sender.
        self.fields["server_address"].widget.attrs["data-budgets"] = json.dumps(
            [asdict(each) for each in provider_budgets()]
        )
        self.fields["service_port"].help_text = "587 for STARTTLS, 465 for SSL, 25 for None."
        self.fields["password"].help_text = "A password, or the token URL of an SSO provider."
        # For the script: a click fills in user and token of a mailbox that is signed in already.
        self.fields["password"].widget.attrs["data-signed-in"] = ";".join(
            f"{account} {url}" for account, url in signed_in_mailboxes()
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        in_clear = cleaned.get("server_type") == EmailSender.ServerType.NONE
        if in_clear and not cleaned.get("clear_text_confirmed"):
            self.add_error("clear_text_confirmed", UNCONFIRMED)
        if "connections" in self.fields and not cleaned.get("connections"):
            cleaned["connections"] = EmailSender._meta.get_field("connections").get_default()
        if not cleaned.get("name") and cleaned.get("email_address"):
            cleaned["name"] = free_name(cleaned["email_address"])
        return cleaned

    def _check_token_url(self, name: str, value: str) -> None:
        """The row's own rules look at token URLs, for settings files as well; once is enough."""


def signed_in_mailboxes() -> list[tuple[str, str]]:
    """Account and token URL of each provider that is signed in, and works."""
    tokens = ProviderToken.objects.filter(signed_in_at__isnull=False, needs_sign_in=False, failures=0)
    found = tokens.exclude(account="").order_by("account").values_list("account", "provider_id")
    return [(account, secrets.token_url(str(provider_id))) for account, provider_id in found]


def free_name(wanted: str) -> str:
    """The name, with a number behind it when another sender has it."""
    taken = set(EmailSender.objects.filter(name__startswith=wanted).values_list("name", flat=True))
    names = [wanted, *(f"{wanted} {number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
