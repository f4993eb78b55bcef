"""☰ Messaging → Agents, Skills, Languages."""

from typing import Any

from celery import signature
from django.contrib import admin
from django.contrib.admin import display
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline

from agents.calendar_admin import CalendarAdmin
from agents.forms import PERSON, AgentForm, enters_administration
from agents.models import Absence, Agent, AgentLanguage, AgentSkill, AwayReason, Language, Skill
from agents.people import save_person
from agents.skill_form import SkillForm
from agents.skills import assignable, set_choices
from mailstore.announce import announce
from sso.admin import ProductAdmin, badge, is_administrator, when
from sso.badges import Tone

__all__ = ["AgentAdmin", "CalendarAdmin"]

PRESENCE: dict[str, Tone] = {
    Agent.Presence.AVAILABLE: "good",
    Agent.Presence.AWAY: "warn",
    Agent.Presence.OFFLINE: "calm",
}


class SkillLevels(TabularInline):  # type: ignore[misc]  # unfold has no types
    """What the agent can do; no row means not at all."""

    model = AgentSkill
    verbose_name = "skill"
    verbose_name_plural = "Skills: 1 knows a little, 5 is an expert; yes for what one has or hasn’t"
    autocomplete_fields = ("skill",)
    hide_title = True
    extra = 0


class LanguageLevels(TabularInline):  # type: ignore[misc]
    """What the agent writes."""

    model = AgentLanguage
    verbose_name = "language"
    verbose_name_plural = "Languages: 2 reads it, 3 writes it, 5 is at home in it"
    autocomplete_fields = ("language",)
    hide_title = True
    extra = 0


class Absences(TabularInline):  # type: ignore[misc]
    """When the agent is away, or works at other hours."""

    model = Absence
    verbose_name = "absence"
    verbose_name_plural = "Absences, and days with other hours"
    hide_title = True
    extra = 0


