"""The form of an email source."""

from typing import Any, cast

from django.db.models import Count
from django.forms import ModelChoiceField

from mailsources.models import EmailSource
from queues.models import EmailQueue
from sso import secrets
from sso.models import ProviderToken
from sso.widgets import SecretsForm, TokenOrPasswordInput


class SourceForm(SecretsForm):
    """Server and sign-in, as the reference page has them, and the queue; the rest may stay as it is."""

    class Meta:
        model = EmailSource
        fields = (
            *("server_type", "public_address", "collected_by"),
            *("server_address", "service_port", "use_ssl", "username", "password"),
            *("queue", "name", "is_active", "aliases", "folder", "after_import", "move_to", "poll_interval"),
            *("import_since", "silence_hours", "authserv_id", "mailbox", "allow_clear_text"),
        )
        widgets = {"password": TokenOrPasswordInput()}

    wants_on = False
    """Whether it is to be switched on, once the row is stored and its test was good."""

    class Media:
        js = ("mailsources/source_form.js",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.fields:  # of somebody who may only look
            return
        self.fields["name"].required = False
        self.fields["name"].help_text = "Shown in lists and settings files; the mailbox when empty."
        self.fields["public_address"].widget.attrs["placeholder"] = "support@example.com"
        self.fields["public_address"].error_messages["invalid"] = (
            "“%(value)s” is no e-mail address: write it as support@example.com."
        )
        made = "" if self.instance.pk else " The address to forward to is made when you click Insert."
        self.fields[
            "public_address"
        ].help_text = f"What customers write to; a mailbox's own when empty. Forwarded mail needs it.{made}"
        self._offer_mailboxes()
        self.fields["server_address"].widget.attrs["placeholder"] = "imap.gmail.com"
        self.fields[
            "service_port"
        ].help_text = "993 or 143 for IMAP, 995 or 110 for POP3, with or without SSL."
        self.fields["use_ssl"].help_text = "Without it STARTTLS is used and must be offered."
        self.fields["allow_clear_text"].help_text = (
            "Without SSL, sign in even if the server offers no STARTTLS: whoever listens on the way can read "
            "the password."
        )
        self.fields["password"].help_text = "A password, or the token URL of an SSO provider."
        self.fields["is_active"].label = "Active"
        self.fields[
            "is_active"
        ].help_text = (
            "Switched on when the connection test is good, which is made when you save; a draft until then."
        )
        if not self.instance.pk:
            self.initial["is_active"] = True
        self.fields["aliases"].widget.attrs["rows"] = 2
        self.fields["folder"].required = False
        self.fields["folder"].help_text = "IMAP only; POP3 knows but one."
        self.fields["after_import"].help_text = (
            "What becomes of a mail in the mailbox. POP3 knows neither folders nor flags: it can only leave "
            "or delete."
        )
        self.fields["queue"].help_text = "Where each mail becomes a conversation."
        if self.instance.pk and self.instance.fetched.exists():
            self.fields["queue"].disabled = True
            self.fields["queue"].help_text = "Fixed since the first mail came: “Move” above changes it."
        if "queue" not in self.initial or self.initial["queue"] is None:
            self.initial["queue"] = queue_without_source()
        # For the script: a click fills in user and token of a mailbox that is signed in already.
        self.fields["password"].widget.attrs["data-signed-in"] = ";".join(
            f"{account} {url}" for account, url in signed_in_mailboxes()
        )

    def _offer_mailboxes(self) -> None:
        """Where forwarded mail may arrive, if no mail server hands it over."""
        mailboxes = EmailSource.objects.exclude(server_type=EmailSource.ServerType.FORWARDING)
        field = cast("ModelChoiceField[EmailSource]", self.fields["collected_by"])
        field.queryset = mailboxes.exclude(pk=self.instance.pk).defer("password")
        field.empty_label = "a mail server hands it over to us"
        field.help_text = (
            "Or the mailbox in which it arrives: the address to forward to is then a plus-address of it, "
            "such as info+…@example.com."
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["folder"] = cleaned.get("folder") or "INBOX"
        is_forwarding = cleaned.get("server_type") == EmailSource.ServerType.FORWARDING
        wanted = cleaned.get("public_address" if is_forwarding else "username")
        if not cleaned.get("name") and wanted:
            cleaned["name"] = free_name(wanted)
        self._foresee_stage(bool(cleaned.get("is_active")))
        return cleaned

    def _foresee_stage(self, wanted: bool) -> None:
        """What is to be active keeps the rules of active ones, though it is stored as it was before."""
        row = self.instance
        self._stage = row.stage if row.pk else EmailSource.Stage.DRAFT
        self.wants_on = wanted and not (row.pk and row.is_active)
        row.stage = EmailSource.Stage.ACTIVE if wanted else self._stage

    def hold_back(self, row: EmailSource) -> None:
        """Undo the tick at Active, which is done when the row was stored and tested."""
        if self.wants_on:
            row.is_active = False
        row.stage = self._stage

    def _check_token_url(self, name: str, value: str) -> None:
        """The row's own rules look at token URLs, for settings files as well; once is enough."""


def queue_without_source() -> EmailQueue | None:
    """The queue that most likely is meant: the first that no mailbox feeds, or the only one."""
    queues = EmailQueue.objects.annotate(fed_by=Count("sources")).order_by("fed_by", "id")[:2]
    return queues[0] if queues and (queues[0].fed_by == 0 or len(queues) == 1) else None


def signed_in_mailboxes() -> list[tuple[str, str]]:
    """Account and token URL of each provider that is signed in, and works."""
    tokens = ProviderToken.objects.filter(signed_in_at__isnull=False, needs_sign_in=False, failures=0)
    found = tokens.exclude(account="").order_by("account").values_list("account", "provider_id")
    return [(account, secrets.token_url(str(provider_id))) for account, provider_id in found]


def free_name(wanted: str) -> str:
    """The name, with a number behind it when another source has it."""
    taken = set(EmailSource.objects.filter(name__startswith=wanted).values_list("name", flat=True))
    names = [wanted, *(f"{wanted} {number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
