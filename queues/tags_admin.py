"""☰ Messaging → Tags."""

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from queues.models import Tag
from sso.admin import ProductAdmin


@admin.register(Tag)
class TagAdmin(ProductAdmin):
    """The tags that people put on conversations."""

    list_display = ("name", "colour", "used")
    search_fields = ("name",)
    fields = ("name", "colour")
    empty_sentence = "Tags are put on conversations, to find them by tag: and to count them."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        found: QuerySet[Tag] = super().get_queryset(request)
        return found.annotate(count=Count("conversations"))

    @display(description="Conversations", ordering="count")
    def used(self, obj: Tag) -> int:
        return int(getattr(obj, "count", 0))
