"""☰ Messaging → Email queues, Conversations."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import PROTECT, Count, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.admin import TabularInline

from mailstore.announce import announce
from queues import brakes, tasks
from queues.macro_admin import MacroAdmin
from queues.models import AcknowledgementText, Conversation, EmailQueue, EscalationStep, QueueSkill
from queues.snippet_admin import SnippetAdmin
from queues.steps_form import StepsField
from queues.steps_preview import steps_preview
from queues.tags_admin import TagAdmin
from queues.texts import OF_AGENT, OF_MATTER, places
from sso.admin import ProductAdmin, SecretsForm, badge, when
from sso.badges import Tone

State = Conversation.State
SHOWN_MEMBERS = 4
NAMED = 5
TIMES = (
    ("first_response", "next_response", "resolution"),
    ("urgent_percent", "high_percent", "low_percent"),
    ("calendar", "hours"),
)
ROUTING = (
    ("mode", "allow_picking"),
    ("accept_seconds", "weight"),
    "wait_rule",
    "steps",
    ("exponent", "own_share", "late_halving"),
)
STATE_TONES: dict[str, Tone] = {State.WAITING: "warn", State.ASSIGNED: "good", State.HELD: "warn"}

__all__ = ["ConversationAdmin", "MacroAdmin", "QueueAdmin", "SnippetAdmin", "TagAdmin"]


class QueueForm(SecretsForm):
    """What a queue is, whom it needs, and what it promises."""

    steps = StepsField(label="Steps of the wait rule", required=False)

    class Meta:
        model = EmailQueue
        fields = (
            *("name", "sender", "members", "language_level", "languages", "default_language", "mode"),
            *("allow_picking", "accept_seconds", "weight", "wait_rule", "steps", "own_share", "exponent"),
            *(
                "late_halving",
                "first_response",
                "next_response",
                "resolution",
                "urgent_percent",
                "high_percent",
            ),
            *("low_percent", "calendar", "hours", "reply_to_closed", "changed_subject"),
            *(
                "from_name",
                "quoted",
                "undo_seconds",
                "pci",
                "keep_days",
                "kept_then",
                "signature",
                "acknowledgement",
            ),
            *("acknowledgement_outside", "acknowledgement_limit"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        helps = {
            "sender": "Answers leave from its address.",
            "members": "Who is offered the conversations of this queue.",
            "language_level": "Who is below it in the language of a mail is not offered the mail.",
            "languages": "What customers of this queue write.",
            "default_language": "Assumed for mails too short to tell.",
            "hours": "Only these minutes count, such as Mo-Fr 08:00-12:00,13:00-17:00; Sa 09:00-12:00.",
            "mode": "Who fits and is free is decided by the same rule in every mode.",
            "steps": "For the wait rule “Steps”; minutes of opening hours. A row without minutes is no row.",
            "reply_to_closed": "A new conversation and the closed one name each other.",
            "changed_subject": "“Re:” and the like, [tags] and capitals make no other subject.",
            "from_name": "What customers see beside the address.",
            "quoted": "What an answer carries below itself.",
            "pci": "In subject, text and files, in and out. What is masked or refused leaves no trace in "
            "what is stored; mail that came before the change stays as it is.",
            "signature": f"Stands below each answer. Places: {places((*OF_MATTER, *OF_AGENT))}.",
            "acknowledgement": "Sent once to who opens a conversation, in languages that have no text of "
            f"their own; empty for none. Places: {places(OF_MATTER)}.",
        }
        for name, text in helps.items():
            self.fields[name].help_text = text
        for name in ("signature", "acknowledgement", "acknowledgement_outside"):
            self.fields[name].widget.attrs["rows"] = 4

    def clean(self) -> dict[str, Any]:
        """A wait rule of steps has some."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("wait_rule") == EmailQueue.WaitRule.STEPS and data.get("steps") == []:
            self.add_error("steps", "Add a step, or choose another wait rule.")
        return data


class SkillDemands(TabularInline):  # type: ignore[misc]  # unfold has no types
    """What an agent must be able to do."""

    model = QueueSkill
    verbose_name = "wanted skill"
    verbose_name_plural = "Wanted skills"
    hide_title = True
    autocomplete_fields = ("skill",)
    extra = 0


class EscalationSteps(TabularInline):  # type: ignore[misc]
    """What happens by itself before an answer is late, and after."""

    model = EscalationStep
    fk_name = "queue"
    verbose_name = "step"
    verbose_name_plural = "Escalation: each step once, while it is our turn"
    hide_title = True
    fields = ("amount", "when", "act", "to_queue", "text")
    autocomplete_fields = ("to_queue",)
    extra = 0


