"""The form of an agent: the person and the work profile on one page."""

from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from agents.models import Agent
from agents.people import Person
from sso.admin import SecretInput, SecretsForm

PERSON = ("username", "first_name", "last_name", "email", "password", "is_active")


class AgentForm(SecretsForm):
    """Names and password are the user's; role and capacity are the agent's.

    `by_administrator`: whether the form is filled in by somebody who may make administrators.
    """

    by_administrator: ClassVar[bool] = True

    username = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="For sign-in; a user who has it already becomes an agent.",
    )
    first_name = forms.CharField(max_length=150, required=False, widget=UnfoldAdminTextInputWidget())
    last_name = forms.CharField(max_length=150, required=False, widget=UnfoldAdminTextInputWidget())
    email = forms.EmailField(label="E-mail address", required=False, widget=UnfoldAdminEmailInputWidget())
    password = forms.CharField(required=False, widget=SecretInput(), strip=False)
    is_active = forms.BooleanField(
        label="May sign in", required=False, initial=True, widget=UnfoldBooleanSwitchWidget()
    )

    class Meta:
        model = Agent
        fields = (
            "role",
            "capacity",
            "signature",
            "writes",
            "interface",
            "follows_mentions",
            "shifts",
            "time_zone",
            "calendar",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["capacity"].help_text = (
            "Conversations that routing gives at the same time. 1 is best: each further one lies unbegun "
            "while a colleague might have answered it."
        )
        self.fields["signature"].widget.attrs["rows"] = 4
        if self.instance.pk:
            user = self.instance.user
            self.initial.update({name: getattr(user, name) for name in PERSON if name != "password"})
            self.initial["password"] = user.has_usable_password()  # only whether there is one

    def secret_fields(self) -> list[str]:
        """None: what is stored of a password can't be written back, so an empty field is handled by us."""
        return []

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        holder = User.objects.filter(username=username).first()
        own = self.instance.user_id if self.instance.pk else None
        if holder and holder.pk != own and (own or Agent.objects.filter(user=holder).exists()):
            raise forms.ValidationError(f"The username “{username}” is taken: choose another one.")
        if holder and enters_administration(holder) and not self.by_administrator:
            raise forms.ValidationError(f"“{username}” enters the administration: ask an administrator.")
        return username

    def clean_role(self) -> str:
        role: str = self.cleaned_data["role"]
        if role == Agent.Role.ADMINISTRATOR and not self.by_administrator:
            raise forms.ValidationError("Only an administrator makes administrators: choose another role.")
        return role

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "username" in cleaned:
            user = self.instance.user if self.instance.pk else None
            user = user or User.objects.filter(username=cleaned["username"]).first()
            self._check_password(cleaned, is_new=user is None)
            self._check_administrators(cleaned, user)
        return cleaned

    def _check_password(self, cleaned: dict[str, Any], *, is_new: bool) -> None:
        password = cleaned.get("password", "")
        if not password:
            if is_new:
                self.add_error("password", "A new agent needs a password to sign in with.")
            return
        try:
            validate_password(password, User(**{name: cleaned.get(name, "") for name in PERSON[:4]}))
        except forms.ValidationError as error:
            self.add_error("password", error)

    def _check_administrators(self, cleaned: dict[str, Any], user: User | None) -> None:
        """Somebody must be left who can enter the administration."""
        stays = cleaned.get("role") == Agent.Role.ADMINISTRATOR and cleaned.get("is_active")
        if user is None or not user.is_superuser or stays:
            return
        others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
        if not others.exists():
            self.add_error(
                "role",
                f"“{user.get_username()}” is the only administrator: make another one first.",
            )

    @property
    def person(self) -> Person:
        """The user's part of what was typed in."""
        return Person(**{name: self.cleaned_data[name] for name in PERSON})


def enters_administration(user: User) -> bool:
    """Whether only administrators may change this user."""
    return user.is_staff or user.is_superuser
