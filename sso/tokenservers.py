"""☰ System → Token servers: other servers whose token URLs may stand in password fields."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import display
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from sso.adminbase import ProductAdmin
from sso.badges import badge
from sso.connection_models import TokenServer
from sso.forms import formfield
from sso.widgets import SecretsForm


class TokenServerForm(SecretsForm):
    """Name, address, key. A key goes only to the address that it was typed in for."""

    class Meta:
        model = TokenServer
        formfield_callback = formfield
        fields = ("name", "url", "service_key", "mail_servers")
        widgets: ClassVar[dict[str, Any]] = {"mail_servers": UnfoldAdminTextareaWidget({"rows": 3})}

    def clean(self) -> dict[str, Any]:
        kept = self.kept("service_key")
        cleaned = super().clean()
        if kept and "url" in self.changed_data:
            self.add_error("service_key", "The key would go to another address now: type it in again.")
        return cleaned


@admin.register(TokenServer)
class TokenServerAdmin(ProductAdmin):
    """The allow-list of `sso/foreign.py`."""

    form = TokenServerForm
    list_display = ("server", "key")
    fields = ("name", "url", "service_key", "mail_servers")
    empty_sentence: ClassVar[str] = (
        "Tokens are made here, by the SSO providers. If another installation signs in for some mailboxes, "
        "add the beginning of its token URLs; they may stand in password fields then."
    )

    @display(description="Server", ordering="name")
    def server(self, obj: TokenServer) -> SafeString:
        return format_html(
            '<span class="ucs-cell">{}<span class="ucs-below">{}</span></span>', obj.name, obj.url
        )

    @display(description="Service key")
    def key(self, obj: TokenServer) -> SafeString:
        return badge("good", "set") if obj.service_key else badge("calm", "none")
