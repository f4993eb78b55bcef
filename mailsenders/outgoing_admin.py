"""☰ Messaging → Outgoing mail: what leaves, how far it got, and a person's decision where it is needed."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import action, display
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from mailsenders import outbox
from mailsenders.models import OutgoingMail, OutgoingRecipient
from sso import opening
from sso.admin import ProductAdmin, badge, when
from sso.badges import Tone
from sso.opening import Sealed

State = OutgoingMail.State
Recipient = OutgoingRecipient.State
RESENT = ("is sent again", "it leaves in a few seconds")
SETTLED = ("is marked as sent", "nothing more is done with it")

TONES: dict[str, Tone] = {
    State.SENT: "good",
    State.FAILED: "bad",
    State.UNCERTAIN: "warn",
    State.RETRY: "warn",
}
RECIPIENT_TONES: dict[str, Tone] = {
    Recipient.ACCEPTED: "good",
    Recipient.REFUSED: "bad",
    Recipient.RETRY: "warn",
}


@admin.register(OutgoingMail)
class OutgoingAdmin(ProductAdmin):
    """Written by the outbox alone; here people look, send again, or say that it arrived."""

    counted_as = "outgoing mails"
    list_display = ("number", "recipients_list", "sender_name", "condition", "sent")
    list_filter = ("state", "sender", "is_automatic")
    search_fields = ("message_id", "recipients__email")
    list_select_related = ("sender",)
    actions = ("resend", "mark_as_sent")
    change_form_before_template = "mailsenders/outgoing_card.html"

    fields = (
        *("sender", "mail_from", "answers", "message_id", "is_automatic", "created", "created_by"),
        *("attempts", "due", "sent", "last_answer", "sent_folder", "alias"),
    )
    readonly_fields = fields

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("mailsenders/outgoing.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_settle_permission(self, request: HttpRequest) -> bool:
        """Who may decide on a mail: the permission that would otherwise let the row be edited."""
        return request.user.has_perm("mailsenders.change_outgoingmail")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutgoingMail]:
        rows = OutgoingRecipient.objects.order_by("id")
        return super().get_queryset(request).prefetch_related(Prefetch("recipients", rows))

    @display(description="Mail", ordering="id")
    def number(self, obj: OutgoingMail) -> SafeString:
        return format_html(
            '<span class="ucs-cell">{}<span class="ucs-below">{}</span></span>', obj.pk, when(obj.created_at)
        )

    @display(description="Sender", ordering="sender__name")
    def sender_name(self, obj: OutgoingMail) -> str:
        return obj.sender.name

    @display(description="Next try")
    def due(self, obj: OutgoingMail) -> SafeString | str:
        return when(obj.not_before if obj.state in (State.HELD, State.QUEUED, State.RETRY) else None)

    @display(description="Written", ordering="id")
    def created(self, obj: OutgoingMail) -> SafeString | str:
        return when(obj.created_at)

    @display(description="To")
    def recipients_list(self, obj: OutgoingMail) -> SafeString:
        emails = [row.email for row in obj.recipients.all()]
        more = f"and {len(emails) - 1} more" if len(emails) > 1 else ""
        return format_html(
            '<span class="ucs-cell">{}<span class="ucs-below">{}</span></span>', emails[0], more
        )

    @display(description="State", ordering="state")
    def condition(self, obj: OutgoingMail) -> SafeString:
        return condition(obj)

    @display(description="Sent", ordering="sent_at")
    def sent(self, obj: OutgoingMail) -> SafeString | str:
        return when(obj.sent_at)

    @display(description="Sent folder")
    def sent_folder(self, obj: OutgoingMail) -> str:
        return obj.folder_note or obj.get_copy_display()

    @display(description="Recipients")
    def answers(self, obj: OutgoingMail) -> SafeString:
        rows = [
            (row.email, badge(RECIPIENT_TONES.get(row.state, "calm"), row.get_state_display(), row.answer))
            for row in obj.recipients.all()
        ]
        return format_html_join("", '<div class="ucs-recipient">{} {}</div>', rows)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None
        more = {"card": self._card(request, obj)} if obj else {}
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def _card(self, request: HttpRequest, mail: OutgoingMail) -> dict[str, Any]:
        may = self.has_settle_permission(request)
        return {
            "badge": condition(mail),
            "tries_again": mail.state == State.RETRY,
            "is_doubtful": mail.state == State.UNCERTAIN,
            "can_resend": may and outbox.can_resend(mail),
            "can_mark": may and mail.state in (State.UNCERTAIN, State.FAILED),
            "resend_url": self.url("resend", mail.pk),
            "mark_url": self.url("mark", mail.pk),
            "raw_url": self.url("raw", mail.pk),
            "trace_url": reverse("trace-out", args=[mail.pk]),
        }

    def get_urls(self) -> list[URLPattern]:
        def view(work: Callable[..., HttpResponse]) -> Any:
            return self.admin_site.admin_view(work)

        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("<int:pk>/raw/", view(self.raw_view), name=f"{prefix}_raw"),
            path("<int:pk>/resend/", view(require_POST(self.resend_view)), name=f"{prefix}_resend"),
            path("<int:pk>/mark/", view(require_POST(self.mark_view)), name=f"{prefix}_mark"),
            *super().get_urls(),
        ]

    def raw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The very bytes that were sent or are to be sent, for a reason."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        mail = OutgoingMail.objects.select_related("raw").filter(pk=pk).first()
        if mail is None:
            raise Http404
        asked = Sealed(mail, f"the text of outgoing mail {pk}", self.url("change", pk))
        refused = opening.reason(request, asked)
        if isinstance(refused, HttpResponse):
            return refused
        response = HttpResponse(mail.raw.as_bytes(), content_type="message/rfc822")
        response["Content-Disposition"] = f'attachment; filename="outgoing-{pk}.eml"'
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def resend_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Resend”."""
        return self._settle(request, pk, outbox.resend, RESENT)

    def mark_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Was sent”."""
        return self._settle(request, pk, outbox.mark_sent, SETTLED)

    def _settle(
        self, request: HttpRequest, pk: int, decide: Callable[[OutgoingMail], bool], done: tuple[str, str]
    ) -> HttpResponse:
        if not self.has_settle_permission(request):
            raise PermissionDenied
        mail = OutgoingMail.objects.filter(pk=pk).first()
        if mail is None:
            raise Http404
        self._decide(request, [mail], decide, done)
        return redirect(self.url("change", pk))

    @action(description="Resend", permissions=["settle"])
    def resend(self, request: HttpRequest, queryset: QuerySet[OutgoingMail]) -> None:
        """Send the selected mails again."""
        self._decide(request, list(queryset.order_by("id")), outbox.resend, RESENT)

    @action(description="Mark as sent", permissions=["settle"])
    def mark_as_sent(self, request: HttpRequest, queryset: QuerySet[OutgoingMail]) -> None:
        """Take the selected mails for sent."""
        self._decide(request, list(queryset.order_by("id")), outbox.mark_sent, SETTLED)

    def _decide(
        self,
        request: HttpRequest,
        mails: list[OutgoingMail],
        decide: Callable[[OutgoingMail], bool],
        done: tuple[str, str],
    ) -> None:
        for mail in mails:
            if decide(mail):
                act, what_next = done
                self.log_change(request, mail, f"Outgoing mail {mail.pk} {act}.")
                messages.success(request, f"Outgoing mail {mail.pk} {act}: {what_next}.")
            elif outbox.was_emptied(mail):
                messages.warning(
                    request,
                    f"Outgoing mail {mail.pk} was left as it is: its text was deleted, as a person was "
                    "erased or its time was over, so there is nothing to send.",
                )
            else:
                messages.warning(
                    request,
                    f"Outgoing mail {mail.pk} was left as it is ({mail.get_state_display().lower()}): a "
                    "person settles only mails that failed or are uncertain.",
                )


def condition(mail: OutgoingMail) -> SafeString:
    """The state of a mail as a badge, with what went wrong."""
    return badge(TONES.get(mail.state, "calm"), mail.get_state_display(), mail.last_error)