@admin.register(Agent)
class AgentAdmin(ProductAdmin):
    """Who answers, and what they can do."""

    form = AgentForm
    inlines = (SkillLevels, LanguageLevels, Absences)
    list_display = ("agent", "role", "there", "busy", "skills_list", "languages_list", "works_in")
    list_filter = ("role", "presence", "skill_levels__skill", "language_levels__language")
    search_fields = ("user__username", "user__first_name", "user__last_name", "user__email")
    list_select_related = ("user",)
    ordering = ("user__username",)
    autocomplete_fields = ("calendar",)
    fieldsets = (
        (None, {"fields": (*PERSON[:5], "role")}),
        (
            "Work",
            {"fields": ("capacity", "signature", "writes", "interface", "follows_mentions", "is_active")},
        ),
        ("Shifts", {"fields": ("shifts", ("time_zone", "calendar"))}),
    )
    empty_sentence = (
        "Agents answer mail. Each has skills and languages with levels, and works in email queues."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        rows: QuerySet[Agent] = super().get_queryset(request)
        busy = Count("conversations", filter=Q(conversations__state="assigned"), distinct=True)
        found: QuerySet[Agent] = rows.annotate(open_count=busy)
        return found.prefetch_related("skill_levels__skill", "language_levels", "queues")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = bool(super().has_change_permission(request, obj))
        return may and (is_administrator(request) or obj is None or not enters_administration(obj.user))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Who has conversations in hand stays: these are named, not that nobody may delete them."""
        gone, count, lacking, protected = super().get_deleted_objects(objs, request)
        return gone, count, set() if protected else lacking, protected

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type("AgentForm", (form,), {"by_administrator": is_administrator(request)})

    def save_model(self, request: HttpRequest, obj: Agent, form: Any, change: bool) -> None:
        save_person(obj, form.person)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Levels are known now: routing works out anew what the agent can do."""
        super().save_related(request, form, formsets, change)
        announce(signature("queues.tasks.refresh_kinds"))

    def next_step(self, obj: Agent) -> str:
        return "Now make the agent a member of email queues, where conversations are offered."

    @display(description="Agent", ordering="user__username")
    def agent(self, obj: Agent) -> SafeString:
        return format_html('{}<span class="ucs-below">{}</span>', obj, obj.user.get_username())

    @display(description="Presence", ordering="presence")
    def there(self, obj: Agent) -> SafeString:
        if not obj.user.is_active:
            return badge("calm", "switched off")
        since = when(obj.presence_at) if obj.presence_at else ""
        return format_html(
            '{}<span class="ucs-below">{}</span>', badge(PRESENCE[obj.presence], obj.presence), since
        )

    @display(description="Open / capacity")
    def busy(self, obj: Any) -> str:
        return f"{obj.open_count} / {obj.capacity}"

    @display(description="Skills")
    def skills_list(self, obj: Agent) -> str:
        return ", ".join(row.words for row in obj.skill_levels.all()) or "–"

    @display(description="Languages")
    def languages_list(self, obj: Agent) -> str:
        return ", ".join(f"{row.language_id} {row.level}" for row in obj.language_levels.all()) or "–"

    @display(description="Email queues")
    def works_in(self, obj: Agent) -> str:
        return ", ".join(queue.name for queue in obj.queues.all()) or "–"


@admin.register(Skill)
class SkillAdmin(ProductAdmin):
    """What queues demand and agents offer."""

    form = SkillForm
    list_display = ("__str__", "kind_words", "agents", "queues")
    list_filter = ("kind",)
    search_fields = ("name",)
    fields = ("name", "kind", "choices")
    empty_sentence = "A skill is something that some agents can do and some email queues demand."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Skill]:
        found: QuerySet[Skill] = super().get_queryset(request)
        return found.prefetch_related("agentskill_set__agent__user", "queueskill_set__queue", "choices")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Skill], search_term: str
    ) -> tuple[QuerySet[Skill], bool]:
        """Fields that look for a skill are offered what can be had: the choices, not what they are of."""
        if request.path.endswith("/autocomplete/"):
            queryset = queryset.filter(pk__in=assignable().values("pk"))
        return super().get_search_results(request, queryset, search_term)  # type: ignore[no-any-return]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A choice is changed on the page of its skill."""
        return bool(super().has_change_permission(request, obj)) and (obj is None or obj.of_id is None)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and (obj is None or obj.of_id is None)

    def save_model(self, request: HttpRequest, obj: Skill, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        set_choices(obj, form.cleaned_data.get("choices") or [])

    @display(description="Kind", ordering="kind")
    def kind_words(self, obj: Skill) -> str:
        words = ", ".join(each.choice for each in obj.choices.all())
        return f"{obj.get_kind_display()}: {words}" if words else str(obj.get_kind_display())

    def choices(self, obj: Skill) -> str:
        """For who may only look; in the form they are typed in."""
        return ", ".join(each.choice for each in obj.choices.all()) or "–"

    @display(description="Agents")
    def agents(self, obj: Skill) -> str:
        rows = obj.agentskill_set.all()
        return ", ".join(str(row.agent) if obj.is_firm else f"{row.agent} {row.level}" for row in rows) or "–"

    @display(description="Demanded by")
    def queues(self, obj: Skill) -> str:
        rows = obj.queueskill_set.all()
        return (
            ", ".join(str(row.queue) if obj.is_firm else f"{row.queue} ≥ {row.level}" for row in rows) or "–"
        )


@admin.register(AwayReason)
class AwayReasonAdmin(ProductAdmin):
    """Why agents may be away."""

    list_display = ("name", "place")
    search_fields = ("name",)
    empty_sentence = "Agents who are away keep their work and get none. Say here what they may say why."


@admin.register(Language)
class LanguageAdmin(ProductAdmin):
    """What agents write and customers speak; a mail's language is told among these."""

    list_display = ("tag", "agents")
    search_fields = ("tag",)
    empty_sentence = "The language of a mail is told among these; agents have a proficiency in each."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Language]:
        found: QuerySet[Language] = super().get_queryset(request)
        return found.prefetch_related("agentlanguage_set__agent__user")

    @display(description="Agents")
    def agents(self, obj: Language) -> str:
        return ", ".join(f"{row.agent} {row.level}" for row in obj.agentlanguage_set.all()) or "–"
