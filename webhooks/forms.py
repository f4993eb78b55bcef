"""The forms of webhooks and of connections to a CRM."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminURLInputWidget,
)

from mailstore.feed_models import FeedEvent
from sso.widgets import TYPE_AGAIN_FOR_IT, SecretsForm
from webhooks.crm_models import OUR_FIELDS, token_goes_elsewhere
from webhooks.models import CrmConnection, Webhook

TYPES = [(each.value, each.value) for each in FeedEvent.Type]


class WebhookForm(SecretsForm):
    """Where to, what of, and with which secret."""

    url = forms.URLField(
        label="URL",
        max_length=2000,
        assume_scheme="https",
        widget=UnfoldAdminURLInputWidget,
        help_text="https://; it must answer each POST with a status from 200 to 299.",
    )
    events = forms.MultipleChoiceField(
        choices=TYPES,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="docs/webhooks.md says what each of them is.",
        error_messages={"required": "Choose one type of event at least."},
    )

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = ("name", "url", "secret", "events", "queue", "source", "is_active")


class PairsField(forms.CharField):
    """A line for each pair: `their field = ours`."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), **options)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{key} = {one}" for key, one in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        found: dict[str, str] = {}
        for line in str(value or "").splitlines():
            key, equals, one = (each.strip() for each in line.partition("="))
            if not line.strip():
                continue
            if not (key and equals and one):
                raise forms.ValidationError(f"“{line.strip()[:60]}” is no pair: write it like gold = urgent.")
            found[key] = one
        return found


class CrmForm(SecretsForm):
    """A CRM: where it is, its token, which field is which, what is looked up."""

    kind = forms.ChoiceField(
        choices=[each for each in Webhook.Kind.choices if each[0] != Webhook.Kind.WEBHOOK],
        widget=UnfoldAdminSelectWidget,
    )
    url = forms.URLField(
        label="URL",
        max_length=2000,
        assume_scheme="https",
        initial="https://api.hubapi.com",
        widget=UnfoldAdminURLInputWidget,
        help_text="Where the system's API begins; HubSpot: https://api.hubapi.com.",
    )
    record_fields = PairsField(
        label="Fields of a record",
        help_text=f"REST: a line each, their field = ours, or = and words: {', '.join(OUR_FIELDS)}.",
    )
    look_up_fields = PairsField(
        label="What a look-up sets",
        help_text="A line each, ours = their field: priority, queue, language. Empty: nobody is looked up.",
    )
    look_up_values = PairsField(
        label="Their values", help_text="A line each, theirs = ours, such as gold = urgent."
    )

    class Meta:
        model = CrmConnection
        fields: tuple[str, ...] = (
            *("kind", "name", "url", "secret", "queue", "source", "makes_contacts"),
            *("record_path", "record_fields", "record_id"),
            *("look_up_path", "look_up_fields", "look_up_values", "is_active"),
        )
        labels = {"secret": "Token", "record_id": "Field of the record's id"}
        help_texts = {"secret": "HubSpot: the access token of a private app; REST: sent as Bearer token."}

    def clean(self) -> dict[str, Any]:
        """The stored token is not sent to another server because somebody changed the URL."""
        cleaned = super().clean()
        is_kept = self.instance.pk and cleaned.get("url") and self.kept("secret")
        if is_kept and (sentence := token_goes_elsewhere(self.instance.url, cleaned["url"])):
            self.fields["secret"].widget.hint = TYPE_AGAIN_FOR_IT
            self.add_error("secret", sentence)
        return cleaned
