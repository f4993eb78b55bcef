"""Where a step leads to in the administration."""

from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse

from sso import providers, secrets
from sso.checklists.checks import SENDER, SOURCE
from sso.checklists.page import Known
from sso.models import SSOProvider


def links(kind: str, known: Known) -> dict[str, tuple[str, str]]:
    """The words and the address for each `go` of lists.toml."""
    provider = known.filling.provider
    return {
        "provider": _provider(kind, provider),
        "providers": ("SSO providers", reverse("admin:sso_ssoprovider_changelist")),
        "queues": ("Email queues", reverse("admin:queues_emailqueue_changelist")),
        "source": _row(known, SOURCE, "email source") or _add(kind, provider, "mailsources_emailsource"),
        "sender": _row(known, SENDER, "email sender") or _add(kind, provider, "mailsenders_emailsender"),
    }


def filled_form(provider: SSOProvider, table: str, protocol: str) -> str:
    """The form of a new source or sender with this provider, filled in; "" if its server is not known."""
    host, port = providers.mail_server(provider, protocol)
    if not host:
        return ""
    mailbox = provider.mailbox or provider.token.account
    user = (provider.smtp_username if protocol == "smtp" else "") or mailbox
    query = {"server_address": host, "service_port": port, "username": user}
    query |= {"email_address": mailbox, "server_type": "STARTTLS"} if protocol == "smtp" else {}
    query["password"] = secrets.token_url(str(provider.pk))
    return f"{reverse(f'admin:{table}_add')}?{urlencode(query)}"


def _provider(kind: str, provider: SSOProvider) -> tuple[str, str]:
    if provider.pk:
        return f"Open {provider}", reverse("admin:sso_ssoprovider_change", args=[provider.pk])
    return "+ add SSO provider", f"{reverse('admin:sso_ssoprovider_add')}?{urlencode({'type': kind})}"


def _row(known: Known, label: str, name: str) -> tuple[str, str] | None:
    row: Model | None = next((each for each in known.rows if each._meta.label == label), None)
    if row is None:
        return None
    table = f"{row._meta.app_label}_{row._meta.model_name}"
    return f"Open the {name}", reverse(f"admin:{table}_change", args=[row.pk])


def _add(kind: str, provider: SSOProvider, table: str) -> tuple[str, str]:
    is_source = table.endswith("source")
    words = "+ add email source" if is_source else "+ add email sender"
    filled = filled_form(provider, table, "imap" if is_source else "smtp") if provider.pk else ""
    plain = reverse(f"admin:{table}_add")
    return words, filled or (f"{plain}?server_type=FORWARDING" if kind == "forwarding" else plain)