class AcknowledgementTexts(TabularInline):  # type: ignore[misc]
    """The acknowledgement in the languages of customers."""

    model = AcknowledgementText
    verbose_name = "acknowledgement in a language"
    verbose_name_plural = "Acknowledgements by language"
    hide_title = True
    autocomplete_fields = ("language",)
    extra = 0


@admin.register(EmailQueue)
class QueueAdmin(ProductAdmin):
    """Where conversations wait for the agents who can handle them."""

    form = QueueForm
    inlines = (SkillDemands, EscalationSteps, AcknowledgementTexts)
    list_display = (
        "queue",
        "sources_list",
        "sends_with",
        "members_list",
        "waiting",
        "assigned",
        "oldest",
        "health",
    )
    list_filter = ("mode", "sender")
    search_fields = ("name",)
    list_select_related = ("sender__state",)
    autocomplete_fields = ("members", "languages", "sender", "default_language", "calendar")
    fieldsets = (
        (None, {"fields": ("name", "sender", "members")}),
        ("Languages", {"fields": ("language_level", "languages", "default_language")}),
        ("Who gets what", {"fields": ROUTING}),
        ("Times", {"fields": TIMES}),
        ("Threads", {"fields": (("reply_to_closed", "changed_subject"),)}),
        ("Payment cards", {"fields": ("pci",)}),
        ("Keeping", {"fields": (("keep_days", "kept_then"),)}),
        ("Answers", {"fields": (("from_name", "quoted", "undo_seconds"), "signature")}),
        (
            "Acknowledgement",
            {"fields": ("acknowledgement", "acknowledgement_outside", "acknowledgement_limit")},
        ),
    )
    empty_sentence = (
        "In an email queue conversations wait for agents. Email sources deliver to it, and its email sender "
        "sends the answers."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(steps_preview))
        return [path("steps/", view, name="queues_emailqueue_steps"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmailQueue]:
        rows: QuerySet[EmailQueue] = super().get_queryset(request)
        counted: QuerySet[EmailQueue] = brakes.counted(rows, timezone.now()).annotate(
            waiting_count=_count(State.WAITING),
            assigned_count=_count(State.ASSIGNED),
            oldest_at=_oldest(),
        )
        return counted.prefetch_related("members__user", "sources__state")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Members and demands are known now: who can do what is worked out anew."""
        super().save_related(request, form, formsets, change)
        announce(tasks.refresh_kinds)

    def next_step(self, obj: EmailQueue) -> str:
        return (
            "Now add an email source that delivers to it." if obj.sender else "Now choose its email sender."
        )

    def after_change(self, obj: EmailQueue) -> str:
        if obj.sender is None:
            return self.next_step(obj)
        return "Conversations that wait are offered by these settings from now on."

    @display(description="Email queue", ordering="name")
    def queue(self, obj: EmailQueue) -> SafeString:
        has_rule = obj.pci != EmailQueue.PaymentCards.OFF
        cards = badge("calm", f"card numbers: {obj.get_pci_display().lower()}") if has_rule else ""
        return format_html('{}<span class="ucs-below">{}</span>{}', obj.name, obj.mode, cards)

    @display(description="Email sources")
    def sources_list(self, obj: EmailQueue) -> str:
        return ", ".join(source.name for source in obj.sources.all()) or "–"

    @display(description="Email sender", ordering="sender__name")
    def sends_with(self, obj: EmailQueue) -> str:
        return str(obj.sender or "–")

    @display(description="Members")
    def members_list(self, obj: EmailQueue) -> str:
        names = [str(member) for member in obj.members.all()]
        more = f" + {len(names) - SHOWN_MEMBERS}" if len(names) > SHOWN_MEMBERS else ""
        return ", ".join(names[:SHOWN_MEMBERS]) + more or "–"

    @display(description="Waiting")
    def waiting(self, obj: Any) -> SafeString | str:
        return badge("warn", f"{obj.waiting_count:,}") if obj.waiting_count else "–"

    @display(description="Assigned")
    def assigned(self, obj: Any) -> str:
        return f"{obj.assigned_count:,}" if obj.assigned_count else "–"

    @display(description="Oldest waiting")
    def oldest(self, obj: Any) -> SafeString | str:
        return when(obj.oldest_at)

    @display(description="Health")
    def health(self, obj: EmailQueue) -> SafeString:
        troubles = list(_troubles(obj))
        return badge("bad", "needs care", " ".join(troubles)) if troubles else badge("good", "working")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """A queue in use stays: its sources deliver to it, and its conversations belong to customers."""
        reasons = [reason for queue in objs for reason in in_use(queue)]
        if reasons:
            return [], {}, set(), reasons
        return super().get_deleted_objects(objs, request)  # type: ignore[no-any-return]


def in_use(queue: EmailQueue) -> list[str]:
    """Why a queue can't be deleted, a sentence each."""
    found = [
        f"Email source “{source}” delivers to “{queue}”: choose another queue there first."
        for source in queue.sources.all()
    ]
    number = queue.conversations.count()
    if number:
        found.append(f"“{queue}” has {number:,} conversations: move them to another queue first.")
    return [*found, *_named_elsewhere(queue)]


def _named_elsewhere(queue: EmailQueue) -> Iterator[str]:
    """What else names it, of whatever floor: macros, rules, webhooks, moves."""
    relations: list[Any] = [each for each in queue._meta.get_fields(include_hidden=True) if each.one_to_many]
    for relation in relations:
        if relation.on_delete is not PROTECT or relation.name in ("sources", "conversations"):
            continue
        rows = relation.related_model._base_manager.filter(**{relation.field.name: queue})
        what = str(relation.related_model._meta.verbose_name)
        for row in rows.order_by("pk")[:NAMED]:
            yield (
                f"{what[0].upper()}{what[1:]} “{row}” names “{queue}”: delete it, or choose another queue "
                "there first."
            )


def _troubles(queue: EmailQueue) -> Iterable[str]:
    """What keeps mail of this queue from being answered, a sentence each."""
    if queue.sender is None:
        yield "It has no email sender, so answers can't leave."
    elif not queue.sender.is_active:
        yield f"Its email sender {queue.sender} is switched off."
    elif queue.sender.state.is_failing:
        yield f"Its email sender {queue.sender} is failing."
    if not queue.members.all():
        yield "It has no members."
    for source in queue.sources.all():
        if source.is_active and source.state.is_failing:
            yield f"Email source {source} is failing."
    yield from brakes.alarms_of(queue)


def _waiting(state: str) -> QuerySet[Conversation]:
    return Conversation.objects.filter(queue=OuterRef("pk"), state=state).order_by()


def _count(state: str) -> Coalesce:
    return Coalesce(Subquery(_waiting(state).values("queue").annotate(n=Count("pk")).values("n")), 0)


def _oldest() -> Subquery:
    rows = _waiting(State.WAITING).values("queue").annotate(at=Min("waiting_since"))
    return Subquery(rows.values("at"))


@admin.register(Conversation)
class ConversationAdmin(ProductAdmin):
    """All matters, in every state: read here, worked on at the desk."""

    list_display = ("conversation", "contact", "queue", "condition", "agent", "due", "last_mail", "mails")
    list_display_links = None
    list_filter = ("state", "queue", "priority", "language")
    search_fields = ("=number", "subject", "contact__addresses__email")
    list_select_related = ("queue", "contact", "agent__user", "merged_into")
    ordering = ("-last_message_at", "-id")
    actions = None
    empty_sentence = "Conversations are opened by mail that comes in."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Conversation", ordering="number")
    def conversation(self, obj: Conversation) -> SafeString:
        return format_html(
            '<a href="/conversations/{}/">#{}</a><span class="ucs-below">{}</span>',
            obj.pk,
            obj.number,
            obj.subject or "(no subject)",
        )

    @display(description="State", ordering="state")
    def condition(self, obj: Conversation) -> SafeString:
        if obj.merged_into is not None:
            return badge("calm", f"Merged into #{obj.merged_into.number}")
        return badge(STATE_TONES.get(obj.state, "calm"), obj.get_state_display())

    @display(description="Due", ordering="due_at")
    def due(self, obj: Conversation) -> SafeString | str:
        if obj.due_at is not None and obj.due_at < timezone.now():
            return format_html('<span class="ucs-bad">{}</span>', when(obj.due_at))
        return when(obj.due_at)

    @display(description="Last mail", ordering="last_message_at")
    def last_mail(self, obj: Conversation) -> SafeString | str:
        at: datetime = obj.last_message_at
        return when(at)

    @display(description="Mails", ordering="messages_count")
    def mails(self, obj: Conversation) -> int:
        return obj.messages_count
