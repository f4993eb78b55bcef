"""The pages Activate, Retire and Move of a source, and the button Pause."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods, require_POST

from mailsources import following, lifecycle, moving, stage_cells
from mailsources.lifecycle import By, LifeCycleRefused
from mailsources.models import EmailSource
from mailsources.tasks import look_soon
from queues.models import EmailQueue
from sso import lasttests
from sso.clicks import next_click
from sso.steps import Step

LEFT_BEHIND: dict[str, tuple[Callable[[int, By], None], str]] = {
    "again": (following.again, "What {} left behind follows again, in the next minutes."),
    "stay": (following.let_stay, "What {} left behind stays where it is."),
}


class StagePages:
    """Mixin for the administration of sources: what moves one through its life."""

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"  # type: ignore[attr-defined]
        wrap = self.admin_site.admin_view  # type: ignore[attr-defined]
        pages = require_http_methods(["GET", "POST"])
        own = [
            path("<int:pk>/activate/", wrap(pages(self.activate_view)), name=f"{prefix}_activate"),
            path("<int:pk>/retire/", wrap(pages(self.retire_view)), name=f"{prefix}_retire"),
            path("<int:pk>/move/", wrap(pages(self.move_view)), name=f"{prefix}_move"),
            path("<int:pk>/pause/", wrap(require_POST(self.pause_view)), name=f"{prefix}_pause"),
        ]
        return own + super().get_urls()  # type: ignore[misc,no-any-return]

    def activate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Queue and routing profile first; then a test and switching on, or switching on anyway."""
        source = self._staged(request, pk)
        steps: list[Step] = []
        if request.method == "POST":
            if "anyway" not in request.POST and lifecycle.good_test(source) is None:
                steps = self._tested(source)
            if self._activate(request, source, anyway="anyway" in request.POST, steps=steps):
                return redirect(self.url("changelist"))  # type: ignore[attr-defined]
        shown = stage_cells.summary_of(source)
        click = next_click(steps[-1].cause, source) if steps and not steps[-1].ok else None
        more = {"summary": shown, "steps": steps, "click": click, "title": f"Activate {source}"}
        return self._stage_page(request, source, "activate", more)

    def retire_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What it means, what is left to do first, and the act."""
        source = self._staged(request, pk)
        if request.method == "POST":
            try:
                lifecycle.retire(source.pk, _by(request))
            except LifeCycleRefused as refused:
                messages.error(request, str(refused))
            else:
                messages.success(
                    request,
                    f"{source} is retired: no mail is taken any more, its history stays. “Activate” on its "
                    "page undoes it.",
                )
                return redirect(self.url("changelist"))  # type: ignore[attr-defined]
        more = {"blockers": lifecycle.blockers(source), "title": f"Retire {source}"}
        return self._stage_page(request, source, "retire", more)

    def pause_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Pause”."""
        source = self._staged(request, pk)
        try:
            lifecycle.pause(source.pk, _by(request))
        except LifeCycleRefused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, f"{source} is paused: no mail is taken until you activate it again.")
        return redirect(self.url("change", source.pk))  # type: ignore[attr-defined]

    def move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Choose a queue; see what happens to open conversations and new mail; then move."""
        source = self._staged(request, pk)
        if request.method == "POST" and (act := LEFT_BEHIND.get(request.POST.get("left", ""))):
            return self._left_behind(request, source, *act)
        queue = _queue(request.POST.get("queue") or request.GET.get("queue", ""))
        if request.method == "POST" and queue is not None:
            try:
                seen = request.POST.get("from", "")
                done = moving.move(
                    source.pk,
                    int(seen) if seen.isdecimal() else 0,
                    queue.pk,
                    _by(request),
                    along=request.POST.get("conversations") == "along",
                )
            except LifeCycleRefused as refused:
                messages.error(request, str(refused))
                source = self._staged(request, pk)
            else:
                messages.success(request, _moved(done))
                return redirect(self.url("change", source.pk))  # type: ignore[attr-defined]
        more = {
            "queues": EmailQueue.objects.exclude(pk=source.queue_id),
            "queue": queue if queue and queue.pk != source.queue_id else None,
            "foreseen": moving.foresee(source, queue),
            "ongoing": following.ongoing(source),
            "left_behind": [each for each in following.left_behind() if each.move.source_id == source.pk],
            "title": f"Move {source} to another queue",
        }
        return self._stage_page(request, source, "move", more)

    def _left_behind(
        self, request: HttpRequest, source: EmailSource, act: Callable[[int, By], None], told: str
    ) -> HttpResponse:
        """The buttons for what could not follow an earlier move."""
        try:
            act(source.pk, _by(request))
        except LifeCycleRefused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, told.format(source))
        return redirect(self.url("move", source.pk))  # type: ignore[attr-defined]

    def switch_on(self, request: HttpRequest, source: EmailSource) -> None:
        """After a row was saved with a tick at Active: test it if that was not done, and say what came of it.

        Call it outside any transaction, as it asks the server.
        """
        steps = self._tested(source) if lifecycle.good_test(source) is None else []
        if self._activate(request, source, steps=steps):
            return
        if steps and not steps[-1].ok:
            messages.warning(
                request,
                format_html(
                    "{} was saved and takes no mail yet: its test stops at “{}”. {} Mend it and save again, "
                    'or <a href="{}">switch it on anyway</a>.',
                    source,
                    steps[-1].name,
                    steps[-1].detail,
                    self.url("activate", source.pk),  # type: ignore[attr-defined]
                ),
            )

    def _activate(
        self, request: HttpRequest, source: EmailSource, *, anyway: bool = False, steps: list[Step]
    ) -> bool:
        """Whether it is on now; why not is told, unless the steps do."""
        if steps and not steps[-1].ok and not anyway:
            return False
        try:
            source = lifecycle.activate(source.pk, _by(request), anyway=anyway)
        except LifeCycleRefused as refused:
            messages.error(request, str(refused))
            return False
        if not source.is_forwarding:
            look_soon([source.pk])
        url = reverse("admin:queues_emailqueue_change", args=[source.queue_id])
        messages.success(request, stage_cells.confirmation(source, url))
        return True

    def _tested(self, source: EmailSource) -> list[Step]:
        # Not the row of a list, which has no password.
        steps: list[Step] = self.test_connection(EmailSource.objects.get(pk=source.pk))  # type: ignore[attr-defined]
        lasttests.note(source, steps[-1])
        return steps

    def _staged(self, request: HttpRequest, pk: int) -> EmailSource:
        found: EmailSource | None = self.get_object(request, str(pk))  # type: ignore[attr-defined]
        if found is None or not self.has_change_permission(request, found):  # type: ignore[attr-defined]
            raise Http404
        return found

    def _stage_page(
        self, request: HttpRequest, source: EmailSource, name: str, more: dict[str, Any]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "opts": self.opts,  # type: ignore[attr-defined]
            "original": source,
            "badge": stage_cells.stage_badge(source),
            "story": stage_cells.story_of(source),
            **more,
        }
        return TemplateResponse(request, f"mailsources/{name}.html", context)


def _by(request: HttpRequest) -> By:
    return By(request.user if isinstance(request.user, User) else None)


def _queue(text: str) -> EmailQueue | None:
    return EmailQueue.objects.filter(pk=int(text)).first() if text.isascii() and text.isdecimal() else None


def _moved(done: moving.Moved) -> str:
    went = f"{done.went:,} open conversations went along" if done.went else ""
    if done.following:
        went = f"{done.following:,} open conversations follow in the next minutes, a few at a time"
    stayed = f"{done.stayed:,} open conversations stay in {done.former}" if done.stayed else ""
    rest = " and ".join(part for part in (went, stayed) if part) or "no conversation was open"
    return f"{done.source} delivers to {done.source.queue} now; {rest}. Its next mail goes there."
