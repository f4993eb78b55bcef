"""☰ Messaging → Fetched mail: the ledger, and a person's way out of quarantine."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import action, display
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.views.decorators.http import require_POST

from mailsources import rule_page
from mailsources.deliver import NotRetryable, retry
from mailsources.fetched_filters import DayFilter, SourceFilter
from mailsources.finding import find
from mailsources.models import FetchedMail
from mailsources.story import story
from mailsources.tasks import announce_delivery, look_soon
from queues import scanning
from queues.models import Message
from sso import opening
from sso.admin import ProductAdmin, badge, when
from sso.badges import Tone
from sso.opening import Sealed
from sso.paging import ShortPaginator

State = FetchedMail.State

LONGEST_SUBJECT = 80  # characters, in the list
MOST_RETRIED = 500

TONES: dict[str, Tone] = {State.DELIVERED: "good", State.FAILED: "bad", State.SKIPPED: "calm"}


@admin.register(FetchedMail)
class FetchedAdmin(ProductAdmin):
    """Written by the ledger alone; here people look, and try what failed again."""

    counted_as = "fetched mails"
    list_display = ("came", "writer", "about", "condition", "origin", "conversation")
    list_filter = ("state", SourceFilter, DayFilter)
    search_fields = ("sender",)  # so that there is a search field; `get_search_results` does it
    search_help_text = "An address, words of the subject, or a Message-ID."
    list_select_related = ("source",)
    sortable_by = ()  # the newest first: any other order would sort millions
    paginator = ShortPaginator
    show_facets = admin.ShowFacets.NEVER
    actions = ("retry_selected",)
    change_form_before_template = "mailsources/fetched_card.html"
    fields = ("source", "writer", "full_subject", "header_id", "octets", "place", "envelope", "content_hash")
    readonly_fields = fields
    empty_sentence = "Each mail that a mailbox shows is noted here once, with what became of it."

    def get_queryset(self, request: HttpRequest) -> QuerySet[FetchedMail]:
        found: QuerySet[FetchedMail] = super().get_queryset(request).defer("search")
        return found.annotate(
            conversation_pk=F("message__conversation"), conversation_number=F("message__conversation__number")
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[FetchedMail], search_term: str
    ) -> tuple[QuerySet[FetchedMail], bool]:
        return find(queryset, search_term), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Who may try again: the permission that would otherwise let the row be edited."""
        return request.user.has_perm("mailsources.change_fetchedmail")

    @display(description="When")
    def came(self, obj: FetchedMail) -> SafeString | str:
        return when(obj.received_at or obj.fetched_at)

    @display(description="From")
    def writer(self, obj: FetchedMail) -> str:
        return obj.sender or "–"

    @display(description="Subject")
    def about(self, obj: FetchedMail) -> SafeString:
        """With what became of a mail that is no message: the widest column has room for a sentence."""
        subject = Truncator(obj.subject).chars(LONGEST_SUBJECT) or "–"
        below = format_html('<span class="ucs-below">{}</span>', said) if (said := reason(obj)) else ""
        return format_html('<span class="ucs-subject" title="{}">{}{}</span>', obj.subject, subject, below)

    @display(description="Subject")
    def full_subject(self, obj: FetchedMail) -> str:
        return obj.subject or "–"

    @display(description="In the mailbox")
    def place(self, obj: FetchedMail) -> str:
        """What the server called it; numbers mean something within one epoch only."""
        parts = [f"folder {obj.folder}"] if obj.folder else []
        parts += [f"UID {obj.uid}"] if obj.uid is not None else []
        parts += [f"UIDVALIDITY {obj.uidvalidity}"] if obj.uidvalidity is not None else []
        parts += [f"UIDL {obj.uidl}"] if obj.uidl else []
        return ", ".join([*parts, f"epoch {obj.epoch}"]) if parts else "it has no number there"

    @display(description="Envelope")
    def envelope(self, obj: FetchedMail) -> str:
        """Of forwarded mail."""
        return f"from {obj.envelope_from or '<>'} to {obj.envelope_to}" if obj.envelope_to else "–"

    @display(description="State")
    def condition(self, obj: FetchedMail) -> SafeString:
        return badge(tone(obj), obj.get_state_display())

    @display(description="Source")
    def origin(self, obj: FetchedMail) -> SafeString:
        return format_html('<span class="ucs-cell ucs-breaks">{}</span>', obj.source)

    @display(description="Conversation")
    def conversation(self, obj: Any) -> SafeString | str:
        if obj.conversation_pk is None:
            return "–"
        url = reverse("conversation", args=[obj.conversation_pk])
        return format_html('<a class="ucs-link" href="{}">#{}</a>', url, obj.conversation_number)

    @display(description="Size")
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
            "badge": badge(tone(fetched), fetched.get_state_display()),
            "steps": story(fetched),
            "trace_url": reverse("trace-in", args=[fetched.pk]),
            "is_stub": fetched.is_stub,
            "can_retry": fetched.state == State.FAILED and self.has_retry_permission(request),
            "retry_url": self.url("retry", fetched.pk),
            "rules_url": self.url("rules", fetched.pk) if fetched.raw_id else "",
            "raw_url": self.url("raw", fetched.pk) if fetched.raw_id else "",
            "conversation_url": reverse("conversation", args=[message.conversation_id]) if message else "",
        }

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        raw = self.admin_site.admin_view(self.raw_view)
        again = self.admin_site.admin_view(require_POST(self.retry_view))
        return [
            path("<int:pk>/raw/", raw, name=f"{prefix}_raw"),
            path("<int:pk>/rules/", self.admin_site.admin_view(self.rules_view), name=f"{prefix}_rules"),
            path("<int:pk>/retry/", again, name=f"{prefix}_retry"),
            *super().get_urls(),
        ]

    def raw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The very bytes that the mailbox gave, for a reason; a virus stays shut as it does at the desk."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        fetched = FetchedMail.objects.select_related("raw").filter(pk=pk).first()
        if fetched is None or fetched.raw is None:
            raise Http404
        message = Message.objects.filter(raw=fetched.raw).first()
        files = message.attachments.all() if message is not None else ()
        if message is not None and not all(scanning.is_open(each, message.direction) for each in files):
            return redirect("message-raw", message.pk)  # asks first, or says why not
        asked = Sealed(fetched, f"the text of fetched mail {pk}", self.url("change", pk))
        refused = opening.reason(request, asked)
        if isinstance(refused, HttpResponse):
            return refused
        response = HttpResponse(fetched.raw.as_bytes(), content_type="message/rfc822")
        response["Content-Disposition"] = f'attachment; filename="fetched-{pk}.eml"'
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def rules_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What the mail rules make of it, condition by condition."""
        fetched = FetchedMail.objects.filter(pk=pk).first()
        if not (self.has_view_permission(request) and request.user.has_perm("mailsources.view_mailrule")):
            raise PermissionDenied
        if fetched is None:
            raise Http404
        context = self.admin_site.each_context(request)
        return rule_page.page(
            request, fetched, context | {"title": "Mail rules on a mail", "opts": self.opts}
        )

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
        failed = queryset.filter(state=State.FAILED).order_by("id")
        self._retry(request, list(failed.select_related("source__state")[:MOST_RETRIED]))

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


def tone(fetched: FetchedMail) -> Tone:
    """The colour of its state."""
    return TONES.get(fetched.state, "warn")


def reason(fetched: FetchedMail) -> str:
    """Why a mail is not, or not as a whole, a message of ours; empty for all others."""
    return "Too big: only its headers came in." if fetched.is_stub and not fetched.reason else fetched.reason
