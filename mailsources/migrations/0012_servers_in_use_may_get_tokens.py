"""Whoever gets a provider's token today goes on getting it: the servers in use are put on the new lists."""

from django.db import migrations

from sso import serverlist
from sso.fields import SecretUnreadable
from sso.secrets import is_web_address, token_name

KNOWN = {
    "google": ("*.gmail.com", "*.googlemail.com"),
    "microsoft": (
        *("*.office365.com", "*.outlook.com", "outlook.office.com"),
        *("*.office365.us", "*.partner.outlook.cn"),
    ),
}
"""As of the day when the lists came; who is listed besides has no harm."""


def list_servers_in_use(apps, schema_editor):
    provider_model = apps.get_model("sso", "SSOProvider")
    servers = list(apps.get_model("sso", "TokenServer").objects.defer("service_key").order_by("-url"))
    for app, model in (("mailsources", "EmailSource"), ("mailsenders", "EmailSender")):
        for secret, host in _in_use(apps.get_model(app, model)):
            name = token_name(secret)
            if name is None:
                found = [each for each in servers if secret.startswith(each.url)]
                _add(found[0] if found else None, host, ())
            elif name.isascii() and name.isdigit() and len(name) < 19:
                provider = provider_model.objects.defer("client_secret").filter(pk=int(name)).first()
                _add(provider, host, KNOWN.get(provider.type, ()) if provider else ())


def _in_use(model):
    """Token URL and server of each row whose password is one; of one nobody can read nothing is known."""
    for pk, host in model.objects.exclude(server_address="").order_by("pk").values_list("pk", "server_address"):
        try:
            secret = model.objects.values_list("password", flat=True).get(pk=pk).strip()
        except SecretUnreadable:
            continue
        if is_web_address(secret):
            yield secret, host


def _add(row, host, known):
    if row is None or serverlist.is_listed(host, (*known, *serverlist.listed(row.mail_servers))):
        return
    row.mail_servers = serverlist.in_lines(f"{row.mail_servers} {host}")
    row.save(update_fields=["mail_servers"])


class Migration(migrations.Migration):
    dependencies = [
        ("sso", "0012_servers_that_may_get_tokens"),
        ("mailsenders", "0008_merge"),
        ("mailsources", "0011_waiting_of_source"),
    ]

    operations = [migrations.RunPython(list_servers_in_use, migrations.RunPython.noop)]
