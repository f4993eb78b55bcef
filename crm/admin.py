"""☰ Messaging → Contacts, Organisations."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import Count, OuterRef, QuerySet, Subquery, TextField
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from crm import tracking
from crm.models import Communication, Contact, ContactAddress, Organisation
from sso.admin import ProductAdmin, when


class Addresses(TabularInline):  # type: ignore[misc]  # unfold has no types
    """How the contact is known."""

    model = ContactAddress
    verbose_name = "e-mail address"
    verbose_name_plural = "E-mail addresses"
    hide_title = True
    extra = 0


@admin.register(Contact)
class ContactAdmin(ProductAdmin):
    """Who wrote, and all mail with them."""

    list_display = ("contact", "emails", "organisation", "priority", "language", "mails", "last_mail")
    list_filter = ("priority", "language", "organisation")
    search_fields = ("name", "addresses__email", "organisation__name")
    list_select_related = ("organisation",)
    autocomplete_fields = ("organisation",)
    inlines = (Addresses,)
    fields = ("name", "organisation", "priority", ("language", "language_is_set"), "remark")
    change_form_outer_after_template = "crm/timeline.html"
    formfield_overrides: ClassVar[dict[Any, dict[str, Any]]] = {
        TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})}
    }
    empty_sentence = "Contacts are made by themselves when somebody writes."

    class Media:
        css: ClassVar[dict[str, list[str]]] = {"all": ["crm/timeline.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        rows: QuerySet[Contact] = super().get_queryset(request)
        mails = Communication.objects.filter(contact=OuterRef("pk")).order_by()
        counted: QuerySet[Contact] = rows.annotate(
            mail_count=Subquery(mails.values("contact").annotate(number=Count("pk")).values("number")),
            mail_at=Subquery(mails.order_by("-at").values("at")[:1]),
        )
        return counted.prefetch_related("addresses")

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None
        more = {"communications": tracking.timeline(obj) if obj else [], **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, more)

    @display(description="Contact", ordering="name")
    def contact(self, obj: Contact) -> str:
        return str(obj)

    @display(description="E-mail addresses")
    def emails(self, obj: Contact) -> str:
        return ", ".join(row.email for row in obj.addresses.all() if row.email) or "–"

    @display(description="Mails")
    def mails(self, obj: Any) -> str:
        return f"{obj.mail_count or 0:,}"

    @display(description="Last mail")
    def last_mail(self, obj: Any) -> SafeString | str:
        return when(obj.mail_at)


@admin.register(Organisation)
class OrganisationAdmin(ProductAdmin):
    """Firms that contacts belong to."""

    list_display = ("name", "people")
    search_fields = ("name",)
    empty_sentence = "An organisation is a firm that several contacts belong to."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organisation]:
        rows: QuerySet[Organisation] = super().get_queryset(request)
        return rows.prefetch_related("contacts")

    @display(description="Contacts")
    def people(self, obj: Organisation) -> str:
        return ", ".join(str(contact) for contact in obj.contacts.all()[:20]) or "–"
