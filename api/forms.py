"""The form of a key and of a client."""

from typing import Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from api import scopes
from api.models import PER_MINUTE, APIClient, APIKey, Permit
from sso.admin import SecretsForm


class PermitForm(SecretsForm):
    """Whose rights, what for, how often and how long."""

    scopes = forms.MultipleChoiceField(
        choices=[(word, f"{word} – {text}") for word, text in scopes.SCOPES.items()],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="None ticked: all that its user may. No scope gives a right that the user has not.",
    )

    class Meta:
        model: ClassVar[type[Permit]] = APIKey
        fields = ("user", "name", "per_minute", "expires_at")

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("scopes.css",)}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "per_minute" in self.fields:
            self.fields["per_minute"].required = False
            self.fields["per_minute"].help_text = f"Empty for {PER_MINUTE}."

    def clean_per_minute(self) -> int:
        """As many as usual where nothing is said."""
        return self.cleaned_data["per_minute"] or PER_MINUTE

    def clean(self) -> dict[str, Any]:
        """What is ticked, as it is stored."""
        cleaned = super().clean()
        if "scopes" in cleaned:
            self.instance.scope = scopes.written(cleaned["scopes"] or [scopes.EVERYTHING])
        return cleaned


class ClientForm(PermitForm):
    """The same for a program that gets its keys by itself."""

    class Meta(PermitForm.Meta):
        model = APIClient
