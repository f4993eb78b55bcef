"""☰ Messaging → Macros."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from queues.macros import steps
from queues.models import Macro
from queues.snippet_admin import EXCERPT, as_html
from sso.admin import ProductAdmin, SecretsForm


class MacroForm(SecretsForm):
    """What a macro writes and does."""

    class Meta:
        model = Macro
        fields = (
            *("name", "html", "note", "tags", "then", "snooze_hours", "to_queue", "to_agent", "queues"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        helps = {
            "html": "Put into the editor, and sent when the agent sends it; plain text, or HTML. It has the "
            "places of snippets. Empty for none.",
            "to_queue": "Agents who don't work there can't run it.",
        }
        for name, text in helps.items():
            self.fields[name].help_text = text
        self.fields["html"].widget.attrs["rows"] = 8
        self.fields["note"].widget.attrs["rows"] = 3

    def clean_html(self) -> str:
        """What the desk's editor could have made of it."""
        return as_html(self.cleaned_data["html"])


@admin.register(Macro)
class MacroAdmin(ProductAdmin):
    """An answer and what is to happen with it, under one name."""

    form = MacroForm
    list_display = ("macro", "does", "for_queues")
    list_filter = ("then", "queues")
    search_fields = ("name", "html", "note")
    list_select_related = ("to_queue", "to_agent__user")
    autocomplete_fields = ("queues", "to_queue", "to_agent")
    fieldsets = (
        (None, {"fields": ("name", "queues")}),
        ("Writes", {"fields": ("html", "note", "tags")}),
        ("Then the conversation", {"fields": ("then", ("snooze_hours", "to_queue", "to_agent"))}),
    )
    empty_sentence = "Macros write an answer, put on tags, leave a note and move the matter, all at once."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Macro]:
        rows: QuerySet[Macro] = super().get_queryset(request)
        return rows.prefetch_related("queues", "tags")

    @display(description="Macro", ordering="name")
    def macro(self, obj: Macro) -> SafeString:
        return format_html(
            '{}<span class="ucs-below">{}</span>', obj.name, " ".join(obj.text.split())[:EXCERPT]
        )

    @display(description="Does")
    def does(self, obj: Macro) -> str:
        return ", ".join(steps(obj)) or "–"

    @display(description="Queues")
    def for_queues(self, obj: Macro) -> str:
        return ", ".join(queue.name for queue in obj.queues.all()) or "all"
