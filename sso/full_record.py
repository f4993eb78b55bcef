"""On the page of a source, a sender or a provider: its communication log, and “Record full dialogue”."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from audit.acts import Act
from audit.log import record
from sso import communication
from sso.communication_admin import log_url


class FullRecording:
    """Mixin for a `ProductAdmin`: a link to its log, and the button. List it before the class."""

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"  # type: ignore[attr-defined]
        view = self.admin_site.admin_view(require_POST(self.record_view))  # type: ignore[attr-defined]
        own = [path("<path:object_id>/record/", view, name=f"{prefix}_record")]
        return own + super().get_urls()  # type: ignore[misc,no-any-return]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None  # type: ignore[attr-defined]
        more = {"record": self._recording(request, obj)} if obj else {}
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})  # type: ignore[misc,no-any-return]

    def record_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The button, and “Stop”: the answer is the line as it is now."""
        obj = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if obj is None:
            raise Http404
        if not self.has_change_permission(request, obj):  # type: ignore[attr-defined]
            raise PermissionDenied
        if "stop" in request.POST:
            communication.stop_recording(obj)
            record(None, Act.DID, obj, note="Stopped the full record of its connections.")
        else:
            full = communication.record_in_full(obj, request.user.pk)
            record(
                None, Act.DID, obj, note=f"Has its connections noted in full until {full.until:%H:%M} UTC."
            )
        context = {"record": self._recording(request, obj), "opts": self.opts, "original": obj}  # type: ignore[attr-defined]
        return render(request, "admin/full_record.html", context)

    def _recording(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        full = communication.full_record(obj)
        return {
            "may": self.has_change_permission(request, obj),  # type: ignore[attr-defined]
            "until": full.until if full else None,
            "log_url": log_url(obj),
        }
