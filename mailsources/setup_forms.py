"""The forms of the page “add mailbox”, one for each step."""

from typing import Any

from django import forms

from mailsenders.forms import UNCONFIRMED
from mailsenders.models import EmailSender
from mailsources.setup_models import MailboxSetup
from queues.models import EmailQueue
from sso.models import SSOProvider
from sso.providers import preset

FIELD = {"class": "ucs-try-field"}
KINDS = (SSOProvider.Type.GOOGLE, SSOProvider.Type.MICROSOFT)


class AddressForm(forms.Form):
    """The address first: the rest is looked up."""

    address = forms.EmailField(
        label="E-mail address",
        max_length=320,
        widget=forms.EmailInput(attrs=FIELD | {"placeholder": "support@example.com", "autofocus": True}),
    )


class ServersForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes no argument when it runs
    """Where mail comes in and goes out."""

    clear_text_confirmed = forms.BooleanField(
        required=False, label="With None for sending: I know that everybody on the way can read it"
    )

    class Meta:
        model = MailboxSetup
        fields = (
            *("server_type", "server_address", "service_port", "use_ssl"),
            *("out_type", "out_address", "out_port"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if name not in {"use_ssl", "clear_text_confirmed"}:
                field.widget.attrs.update(FIELD)
        for name in ("server_address", "out_address"):
            self.fields[name].required = True
        self.initial["clear_text_confirmed"] = self.instance.out_type == EmailSender.ServerType.NONE

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        confirmed = cleaned.pop("clear_text_confirmed", False)  # no field of the row
        if cleaned.get("out_type") == EmailSender.ServerType.NONE and not confirmed:
            self.add_error("clear_text_confirmed", UNCONFIRMED)
        return cleaned


class SignInForm(forms.Form):
    """A password, a provider that is there, or a new one."""

    username = forms.CharField(max_length=320, widget=forms.TextInput(attrs=FIELD))
    way = forms.ChoiceField(
        choices=[("password", "Password"), ("provider", "SSO provider that is there"), ("new", "🔑 New one")],
        widget=forms.RadioSelect,
    )
    password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs=FIELD | {"autocomplete": "new-password"}),
    )
    provider = forms.ModelChoiceField(
        SSOProvider.objects.none(), required=False, label="Provider", widget=forms.Select(attrs=FIELD)
    )
    kind = forms.ChoiceField(label="Type", required=False, widget=forms.Select(attrs=FIELD))
    shared = forms.ModelChoiceField(
        SSOProvider.objects.none(),
        required=False,
        label="Client",
        empty_label="Another one, given below",
        widget=forms.Select(attrs=FIELD),
    )
    client_id = forms.CharField(
        label="Client ID", required=False, max_length=500, widget=forms.TextInput(attrs=FIELD)
    )
    client_secret = forms.CharField(
        label="Client secret",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs=FIELD | {"autocomplete": "new-password"}),
    )

    def __init__(self, setup: MailboxSetup, *args: Any, **kwargs: Any) -> None:
        self.setup = setup
        kwargs.setdefault("initial", _first_choice(setup))
        super().__init__(*args, **kwargs)
        if setup.password:
            self.fields["password"].widget.attrs["placeholder"] = "kept; type a new one to change it"
        every = SSOProvider.objects.exclude(scope="").select_related("token").order_by("name")
        self.fields["provider"].queryset = every  # type: ignore[attr-defined]
        self.fields["shared"].queryset = every.exclude(client_id="")  # type: ignore[attr-defined]
        self.fields["kind"].choices = [(kind.value, kind.label) for kind in KINDS]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        way = cleaned.get("way")
        if way == "password" and not cleaned.get("password") and not self.setup.password:
            self.add_error("password", "Type the password of the mailbox in.")
        if way == "provider" and not cleaned.get("provider"):
            self.add_error("provider", "Choose whose token is the password.")
        own = cleaned.get("client_id") and cleaned.get("client_secret")
        if way == "new" and not cleaned.get("shared") and not own:
            self.add_error("client_id", "Give the client ID and secret of the provider's console.")
        shared = cleaned.get("shared")
        if way == "new" and shared and shared.type != cleaned.get("kind"):
            kind = SSOProvider.Type(cleaned["kind"]).label if cleaned.get("kind") else "another type"
            own = shared.get_type_display()
            self.add_error(
                "shared", f"“{shared.name}” is a client of {own}, not of {kind}: choose another one."
            )
        return cleaned

    def client(self) -> tuple[str, str]:
        """Id and secret of the client: a provider's that is there, or those typed in."""
        shared: SSOProvider | None = self.cleaned_data["shared"]
        if shared is not None:
            whole = SSOProvider.objects.get(pk=shared.pk)
            return whole.client_id, whole.client_secret
        return self.cleaned_data["client_id"].strip(), self.cleaned_data["client_secret"].strip()


class QueueForm(forms.Form):
    """A queue that is there, or a new one."""

    queue = forms.ModelChoiceField(
        EmailQueue.objects.all(),
        required=False,
        empty_label="A new one, named below",
        widget=forms.Select(attrs=FIELD),
    )
    name = forms.CharField(
        label="New queue", required=False, max_length=200, widget=forms.TextInput(attrs=FIELD)
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        name = (cleaned.get("name") or "").strip()
        if not cleaned.get("queue") and not name:
            self.add_error("queue", "Choose a queue, or name a new one.")
        if not cleaned.get("queue") and EmailQueue.objects.filter(name=name).exists():
            self.add_error("name", f"There is a queue “{name}” already: choose it above.")
        return cleaned | {"name": name}


def _first_choice(setup: MailboxSetup) -> dict[str, Any]:
    """What is most likely meant."""
    provider = setup.provider or SSOProvider.objects.filter(token__account__iexact=setup.address).first()
    way = "provider" if provider else "new" if setup.kind and not setup.password else "password"
    kind = setup.kind or SSOProvider.Type.GOOGLE
    shared = SSOProvider.objects.filter(type=kind, scope=preset(kind).scope).exclude(client_id="").first()
    return {
        "username": setup.username, "way": way, "provider": provider, "kind": kind, "shared": shared
    }  # fmt: skip
