"""☰ Messaging → Moving in: old mail from files and other systems, for administrators alone."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from audit.acts import Act
from audit.log import record
from crm.table import written
from movein import moving
from movein.forms import MoveForm
from movein.models import Move, MoveItem
from movein.moving import MoveRefused
from movein.places import PlaceRefused, root, shown
from sso.admin import ProductAdmin, badge, is_administrator, when
from sso.badges import Tone

State = Move.State
TONES: dict[str, Tone] = {
    State.DONE: "good",
    State.FAILED: "bad",
    State.SCANNING: "warn",
    State.RUNNING: "warn",
    State.PAUSED: "warn",
}
FIXED = ("kind", "place", "part", "queue")
SHOWN = 20
ROWS_TOGETHER = 1000

ACTS: dict[str, tuple[Callable[[Move, Any], None], str]] = {
    "scan": (
        moving.begin_scan,
        "{} is being scanned: nothing is moved in yet. What was found appears below.",
    ),
    "start": (moving.start, "{} is being moved in: how far it is appears below."),
    "pause": (moving.pause, "{} is paused: “Go on” continues where it stopped."),
    "go_on": (moving.go_on, "{} goes on: how far it is appears below."),
    "cancel": (moving.cancel, "{} was cancelled: what is in stays, the rest is not moved in."),
}


@admin.register(Move)
class MoveAdmin(ProductAdmin):
    """A move on its own page: what the scan found, how far it got, and what could not be taken."""

    form = MoveForm
    list_display = ("move", "into", "condition", "progress", "trouble", "asked")
    list_filter = ("kind", "state")
    list_select_related = ("queue", "user")
    actions = None
    change_form_before_template = "movein/card.html"
    change_form_outer_after_template = "movein/card_forms.html"
    empty_sentence = (
        "Nothing was moved in yet. Bring old mail from mbox files, a Maildir, .eml files, Zammad or "
        "FreeScout: it is looked at first, and nobody is told of it."
    )
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("kind", "place", "upload", "token", "part", "queue")}),
        ("What becomes of it", {"fields": ("own_addresses", "open_days", "name")}),
    )
    conditional_fields: ClassVar[dict[str, str]] = {
        "upload": "kind == 'mbox' || kind == 'eml'",
        "token": "kind == 'zammad' || kind == 'freescout'",
        "part": "kind == 'zammad' || kind == 'freescout'",
    }

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("movein/move.css",)}

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_over = obj is None or obj.state in (State.DRAFT, State.DONE, State.CANCELLED)
        return is_administrator(request) and is_over

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What was not taken goes with it: a hundred thousand rows are no list to read."""
        rows = list(objs)
        count = MoveItem.objects.filter(move__in=rows).count()
        return [str(each) for each in rows], {"moves": len(rows), "rows below": count}, set(), []

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fieldsets(request, obj)
        if obj is None:
            return found
        gone = {"upload", *(() if obj.is_system else ("token", "part"))}
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in gone]})
            for title, options in found
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return FIXED if obj is not None else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is None and "place" in form.base_fields:
            form.base_fields[
                "place"
            ].help_text = f"Of files: below {root()}. Of Zammad and FreeScout: its address, such as https://help.example.com"
        return form

    def save_model(self, request: HttpRequest, obj: Move, form: Any, change: bool) -> None:
        if change:  # the rest of the row is the worker's, which may be writing it now
            obj.save(update_fields=[name for name in form.changed_data if name in form._meta.fields])
            return
        obj.user = cast(User, request.user)
        super().save_model(request, obj, form, change)
        moving.begin_scan(obj, obj.user)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        messages.success(request, f"{obj} was inserted. {ACTS['scan'][1].format('It')}")
        return redirect(self.url("change", obj.pk))

    def after_change(self, obj: Move) -> str:
        return "What is not in yet is moved in with these settings."

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/card/", view(require_GET(self.card_view)), name=f"{prefix}_card"),
            path("<int:pk>/trouble.csv", view(require_GET(self.trouble_view)), name=f"{prefix}_trouble"),
            path("<int:pk>/act/", view(require_POST(self.act_view)), name=f"{prefix}_act"),
            *super().get_urls(),
        ]

    def act_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The buttons of the card."""
        move = self._one(request, pk)
        act, sentence = ACTS.get(request.POST.get("act", ""), (None, ""))
        if act is not None:
            try:
                act(move, request.user)
            except (MoveRefused, PlaceRefused) as refused:
                messages.error(request, str(refused))
            else:
                messages.success(request, sentence.format(move))
        return redirect(self.url("change", pk))

    def card_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How it does, asked again by the page while it is at work."""
        context = {"card": self._card(self._one(request, pk))}
        return TemplateResponse(request, "movein/card_state.html", context)

    def trouble_view(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """What was not taken, and why, as a table."""
        move = self._one(request, pk)
        record(cast(User, request.user), Act.EXPORTED, move, note="Downloaded what was not taken.")
        return StreamingHttpResponse(
            written(_trouble(move)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="not-moved-in-{pk}.csv"'},
        )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Moving in", **(extra_context or {})})

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        move = self.get_object(request, object_id) if object_id else None
        more = {"card": self._card(move)} if move is not None else {}
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def _one(self, request: HttpRequest, pk: int) -> Move:
        if not is_administrator(request):
            raise PermissionDenied
        return get_object_or_404(Move.objects.select_related("queue"), pk=pk)

    def _card(self, move: Move) -> dict[str, Any]:
        rows = move.items.filter(state__in=[MoveItem.State.FAILED, MoveItem.State.SKIPPED]).order_by("id")
        return {
            "move": move,
            "badge": condition(move),
            "what": "tickets" if move.is_system else "mails",
            "trouble": [(_where(each), each.why) for each in rows[:SHOWN]],
            "trouble_url": self.url("trouble", move.pk),
            "card_url": self.url("card", move.pk),
            "act_url": self.url("act", move.pk),
            "acts": _acts(move),
        }

    @display(description="From", ordering="name")
    def move(self, obj: Move) -> SafeString:
        return format_html(
            '<span class="ucs-cell">{}<span class="ucs-below">{}</span></span>',
            obj.name,
            obj.get_kind_display(),
        )

    @display(description="Into", ordering="queue__name")
    def into(self, obj: Move) -> str:
        return obj.queue.name

    @display(description="State")
    def condition(self, obj: Move) -> SafeString:
        return condition(obj)

    @display(description="Progress")
    def progress(self, obj: Move) -> str:
        if obj.state in (State.DRAFT, State.SCANNING, State.SCANNED):
            return f"{obj.found} found"
        return f"{obj.done} of {obj.found} ({obj.percent} %)"

    @display(description="Failed")
    def trouble(self, obj: Move) -> int:
        return obj.failures

    @display(description="Begun", ordering="created_at")
    def asked(self, obj: Move) -> SafeString | str:
        return when(obj.created_at)


def condition(move: Move) -> SafeString:
    """How a move does, as a badge."""
    return badge(TONES.get(move.state, "calm"), move.get_state_display().lower(), move.error)


def _acts(move: Move) -> list[tuple[str, str]]:
    """The buttons that its state allows."""
    at_work = [("pause", "Pause"), ("cancel", "Cancel")]
    return {
        State.DRAFT: [("scan", "Scan")],
        State.SCANNING: at_work,
        State.SCANNED: [("start", "Move in"), ("scan", "Scan again"), ("cancel", "Cancel")],
        State.RUNNING: at_work,
        State.PAUSED: [("go_on", "Go on"), ("cancel", "Cancel")],
        State.FAILED: [("go_on", "Go on"), ("scan", "Scan again"), ("cancel", "Cancel")],
        State.DONE: [] if move.is_uploaded else [("scan", "Scan again")],
        State.CANCELLED: [],
    }[State(move.state)]


def _where(item: MoveItem) -> str:
    if item.key:
        return f"ticket {item.key}"
    return shown(item.file) + (f", from octet {item.offset}" if item.offset else "")


def _trouble(move: Move) -> Iterator[list[str]]:
    yield ["state", "file", "offset", "ticket", "size", "date", "why"]
    rows = move.items.filter(state__in=[MoveItem.State.FAILED, MoveItem.State.SKIPPED]).order_by("id")
    for each in rows.iterator(ROWS_TOGETHER):
        at = each.at.isoformat(timespec="seconds")
        yield [each.state, shown(each.file), str(each.offset), each.key, str(each.size), at, each.why]
