"""☰ Messaging → Email senders."""

from typing import Any, ClassVar

from django.contrib.admin import display
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from mailsenders import check, parking
from mailsenders.forms import LIMITS, SenderForm
from mailsenders.models import EmailSender, OutgoingMail
from mailsenders.outgoing_admin import OutgoingAdmin
from mailsenders.testsend_admin import TestSendPages
from sso.admin import ConnectionTest, HealthColumns, badge
from sso.badges import Tone
from sso.steps import Step

__all__ = ["OutgoingAdmin", "SenderAdmin"]

State = OutgoingMail.State
COUNTED = {
    "queued": (State.HELD, State.QUEUED, State.RETRY, State.SENDING),
    "uncertain": (State.UNCERTAIN,),
    "failed": (State.FAILED,),
}
TONES: dict[str, Tone] = {"queued": "calm", "uncertain": "warn", "failed": "bad"}


class SenderAdmin(ConnectionTest, HealthColumns, TestSendPages):
    """One row for each address that sends; a queue chooses one of them.

    Registered by the floor that knows mailboxes, which adds the Sent folder and the round trip.
    """

    form = SenderForm
    change_form_after_template = "mailsenders/sender_after.html"
    list_display = ("sender", "server", "health", "outbox", "last_success")
    list_filter = ("server_type", "is_active")
    search_fields = ("name", "email_address", "server_address", "username")
    list_select_related = ("state",)
    fieldsets: Any = (
        (
            None,
            {
                "fields": (
                    *("server_type", "clear_text_confirmed", "server_address", "service_port"),
                    *("username", "password"),
                    *("email_address", "display_name", "aliases", "name", "is_active"),
                )
            },
        ),
        ("Limits", {"fields": LIMITS, "classes": ("collapse",)}),
    )
    test_identity: ClassVar[tuple[str, ...]] = ("server_type", "server_address", "service_port", "username")
    test_fields: ClassVar[tuple[str, ...]] = (*test_identity, "password", "email_address")

    @display(description="Clear text confirmed", boolean=True)
    def clear_text_confirmed(self, obj: EmailSender) -> bool:
        """For who may only look; in the form it is a tick."""
        return obj.server_type == EmailSender.ServerType.NONE

    def test_connection(self, obj: EmailSender) -> list[Step]:
        return check.test_connection(obj)

    def works_again(self, obj: EmailSender) -> None:
        if obj.state.is_failing:
            parking.end_pause(obj.pk)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmailSender]:
        rows: QuerySet[EmailSender] = super().get_queryset(request)
        counts = {name: _count(states) for name, states in COUNTED.items()}
        counted: QuerySet[EmailSender] = rows.annotate(**counts)
        return counted

    @display(description="Sender", ordering="name")
    def sender(self, obj: EmailSender) -> SafeString:
        address = f"{obj.display_name} <{obj.email_address}>" if obj.display_name else obj.email_address
        below = address if address != obj.name else ""
        return format_html('<span class="ucs-cell">{}<span class="ucs-below">{}</span></span>', obj, below)

    @display(description="Server", ordering="server_address")
    def server(self, obj: EmailSender) -> SafeString:
        return format_html(
            '<span class="ucs-cell">{}:{}<span class="ucs-below">{}</span></span>',
            obj.server_address,
            obj.service_port,
            obj.get_server_type_display(),
        )

    @display(description="Outbox")
    def outbox(self, obj: Any) -> SafeString | str:
        """How many mails wait, are in doubt, or failed, each a link to them."""
        url = reverse("admin:mailsenders_outgoingmail_changelist")
        shown = [
            (url, obj.pk, ",".join(states), badge(TONES[name], f"{getattr(obj, name)} {name}"))
            for name, states in COUNTED.items()
            if getattr(obj, name)
        ]
        if not shown:
            return "–"
        link = '<a href="{}?sender__id__exact={}&state__in={}">{}</a>'
        return format_html('<span class="ucs-outbox">{}</span>', format_html_join("", link, shown))

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("mailsenders/outgoing.css",)}

    def next_step(self, obj: EmailSender) -> str:
        return "Now choose it in an email queue; “Test connection” on its page shows whether it can sign in."

    def after_change(self, obj: EmailSender) -> str:
        if not obj.is_active:
            return "It is switched off: its mails wait until it is active."
        return "The next mail leaves with these settings."

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """A sender in use stays: its queues need it, and the mails it has sent belong to conversations."""
        reasons = [reason for sender in objs for reason in in_use(sender)]
        if reasons:
            return [], {}, set(), reasons
        return super().get_deleted_objects(objs, request)  # type: ignore[no-any-return]


def in_use(sender: EmailSender) -> list[str]:
    """Why a sender can't be deleted, a sentence each."""
    found = [
        f"Email queue “{queue}” sends with “{sender}”: choose another sender there first."
        for queue in sender.queues.all()
    ]
    sent = sender.outgoing.count()
    if sent:
        found.append(
            f"“{sender}” has {sent:,} mails in its conversations: switch it off (not active) instead of "
            "deleting it."
        )
    return found


def _count(states: tuple[str, ...]) -> Coalesce:
    mails = OutgoingMail.objects.filter(sender=OuterRef("pk"), state__in=states).order_by()
    return Coalesce(Subquery(mails.values("sender").annotate(number=Count("pk")).values("number")), 0)
