"""Form fields for secrets: written, never shown."""

from copy import copy
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminPasswordWidget

from sso import belonging, secrets

KEEP = "stored: leave empty to keep it"
TYPE_AGAIN = "not stored yet: type it in again"
TYPE_AGAIN_FOR_IT = "type it in again for this server"
TYPE_AGAIN_OR_KEEP = "type it in again; empty keeps the old one"


class SecretInput(UnfoldAdminPasswordWidget):  # type: ignore[misc]  # unfold has no types
    """A password field that never renders what is stored.

    A token URL is no secret and is shown as text, with whose token it is below.

    :param accepts_token_url: tell below the field whose token a typed token URL means.

    `hint` is said in the empty field of a form that comes back with errors: what was typed is gone then.
    """

    template_name = "sso/secret_input.html"
    hint: str | None = None

    def __init__(self, attrs: dict[str, Any] | None = None, *, accepts_token_url: bool = False) -> None:
        super().__init__({"autocomplete": "new-password", "spellcheck": "false", **(attrs or {})})
        self.accepts_token_url = accepts_token_url

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        stored = str(value or "")
        if stored and self.accepts_token_url and secrets.is_token_url(stored):
            context["widget"] |= {"type": "text", "value": stored}
        elif hint := (KEEP if stored else "") if self.hint is None else self.hint:
            context["widget"]["attrs"]["placeholder"] = hint
        note = secrets.describe(stored) if stored and self.accepts_token_url else ""
        return context | {"accepts_token_url": self.accepts_token_url, "note": note}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        value = super().value_from_datadict(data, files, name)
        return value.strip() if value and secrets.is_token_url(value) else value


class TokenOrPasswordInput(SecretInput):
    """For the password of a mailbox or a sender."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, accepts_token_url=True)


class SecretsForm(forms.ModelForm):  # type: ignore[type-arg]
    """A model form whose empty secret fields keep what is stored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.secret_fields():
            if self.initial.get(name):
                self.fields[name].required = False

    def secret_fields(self) -> list[str]:
        return [name for name, field in self.fields.items() if isinstance(field.widget, SecretInput)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in self.secret_fields():
            self.fields[name].widget.hint = self._hint(name)
            if name in cleaned and not cleaned[name]:
                cleaned[name] = self.initial.get(name) or ""
            if cleaned.get(name) and self.fields[name].widget.accepts_token_url:
                self._check_token_url(name, cleaned[name])
        self._check_belonging(cleaned)
        return cleaned

    def _check_belonging(self, cleaned: dict[str, Any]) -> None:
        """A stored password is not sent to another server because somebody changed the address."""
        if not (self.instance.pk and "password" in cleaned and hasattr(self.instance, "belongs")):
            return
        typed = copy(self.instance)  # Django fills the instance itself in only after this
        for name, value in cleaned.items():
            setattr(typed, name, value)
        if self.kept("password") and (sentence := belonging.why_not_kept(self.instance, typed)):
            self.fields["password"].widget.hint = TYPE_AGAIN_FOR_IT
            self.add_error("password", sentence)

    def _hint(self, name: str) -> str:
        is_stored, is_typed = bool(self.initial.get(name)), bool(self.data.get(self.add_prefix(name)))
        if is_typed:
            return TYPE_AGAIN_OR_KEEP if is_stored else TYPE_AGAIN
        return KEEP if is_stored else ""

    def _update_errors(self, errors: ValidationError) -> None:
        """Of a field whose input was refused already the row knows nothing: one sentence is enough."""
        for name in self.errors.keys() & getattr(errors, "error_dict", {}).keys():
            del errors.error_dict[name]
        super()._update_errors(errors)  # type: ignore[misc]  # django-stubs leave it out

    def _check_token_url(self, name: str, value: str) -> None:
        try:
            secrets.token_provider_id(value)
        except secrets.NotATokenURL as error:
            self.add_error(name, error.sentence)

    def kept(self, name: str) -> bool:
        """Whether the stored secret is used as nothing was typed, or only blanks, which forms strip."""
        typed = str(self.data.get(self.add_prefix(name)) or "").strip()
        return bool(self.initial.get(name)) and not typed
