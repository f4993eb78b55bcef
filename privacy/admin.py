"""☰ System → Privacy: erase or export a person, and how long mail is kept."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.models import Contact
from privacy import erasing, exporting, retention
from privacy.erasing import NotErased
from privacy.models import Erasure
from privacy.person import counted, counts, person_of, why_not
from queues.models import Conversation, EmailQueue
from sso.admin import ProductAdmin, badge, is_administrator, when
from sso.badges import Tone

LONGEST_REASON = 1000
MOST_HELD = 200
HELD = "#{} is on legal hold: neither time nor erasing touches it until you lift it."
LIFTED = "#{} is no longer on legal hold: the rules of its queue hold for it again."
TONES: dict[str, Tone] = {"running": "warn", "done": "good", "failed": "bad"}


@admin.register(Erasure)
class ErasureAdmin(ProductAdmin):
    """Who was erased, without saying who; the pages beside it are for administrators alone."""

    list_display = ("number", "condition", "had", "asked_by", "asked", "ended")
    list_display_links = None
    list_select_related = ("asked_by",)
    actions = None
    list_before_template = "privacy/erasures.html"
    empty_sentence = "Nobody was erased yet. Open a contact, and choose “Erase or export”."

    def get_urls(self) -> list[URLPattern]:
        both = require_http_methods(["GET", "POST"])

        def page(route: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(route, self.admin_site.admin_view(view), name=name)
            return found

        return [
            page("person/<int:pk>/", both(self.person_view), "privacy_person"),
            page("person/<int:pk>/export/", require_POST(self.export_view), "privacy_export"),
            page("<int:pk>/again/", require_POST(self.again_view), "privacy_again"),
            page("retention/", require_GET(self.retention_view), "privacy_retention"),
            page("hold/", require_POST(self.hold_view), "privacy_hold"),
            *super().get_urls(),
        ]

    def person_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What there is of somebody; POST erases it when the name or address was typed."""
        contact = self._contact(request, pk)
        person = person_of(contact)
        wanted = person.words.emails[0] if person.words.emails else str(contact.pk)
        wrong = ""
        if request.method == "POST":
            if request.POST.get("typed", "").strip().lower() != wanted:
                wrong = f"Type {wanted} to say that it is meant."
            else:
                try:
                    reason = request.POST.get("reason", "")[:LONGEST_REASON]
                    row = erasing.begin(cast(User, request.user), contact, reason)
                except NotErased as refusal:
                    wrong = str(refusal)
                else:
                    erasing.announce_work(row.pk)
                    sentence = f"Contact {pk} is being erased: the list below says when it is done."
                    messages.success(request, sentence)
                    return redirect(self.url("changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Erase or export {contact}",
            "contact": contact,
            "emails": person.words.emails,
            "counts": counted(counts(person)),
            "why_not": why_not(contact, person),
            "wanted": wanted,
            "wrong": wrong,
        }
        return TemplateResponse(request, "privacy/person.html", context, status=409 if wrong else 200)

    def export_view(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """The person's mails and data, as a ZIP."""
        contact = self._contact(request, pk)
        file = exporting.export(cast(User, request.user), contact, with_notes="notes" in request.POST)
        return StreamingHttpResponse(
            exporting.pieces(file),
            content_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="contact-{pk}.zip"'},
        )

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Go on with one that broke off."""
        self._require(request)
        row = get_object_or_404(Erasure, pk=pk)
        try:
            erasing.again(row)
        except NotErased as refusal:
            messages.error(request, f"Erasing contact {row.contact_id} does not go on. {refusal}")
        else:
            erasing.announce_work(row.pk)
            sentence = f"Erasing contact {row.contact_id} goes on: the list below says when it is done."
            messages.success(request, sentence)
        return redirect(self.url("changelist"))

    def retention_view(self, request: HttpRequest) -> HttpResponse:
        """What the rules of the queues mean, and what is on legal hold."""
        self._require(request)
        now = timezone.now()
        queues = EmailQueue.objects.order_by("name")
        held = Conversation.objects.filter(legal_hold=True).select_related("queue").order_by("-pk")
        context = {
            **self.admin_site.each_context(request),
            "title": "How long mail is kept",
            "foreseen": [retention.foreseen(each, now) for each in queues if each.keep_days is not None],
            "for_ever": [each for each in queues if each.keep_days is None],
            "held": held[:MOST_HELD],
        }
        return TemplateResponse(request, "privacy/retention.html", context)

    def hold_view(self, request: HttpRequest) -> HttpResponse:
        """Put a conversation on legal hold, or lift it; with a reason."""
        self._require(request)
        number, reason = (
            request.POST.get("number", "").strip().lstrip("#"),
            request.POST.get("reason", "").strip(),
        )
        is_held = request.POST.get("do") != "lift"
        known = number.isascii() and number.isdigit() and len(number) < 19
        rows = Conversation.objects.filter(number=number if known else 0)
        if not rows.exists():
            messages.error(request, f"There is no conversation #{number}: look for its number at the desk.")
        elif not reason:
            messages.error(request, f"#{number} stays as it is. Say why first: it stands in the audit log.")
        elif retention.hold(cast(User, request.user), rows, reason[:LONGEST_REASON], is_held=is_held):
            messages.success(request, (HELD if is_held else LIFTED).format(number))
        else:
            messages.warning(request, f"#{number} {'was' if is_held else 'was not'} on legal hold before.")
        return redirect("admin:privacy_retention")

    def _require(self, request: HttpRequest) -> None:
        if not is_administrator(request):
            raise PermissionDenied

    def _contact(self, request: HttpRequest, pk: int) -> Contact:
        self._require(request)
        row = Contact.objects.filter(pk=pk, merged_into=None).first()
        if row is None:
            raise Http404
        return row

    @display(description="Contact")
    def number(self, obj: Erasure) -> str:
        return f"contact {obj.contact_id}"

    @display(description="State")
    def condition(self, obj: Erasure) -> SafeString:
        told = obj.get_state_display()
        if obj.state == Erasure.State.RUNNING:
            told = f"{told}: step {obj.step + 1} of {len(erasing.STEPS)}"
        return badge(TONES[obj.state], told, obj.error)

    @display(description="There was")
    def had(self, obj: Erasure) -> str:
        return ", ".join(f"{number} {words}" for number, words in counted(obj.counts) if number) or "–"

    @display(description="Asked", ordering="asked_at")
    def asked(self, obj: Erasure) -> SafeString | str:
        return when(obj.asked_at)

    @display(description="Ended", ordering="ended_at")
    def ended(self, obj: Erasure) -> SafeString | str:
        return when(obj.ended_at)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        more = {"failed": Erasure.objects.filter(state=Erasure.State.FAILED), **(extra_context or {})}
        return super().changelist_view(request, more)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
