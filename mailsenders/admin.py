"""☰ Messaging → Email senders."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mailsenders import check
from mailsenders.forms import SenderForm
from mailsenders.models import EmailSender, OutgoingMail
from mailsenders.outgoing_admin import OutgoingAdmin
from sso.admin import ConnectionTest, HealthColumns, ProductAdmin, badge
from sso.steps import Step

__all__ = ["OutgoingAdmin", "SenderAdmin"]

State = OutgoingMail.State
COUNTED = {
    "queued": (State.HELD, State.QUEUED, State.RETRY, State.SENDING),
    "uncertain": (State.UNCERTAIN,),
    "failed": (State.FAILED,),
}


@admin.register(EmailSender)
class SenderAdmin(ConnectionTest, HealthColumns, ProductAdmin):
    """One row for each address that sends; a queue chooses one of them."""

    form = SenderForm
    list_display = (
        "sender",
        "server",
        "address",
        "health",
        "in_outbox",
        "in_doubt",
        "not_sent",
        "last_success",
    )
    list_filter = ("server_type", "is_active")
    search_fields = ("name", "email_address", "server_address", "username")
    list_select_related = ("state",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("server_type", "server_address", "service_port", "username", "password"),
                    *("email_address", "display_name", "name", "is_active"),
                )
            },
        ),
        ("Limits", {"fields": ("limit_per_minute", "limit_per_day"), "classes": ("collapse",)}),
    )
    test_identity: ClassVar[tuple[str, ...]] = ("server_type", "server_address", "service_port", "username")
    test_fields: ClassVar[tuple[str, ...]] = (*test_identity, "password", "email_address")

    def test_connection(self, obj: EmailSender) -> list[Step]:
        return check.test_connection(obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmailSender]:
        return (
            super()
            .get_queryset(request)
            .annotate(**{name: _count(states) for name, states in COUNTED.items()})
        )

    @display(description="Sender", ordering="name")
    def sender(self, obj: EmailSender) -> SafeString:
        below = obj.username if obj.username != obj.name else ""
        return format_html('{}<span class="ucs-below">{}</span>', obj, below)

    @display(description="Server", ordering="server_address")
    def server(self, obj: EmailSender) -> SafeString:
        return format_html(
            '{}:{}<span class="ucs-below">{}</span>',
            obj.server_address,
            obj.service_port,
            obj.get_server_type_display(),
        )

    @display(description="Address", ordering="email_address")
    def address(self, obj: EmailSender) -> str:
        return f"{obj.display_name} <{obj.email_address}>" if obj.display_name else obj.email_address

    @display(description="Queued")
    def in_outbox(self, obj: Any) -> SafeString | str:
        return self._counted(obj, "queued", "calm")

    @display(description="Uncertain")
    def in_doubt(self, obj: Any) -> SafeString | str:
        return self._counted(obj, "uncertain", "warn")

    @display(description="Failed")
    def not_sent(self, obj: Any) -> SafeString | str:
        return self._counted(obj, "failed", "bad")

    def _counted(self, obj: Any, name: str, tone: Any) -> SafeString | str:
        number = getattr(obj, name)
        if not number:
            return "–"
        url = reverse("admin:mailsenders_outgoingmail_changelist")
        which = f"sender__id__exact={obj.pk}&state__in={','.join(COUNTED[name])}"
        return format_html('<a href="{}?{}">{}</a>', url, which, badge(tone, str(number)))

    def next_step(self, obj: EmailSender) -> str:
        return "Now choose it in an email queue; “Test connection” on its page shows whether it can sign in."

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
