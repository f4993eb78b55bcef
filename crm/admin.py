"""☰ Messaging → Contacts, Organisations."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import display
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, QuerySet, Subquery, TextField
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from crm import tracking
from crm.changes import Kind, note_change
from crm.models import (
    Communication,
    Contact,
    ContactAddress,
    ContactField,
    CrmLink,
    Organisation,
    OrganisationDomain,
)
from crm.organisations import domain_key
from crm.refusals import ContactRefused
from mailstore.feed import Type, tell
from sso.admin import ProductAdmin, when


class Addresses(TabularInline):  # type: ignore[misc]  # unfold has no types
    """How the contact is known."""

    model = ContactAddress
    verbose_name = "e-mail address"
    verbose_name_plural = "E-mail addresses"
    hide_title = True
    extra = 0


class DomainForm(ModelForm):  # type: ignore[type-arg]
    """A domain of an organisation, never a public one."""

    class Meta:
        model = OrganisationDomain
        fields = ("domain",)

    def clean_domain(self) -> str:
        """As it is stored."""
        try:
            return domain_key(self.cleaned_data["domain"])
        except ContactRefused as refused:
            raise ValidationError(refused.sentence) from refused


class Domains(TabularInline):  # type: ignore[misc]  # unfold has no types
    """From where new contacts belong to it."""

    model = OrganisationDomain
    form = DomainForm
    verbose_name = "domain"
    verbose_name_plural = "Domains whose new contacts belong to it"
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
    fields = (
        *("name", "organisation", ("priority", "standing"), ("language", "language_is_set"), "time_zone"),
        *("phones", "external_id", "remark", "own_fields"),
    )
    readonly_fields = ("own_fields",)
    change_form_outer_after_template = "crm/timeline.html"
    formfield_overrides: ClassVar[dict[Any, dict[str, Any]]] = {
        TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})}
    }
    empty_sentence = "Contacts are made by themselves when somebody writes."

    class Media:
        css: ClassVar[dict[str, list[str]]] = {"all": ["crm/timeline.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        rows: QuerySet[Contact] = super().get_queryset(request).filter(merged_into=None)
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

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:
        obj.version += change
        super().save_model(request, obj, form, change)
        user = request.user if isinstance(request.user, User) else None
        data = {
            name: [str(form.initial.get(name) or ""), str(getattr(obj, name))] for name in form.changed_data
        }
        note_change(Kind.CHANGED if change else Kind.MADE, user, contact=obj, data=data if change else {})
        if not change:
            tell(Type.CONTACT_CREATED, contact_id=obj.pk)

    @display(description="Own fields")
    def own_fields(self, obj: Contact) -> SafeString | str:
        """They are changed at the desk, where each has a field of its kind."""
        if obj._state.adding:
            return "–"
        told = "; ".join(f"{key}: {value}" for key, value in obj.fields.items()) or "none"
        url = reverse("contact", args=[obj.pk])
        erase = f"{reverse('admin:privacy_erasure_changelist')}person/{obj.pk}/"
        return format_html(
            '{} · <a class="ucs-link" href="{}">Open at the desk</a> · '
            '<a class="ucs-link" href="{}">Erase or export</a>',
            told,
            url,
            erase,
        )

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

    list_display = ("name", "all_domains", "people")
    search_fields = ("name", "domains__domain")
    fields = ("name", "external_id", "remark")
    inlines = (Domains,)
    empty_sentence = "An organisation is a firm that several contacts belong to."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organisation]:
        rows: QuerySet[Organisation] = super().get_queryset(request)
        return rows.prefetch_related("contacts", "domains")

    @display(description="Contacts")
    def people(self, obj: Organisation) -> str:
        return ", ".join(str(contact) for contact in obj.contacts.all()[:20]) or "–"

    @display(description="Domains")
    def all_domains(self, obj: Organisation) -> str:
        return ", ".join(str(domain) for domain in obj.domains.all()) or "–"


@admin.register(ContactField)
class ContactFieldAdmin(ProductAdmin):
    """Own fields of contacts and organisations."""

    list_display = ("label", "key", "of", "kind", "is_required", "position")
    list_filter = ("of", "kind")
    search_fields = ("label", "key")
    fields = ("label", "key", "of", "kind", "choices", "is_required", "position")
    empty_sentence = (
        "A field of your own: customer number, tariff, birthday. Shown and filled in at the desk."
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("key", "of", "kind") if obj else ()


@admin.register(CrmLink)
class CrmLinkAdmin(ProductAdmin):
    """Links from a contact to its page in another system."""

    list_display = ("name", "template", "position")
    search_fields = ("name", "template")
    fields = ("name", "template", "position")
    empty_sentence = "A link beside each contact, such as https://crm.example.com/people?mail={email}."
