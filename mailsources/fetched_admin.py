"""☰ Messaging → Fetched mail: the ledger, and a person's way out of quarantine."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import action, display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from mailsources.deliver import NotRetryable, retry
from mailsources.models import FetchedMail
from mailsources.tasks import announce_delivery, look_soon
from sso.admin import ProductAdmin, badge, when
from sso.badges import Tone

State = FetchedMail.State

TONES: dict[str, Tone] = {State.DELIVERED: "good", State.FAILED: "bad", State.SKIPPED: "calm"}


@admin.register(FetchedMail)
class FetchedAdmin(ProductAdmin):
    """Written by the ledger alone; here people look, and try what failed again."""

    list_display = ("number", "origin", "fetched", "condition", "attempts", "octets", "header_id")
    list_filter = ("state", "source")
    search_fields = ("=header_id", "=content_hash")
    list_select_related = ("source",)
    actions = ("retry_selected",)
    change_form_before_template = "mailsources/fetched_card.html"
    fields = (
        *("source", "folder", "uid", "uidvalidity", "uidl", "epoch", "header_id", "content_hash", "octets"),
        *("received_at", "fetched_at", "attempts", "delivered_at", "settled_at"),
    )
    readonly_fields = fields
    empty_sentence = "Each mail that a mailbox shows is noted here once, with what became of it."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Who may try again: the permission that would otherwise let the row be edited."""
        return request.user.has_perm("mailsources.change_fetchedmail")

    @display(description="Mail", ordering="id")
    def number(self, obj: FetchedMail) -> str:
        return f"{obj.pk}"

    @display(description="Source", ordering="source__name")
    def origin(self, obj: FetchedMail) -> SafeString:
        return format_html('<span class="ucs-firm">{}</span>', obj.source)

    @display(description="Fetched", ordering="id")
    def fetched(self, obj: FetchedMail) -> SafeString | str:
        return when(obj.fetched_at)

    @display(description="State", ordering="state")
    def condition(self, obj: FetchedMail) -> SafeString:
        return condition(obj)

    @display(description="Size", ordering="size")
    def octets(self, obj: FetchedMail) -> str:
        return filesizeformat(obj.size)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None
        more = {"card": self._card(request, obj)} if obj else {}
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def _card(self, request: HttpRequest, fetched: FetchedMail) -> dict[str, Any]:
        message = fetched.message
        return {
            "badge": condition(fetched),
            "can_retry": fetched.state == State.FAILED and self.has_retry_permission(request),
            "retry_url": self.url("retry", fetched.pk),
            "raw_url": self.url("raw", fetched.pk) if fetched.raw_id else "",
            "conversation_url": reverse("conversation", args=[message.conversation_id]) if message else "",
        }

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        raw = self.admin_site.admin_view(self.raw_view)
        again = self.admin_site.admin_view(require_POST(self.retry_view))
        return [
            path("<int:pk>/raw/", raw, name=f"{prefix}_raw"),
            path("<int:pk>/retry/", again, name=f"{prefix}_retry"),
            *super().get_urls(),
        ]

    def raw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The very bytes that the mailbox gave."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        fetched = FetchedMail.objects.select_related("raw").filter(pk=pk).first()
        if fetched is None or fetched.raw is None:
            raise Http404
        response = HttpResponse(fetched.raw.as_bytes(), content_type="message/rfc822")
        response["Content-Disposition"] = f'attachment; filename="fetched-{pk}.eml"'
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def retry_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Try again”."""
        if not self.has_retry_permission(request):
            raise PermissionDenied
        fetched = FetchedMail.objects.filter(pk=pk).first()
        if fetched is None:
            raise Http404
        self._retry(request, [fetched])
        return redirect(self.url("change", pk))

    @action(description="Try again", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[FetchedMail]) -> None:
        """Deliver the selected mails again, or read those again that could not be read."""
        self._retry(request, list(queryset.order_by("id")))

    def _retry(self, request: HttpRequest, mails: list[FetchedMail]) -> None:
        tried = []
        for fetched in mails:
            try:
                retry(fetched)
            except NotRetryable as error:
                messages.warning(request, str(error))
                continue
            tried.append(fetched)
            self.log_change(request, fetched, f"Fetched mail {fetched.pk} is tried again.")
            messages.success(request, f"Fetched mail {fetched.pk} is tried again; reload to see how it went.")
        announce_delivery([fetched.pk for fetched in tried if fetched.raw_id])
        look_soon(sorted({fetched.source_id for fetched in tried if not fetched.raw_id}))


def condition(fetched: FetchedMail) -> SafeString:
    """The state of a mail as a badge, with the reason if there is one."""
    return badge(TONES.get(fetched.state, "warn"), fetched.get_state_display(), fetched.reason)
