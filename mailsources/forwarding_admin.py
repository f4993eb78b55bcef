"""The page of a forwarding source: address to copy, confirmations of providers, “Test forwarding”."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from mailsources import forwarding_checklist, forwarding_test
from mailsources.forwarding_checklist import ForwardingChecklist
from mailsources.forwarding_test import TestRefused
from mailsources.models import EmailSource, ForwardingConfirmation
from mailsources.source_page import source_badge
from sso.badges import Tone, badge, moment
from sso.checklists.page import Progress

MOST_CONFIRMATIONS = 3
LIVELY_SECONDS, QUIET_SECONDS = 2, 10


@dataclass(frozen=True, slots=True)
class Card:
    """For the template; times are words. `seconds`: when the page looks again."""

    source: EmailSource
    badge: SafeString
    last_mail: str
    confirmations: list[ForwardingConfirmation]
    seconds: int
    test_badge: SafeString | str = ""
    test_sentence: str = ""
    refusal: str = field(default="")

    @property
    def progress(self) -> Progress:
        """How far its checklist is; looked up only where it is shown."""
        return forwarding_checklist.standing(self.source)


def card_of(source: EmailSource, refusal: str = "") -> Card:
    """How forwarding to a source does.

    :param refusal: why a test could not begin.
    """
    source.state.refresh_from_db()
    test = source.tests.select_related("outgoing").first()
    standing = forwarding_test.standing(test) if test else None
    return Card(
        source=source,
        badge=source_badge(source),
        last_mail=moment(source.state.last_mail_at) if source.state.last_mail_at else "",
        confirmations=list(source.confirmations.all()[:MOST_CONFIRMATIONS]),
        seconds=LIVELY_SECONDS if standing and not standing.is_over else QUIET_SECONDS,
        test_badge=badge(cast("Tone", standing.tone), standing.word) if standing else "",
        test_sentence=standing.sentence if standing else "",
        refusal=refusal,
    )


class ForwardingPages(ForwardingChecklist):
    """What the administration of sources has for forwarding: its own views, and where a new row leads."""

    state_template: ClassVar[str] = "mailsources/forwarding_state.html"

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        test = self.admin_site.admin_view(require_POST(self.test_forwarding_view))
        state = self.admin_site.admin_view(require_GET(self.forwarding_view))
        return [
            path("<int:pk>/test-forwarding/", test, name=f"{prefix}_test_forwarding"),
            path("<int:pk>/forwarding/", state, name=f"{prefix}_forwarding"),
            *super().get_urls(),
        ]

    def test_forwarding_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Test forwarding”."""
        source = self._forwarding_source(request, pk, self.has_change_permission)
        try:
            forwarding_test.start(source, request.user.pk)
        except TestRefused as refused:
            return self._state(request, source, str(refused))
        return self._state(request, source)

    def forwarding_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How it does now: the page asks again and again."""
        return self._state(request, self._forwarding_source(request, pk, self.has_view_permission))

    def _state(self, request: HttpRequest, source: EmailSource, refusal: str = "") -> HttpResponse:
        return render(request, self.state_template, {"card": card_of(source, refusal), "opts": self.opts})

    def _forwarding_source(self, request: HttpRequest, pk: int, may: Any) -> EmailSource:
        found: EmailSource | None = self.get_object(request, str(pk))
        if found is None or not found.is_forwarding or not may(request, found):
            raise Http404
        return found

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """The address exists only now, and is what the administrator needs next."""
        response = super().response_add(request, obj, post_url_continue)
        wants_another = "_addanother" in request.POST or "_popup" in request.POST
        return redirect(self.url("change", obj.pk)) if obj.is_forwarding and not wants_another else response
