"""☰ Messaging → Snippets."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import Max, QuerySet, Sum
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mailcore import authored
from queues.models import Snippet
from queues.texts import OF_AGENT, OF_MATTER, places
from sso.admin import ProductAdmin, SecretsForm, when

EXCERPT = 90


class SnippetForm(SecretsForm):
    """A snippet; its text may be written as plain text or as HTML."""

    class Meta:
        model = Snippet
        fields = ("name", "html", "language", "queues", "owner")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["html"].help_text = (
            "Plain text, or HTML with bold, italic, lists, links and quotes. Places: "
            f"{places((*OF_MATTER, *OF_AGENT))}, and {{{{ ?some words }}}} for what the agent fills in."
        )
        self.fields["html"].widget.attrs["rows"] = 10

    def clean_html(self) -> str:
        """What the desk's editor could have made of it."""
        return as_html(self.cleaned_data["html"])


def as_html(text: str) -> str:
    """A text of the administration as HTML: taken as such when it begins with a tag."""
    return authored.tidy(text) if text.lstrip().startswith("<") else authored.from_text(text)


@admin.register(Snippet)
class SnippetAdmin(ProductAdmin):
    """Texts that agents insert while they write."""

    form = SnippetForm
    list_display = ("snippet", "language", "for_queues", "whose", "used", "last_used")
    list_filter = ("language", "queues", "owner")
    search_fields = ("name", "html")
    list_select_related = ("owner__user",)
    autocomplete_fields = ("queues", "owner", "language")
    empty_sentence = "Snippets are texts that agents insert by typing / and some letters of the name."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Snippet]:
        rows: QuerySet[Snippet] = super().get_queryset(request)
        counted: QuerySet[Snippet] = rows.annotate(
            used_times=Sum("uses__times"), used_at=Max("uses__used_at")
        )
        return counted.prefetch_related("queues")

    @display(description="Snippet", ordering="name")
    def snippet(self, obj: Snippet) -> SafeString:
        return format_html(
            '{}<span class="ucs-below">{}</span>', obj.name, " ".join(obj.text.split())[:EXCERPT]
        )

    @display(description="Queues")
    def for_queues(self, obj: Snippet) -> str:
        return ", ".join(queue.name for queue in obj.queues.all()) or "all"

    @display(description="Whose", ordering="owner")
    def whose(self, obj: Snippet) -> str:
        return str(obj.owner or "everybody's")

    @display(description="Inserted", ordering="used_times")
    def used(self, obj: Any) -> str:
        return f"{obj.used_times:,} times" if obj.used_times else "–"

    @display(description="Last", ordering="used_at")
    def last_used(self, obj: Any) -> SafeString | str:
        return when(obj.used_at)
