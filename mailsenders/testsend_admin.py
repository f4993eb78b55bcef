"""On the page of an email sender: how it does, and “Send a test mail”."""

from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_POST

from mailsenders import testsend
from mailsenders.models import EmailSender, TestSend
from mailsenders.sender_page import card_of, standing_of
from mailsenders.testsend import TestSendRefused
from sso.adminbase import ProductAdmin


class TestSendPages(ProductAdmin):
    """Its own views, each a fragment that the page fetches."""

    __test__ = False

    state_template: ClassVar[str] = "mailsenders/sender_state.html"
    test_template: ClassVar[str] = "mailsenders/test_send.html"

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        send = self.admin_site.admin_view(require_POST(self.test_send_view))
        told = self.admin_site.admin_view(require_GET(self.test_told_view))
        state = self.admin_site.admin_view(require_GET(self.state_view))
        return [
            path("<int:pk>/test-send/", send, name=f"{prefix}_test_send"),
            path("<int:pk>/test-send/<int:test>/", told, name=f"{prefix}_test_told"),
            path("<int:pk>/state/", state, name=f"{prefix}_state"),
            *super().get_urls(),
        ]

    def test_send_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Send a test mail”."""
        sender = self.sender_for(request, pk, self.has_change_permission)
        try:
            test = testsend.start(sender, request.POST.get("test_to", ""), request.user)  # type: ignore[arg-type]
        except TestSendRefused as refused:
            return render(request, self.test_template, {"refusal": str(refused)})
        return self._told(request, sender, test)

    def test_told_view(self, request: HttpRequest, pk: int, test: int) -> HttpResponse:
        """How it does now: the page asks until it is over."""
        sender = self.sender_for(request, pk, self.has_view_permission)
        found = sender.test_sends.filter(pk=test).first()
        if found is None:
            raise Http404
        return self._told(request, sender, found)

    def state_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How the sender does now."""
        sender = self.sender_for(request, pk, self.has_view_permission)
        return render(request, self.state_template, {"standing": standing_of(sender), **self._row(sender)})

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None
        more = self.beside(request, obj) if obj else {}
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def beside(self, request: HttpRequest, sender: EmailSender) -> dict[str, Any]:
        """What the page shows beside the form."""
        last = sender.test_sends.first()
        return {
            "standing": standing_of(sender),
            "may_test": self.has_change_permission(request, sender),
            "test_to": getattr(request.user, "email", ""),
            "test": card_of(last) if last else None,
        }

    def sender_for(self, request: HttpRequest, pk: int, may: Any) -> EmailSender:
        """The sender, for who may."""
        found: EmailSender | None = self.get_object(request, str(pk))
        if found is None or not may(request, found):
            raise Http404
        return found

    def _told(self, request: HttpRequest, sender: EmailSender, test: TestSend) -> HttpResponse:
        return render(request, self.test_template, {"test": card_of(test), **self._row(sender)})

    def _row(self, sender: EmailSender) -> dict[str, Any]:
        return {"original": sender, "opts": self.opts}
