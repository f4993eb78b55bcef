"""The checklist of a forwarding source: what UCS sees of it by itself, and its page."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from mailsources.models import EmailSource
from sso.adminbase import ProductAdmin
from sso.checklists import ticks
from sso.checklists.lists import FORWARDING, Checklist, of_kind
from sso.checklists.page import Known, Progress, progress
from sso.checklists.ticks import Subject
from sso.checklists.values import Filling
from sso.checklists.views import Shown, answer

PLACE = "admin:mailsources_emailsource_checklist"


def subject_of(source: EmailSource) -> Subject:
    """Whose ticks they are."""
    return ticks.of_row("source", source.pk)


def known_of(source: EmailSource) -> Known:
    """All that is known about one forwarding source."""
    subject = subject_of(source)
    last = source.tests.first()
    return Known(
        subject=subject,
        filling=Filling(public_address=source.public_address, forwarding_address=source.address),
        found={
            "inbound": bool(settings.INBOUND_DOMAIN) or source.collected_by_id is not None,
            "forwarding-source": True,
            "confirmation": source.confirmations.exists() or source.state.last_mail_at is not None,
            "test": last is not None and last.arrived_at is not None,
            "first-mail": source.state.last_mail_at is not None,
            "silence": bool(source.silence_hours),
        },
        ticked={each.step: each for each in ticks.ticks_of(subject)},
        rows=(source,),
        trouble=last.answer if last else "",
    )


def chosen(known: Known) -> Checklist:
    """The list with most of its steps ticked: a source doesn't say who forwards to it."""
    return max(of_kind(FORWARDING), key=lambda one: sum(step.id in known.ticked for step in one.steps))


def standing(source: EmailSource) -> Progress:
    """How far the list of a source is, for its page."""
    known = known_of(source)
    return progress(chosen(known), known)


class ForwardingChecklist(ProductAdmin):
    """The pages of the checklist, among those of the sources."""

    def get_urls(self) -> list[URLPattern]:
        see = self.admin_site.admin_view(require_GET(self.checklist_view))
        touch = self.admin_site.admin_view(require_POST(self.checklist_view))
        name = PLACE.removeprefix("admin:")
        return [
            path("<int:pk>/checklist/", see, name=name),
            path("<int:pk>/checklist/<slug:name>/", see, name=name),
            path("<int:pk>/checklist/<slug:name>/tick/", touch, name=f"{name}_tick"),
            *super().get_urls(),
        ]

    def checklist_view(self, request: HttpRequest, pk: int, name: str = "") -> HttpResponse:
        """The list of one source: the one that is ticked most, unless another is asked for."""
        source: EmailSource | None = self.get_object(request, str(pk))
        may = self.has_change_permission if request.method == "POST" else self.has_view_permission
        if source is None or not source.is_forwarding or not may(request, source):
            raise Http404
        known = known_of(source)
        if not name:
            return redirect(PLACE, pk=pk, name=chosen(known).name)
        one = next((each for each in of_kind(FORWARDING) if each.name == name), None)
        if one is None:
            raise Http404
        shown = Shown(
            checklist=one,
            known=known,
            address=reverse(PLACE, args=[pk, name]),
            may_tick=self.has_change_permission(request, source),
            row=source,
            others=tuple(
                (each.title, reverse(PLACE, args=[pk, each.name]), each is one)
                for each in of_kind(FORWARDING)
            ),
        )
        return answer(request, shown, lambda: known_of(source), self.admin_site.each_context(request))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change and obj.is_forwarding:
            ticks.adopt(FORWARDING, subject_of(obj))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        ticks.forget(subject_of(obj))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[EmailSource]) -> None:
        for obj in queryset:
            ticks.forget(subject_of(obj))
        super().delete_queryset(request, queryset)
