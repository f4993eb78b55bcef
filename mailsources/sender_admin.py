"""☰ Messaging → Email senders, with what needs a mailbox: the Sent folder and the round trip."""

from typing import Any, ClassVar, cast

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_POST

from mailsenders.admin import SenderAdmin
from mailsenders.models import EmailSender
from mailsources import roundtrip
from mailsources.models import EmailSource, RoundTrip, SentFolder
from mailsources.roundtrip import RoundTripRefused
from mailsources.sender_form import SenderPageForm
from mailsources.sentcopies import mailbox_of
from mailsources.tasks import announce_polls
from sso.badges import Tone, badge, moment

REPORTS = ("Reports", {"fields": ("return_path",), "classes": ("collapse",)})
SENT = ("Sent folder", {"fields": ("sent_copy", "sent_folder", "sent_mailbox"), "classes": ("collapse",)})


@admin.register(EmailSender)
class SenderPage(SenderAdmin):
    """The administration of senders, whole."""

    form = SenderPageForm
    fieldsets = (*SenderAdmin.fieldsets, REPORTS, SENT)
    change_form_after_template = "mailsources/sender_after.html"
    trip_template: ClassVar[str] = "mailsources/round_trip.html"

    def sent_mailbox(self, obj: EmailSender) -> str:
        """For who may only look; in the form it is a choice."""
        return str(mailbox_of(obj) or "–")

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        begin = self.admin_site.admin_view(require_POST(self.round_trip_view))
        told = self.admin_site.admin_view(require_GET(self.trip_told_view))
        return [
            path("<int:pk>/round-trip/", begin, name=f"{prefix}_round_trip"),
            path("<int:pk>/round-trip/<int:trip>/", told, name=f"{prefix}_trip_told"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: EmailSender, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "sent_mailbox" in form.fields:
            SentFolder.objects.update_or_create(
                sender=obj, defaults={"source": form.cleaned_data["sent_mailbox"], "next_attempt_at": None}
            )

    def round_trip_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Round trip”."""
        sender = self.sender_for(request, pk, self.has_change_permission)
        chosen = request.POST.get("trip_source", "")
        source = EmailSource.objects.filter(pk=int(chosen)).first() if chosen.isdecimal() else None
        if source is None:
            raise Http404
        try:
            trip = roundtrip.start(sender, source, request.POST.get("trip_to", ""), request.user.pk)
        except RoundTripRefused as refused:
            return render(request, self.trip_template, {"trip_refusal": str(refused)})
        return self._trip(request, sender, trip)

    def trip_told_view(self, request: HttpRequest, pk: int, trip: int) -> HttpResponse:
        """How it does now; while somebody waits here, the mailbox is looked at again and again."""
        sender = self.sender_for(request, pk, self.has_view_permission)
        found = sender.round_trips.select_related("outgoing", "sender__state", "source__state")
        row = found.filter(pk=trip).first()
        if row is None:
            raise Http404
        if roundtrip.wants_a_look(row):
            roundtrip.look(row)
            announce_polls([row.source_id])
        return self._trip(request, sender, row)

    def beside(self, request: HttpRequest, sender: EmailSender) -> dict[str, Any]:
        found = sender.round_trips.select_related("outgoing", "sender__state", "source__state").first()
        return super().beside(request, sender) | {
            "trip_sources": EmailSource.objects.filter(is_active=True),
            "trip": trip_card(found) if found else None,
            "sent": sent_card(sender),
        }

    def _trip(self, request: HttpRequest, sender: EmailSender, trip: RoundTrip) -> HttpResponse:
        context = {"trip": trip_card(trip), "original": sender, "opts": self.opts}
        return render(request, self.trip_template, context)


def trip_card(trip: RoundTrip) -> dict[str, Any]:
    """A round trip for the template."""
    standing = roundtrip.standing(trip)
    return {
        "pk": trip.pk,
        "badge": badge(cast("Tone", standing.tone), standing.word),
        "sentence": standing.sentence,
        "stages": standing.stages,
        "is_over": standing.is_over,
    }


def sent_card(sender: EmailSender) -> dict[str, str]:
    """Where the Sent folder of a sender is, and how filing there goes."""
    source = mailbox_of(sender)
    state = SentFolder.objects.filter(sender=sender).first()
    if source is None:
        where = "No IMAP source signs in at its mailbox."
    else:
        folder = f" “{state.folder}”" if state and state.folder else ""
        where = f"Its Sent folder{folder} is reached with the sign-in of the email source {source}."
    is_failing = state is not None and state.is_failing
    return {
        "where": where,
        "error": state.last_error if state and is_failing else "",
        "when": moment(state.last_success_at) if state and state.last_success_at else "",
        "wanted": sender.get_sent_copy_display() if sender.sent_copy != EmailSender.SentCopy.NONE else "",
    }
