"""Settings as a file: applied all or nothing, twice without a change, with the line of what is wrong."""

from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from agents.models import Agent
from mailsenders.models import EmailSender
from mailsources.models import EmailSource
from queues.models import EmailQueue
from sso import tokens
from sso.connection_models import FormerSecret
from sso.models import ProviderToken, SSOProvider
from sso.oauth import Grant
from staff.models import SignInRules
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export

pytestmark = pytest.mark.django_db

WHOLE = """\
sso_providers:
  - name: google-support
    type: google
    client_id: 1-a.apps.googleusercontent.com
    client_secret: ${G_SECRET}
    scope: "https://mail.google.com/"
    mailbox: support@example.com
    mail_servers: [imap.example.com]
skills: [billing, returns]
languages: [cs, en]
agents:
  - {username: alice, password: long-enough-1, email: alice@example.com, role: agent,
     skills: {billing: 4}, languages: {cs: 5, en: 3}, capacity: 2}
senders:
  - {name: support-out, server_type: STARTTLS, server_address: smtp.example.com, service_port: 587,
     username: support@example.com, password: secret-1, email_address: support@example.com,
     limits: {per_minute: 30, per_day: 2000}}
queues:
  - {name: Support, sender: support-out, members: [alice], skills: {billing: 2}, languages: [en, cs],
     mode: push, wait_rule: off, sla: {first_response: 4h, next_response: 90m}, hours: "Mo-Fr 08:00-18:00",
     reply_to_closed: new, changed_subject: new, pci: mask, signature: Example, acknowledgement_limit: 50}
sources:
  - {name: support-in, server_type: IMAP, server_address: imap.example.com, service_port: 993, use_ssl: true,
     username: support@example.com, password: "http://127.0.0.1:8080/api/v1.0/auth/token/google-support",
     folder: INBOX, after_import: "move:Done", import_since: 2026-01-31, silence_hours: 48, queue: Support}
"""


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("G_SECRET", "client-secret-1")
    path = tmp_path / "settings.yml"
    path.write_text(WHOLE)
    return path


def bad(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(BadFile) as caught:
        apply_file(path)
    return str(caught.value).removeprefix(f"{path}:")


def test_a_whole_file_makes_everything_and_changes_nothing_the_second_time(settings_file: Path) -> None:
    first = apply_file(settings_file)
    provider = SSOProvider.objects.get(name="google-support")
    source = EmailSource.objects.get(name="support-in")
    queue = EmailQueue.objects.get(name="Support")
    alice = Agent.objects.get(user__username="alice")
    assert provider.client_secret == "client-secret-1"
    assert source.password.endswith(f"/auth/token/{provider.pk}")
    assert (source.after_import, source.move_to, source.queue) == ("move", "Done", queue)
    assert (source.import_since, source.silence_hours) == (date(2026, 1, 31), 48)
    assert (queue.first_response, queue.next_response, queue.wait_rule) == (240, 90, "off")
    assert (queue.reply_to_closed, queue.changed_subject) == ("new", "new")
    assert (queue.acknowledgement_limit, queue.pci) == (50, "mask")
    assert queue.default_language_id == "en"
    assert list(queue.members.all()) == [alice]
    assert alice.user.check_password("long-enough-1")
    assert EmailSender.objects.get().limit_per_minute == 30
    assert len(first.lines) == 9

    second = apply_file(settings_file)
    assert (second.lines, second.unchanged) == ([], 9)


def test_a_changed_value_is_told_but_a_secret_is_not(settings_file: Path) -> None:
    apply_file(settings_file)
    settings_file.write_text(
        WHOLE.replace("secret-1,", "secret-2,").replace("service_port: 587", "service_port: 25")
    )
    changes = apply_file(settings_file)
    assert changes.lines == ["changed email sender support-out: service_port: 587 → 25, password (secret)"]
    assert EmailSender.objects.get().password == "secret-2"
    way = FormerSecret.objects.get()  # one can go back to it for a week
    assert (way.secret, way.values["service_port"]) == ("secret-1", 587)


def test_export_can_be_applied_again_and_holds_no_secret(settings_file: Path) -> None:
    apply_file(settings_file)
    text = export()
    assert "secret-1" not in text
    assert "long-enough-1" not in text
    settings_file.write_text(text)
    assert apply_file(settings_file).lines == []
    assert EmailSender.objects.get().password == "secret-1"


def test_a_dry_run_keeps_nothing(settings_file: Path) -> None:
    out = StringIO()
    call_command("apply", str(settings_file), dry_run=True, stdout=out)
    assert "created email queue Support" in out.getvalue()
    assert "would change" in out.getvalue()
    assert not EmailQueue.objects.exists()
    assert not User.objects.filter(username="alice").exists()


def test_one_bad_line_undoes_all(settings_file: Path) -> None:
    text = bad(settings_file, WHOLE.replace("queue: Support}", "queue: Suport}"))
    assert text == "25: sources “support-in”: queue: there is no email queue “Suport”: add it under queues."
    assert not EmailSender.objects.exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("queues: [", "this is not YAML"),
        ("quues: []", "1: quues: this section is not known; known are agents"),
        ("- a", "1: begin with a section"),
        ("queues:\n  name: x", "1: queues: give a list"),
        ("queues:\n  - hello", "2: queues: give a mapping"),
        ("queues:\n  - {name: Q, colour: red}", "2: queues “Q”: colour: this key is not known here"),
        ("queues:\n  - {sender: x}", "2: queues “”: “name” is missing"),
        ("queues:\n  - {name: Q, pci: hide}", "2: queues “Q”: pci: 'hide' is not offered by this version"),
        ("queues:\n  - {name: Q, mode: shove}", "mode: 'shove' is not offered"),
        (
            "queues:\n  - {name: Q,\n     sla: {first_response: soon}}",
            "3: queues “Q”: sla: first_response: 'soon' is",
        ),
        (
            "queues:\n  - {name: Q, members: [nobody]}",
            "members: there is no agent “nobody”: add it under agents.",
        ),
        ("queues:\n  - {name: Q}\nqueues: []", "3: the section “queues” is there twice"),
        ("queues:\n  - {name: Q}\n  - {name: Q, mode: pick}", "3: queues “Q”: it is in line 2 already"),
        (
            "agents:\n  - {username: a, password: ${NO_SUCH_VARIABLE}, capacity: 2}",
            "NO_SUCH_VARIABLE is not set",
        ),
        ("agents:\n  - {username: a, skills: {x: 9}}", "skills: x has level 9: give 1 to 5."),
        ("agents:\n  - {username: a, role: king}", "role: 'king' is not offered"),
        (
            "senders:\n  - {name: s, server_type: SSL, server_address: h, email_address: nonsense}",
            "email_address: ",
        ),
        ("senders:\n  - {name: s, server_type: SSL}", "“email_address” is missing"),
        ("languages: [english]", "two-letter"),
        ("sources:\n  - {name: s, server_type: FTP}", "server_type: 'FTP' is not offered"),
        ("sources:\n  - {name: s, server_type: POP3}", "is missing"),
        (
            "agents:\n  - {username: a, password: '${NO_SUCH_VARIABLE}'}",
            "2: the environment variable NO_SUCH_VARIABLE",
        ),
        (
            "queues:\n  - {name: Q}\nsources:\n  - {name: s, server_type: IMAP, server_address: a.example,\n"
            "     username: u, queue: Q, import_since: yesterday}",
            "is not a day",
        ),
    ],
)
def test_bad_files_are_refused_with_line_object_and_remedy(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in bad(tmp_path / "bad.yml", text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"can't be read: No such file"):
        call_command("apply", str(tmp_path / "none.yml"))


def test_two_sources_of_one_mailbox_are_refused_by_name(settings_file: Path) -> None:
    twin = WHOLE[WHOLE.index("  - {name: support-in") :].replace("support-in", "second")
    text = bad(settings_file, WHOLE + twin)
    assert "already fetched by the email source “support-in”" in text


def test_a_variable_needs_no_quotes_between_braces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("G_SECRET", "client: {secret}, 1")
    path = tmp_path / "one.yml"
    path.write_text("sso_providers:\n  - {name: g, type: google, client_id: i, client_secret: ${G_SECRET}}\n")
    apply_file(path)
    assert SSOProvider.objects.get().client_secret == "client: {secret}, 1"


def test_an_export_names_the_provider_of_a_token_url(settings_file: Path) -> None:
    apply_file(settings_file)
    provider = SSOProvider.objects.get()
    text = export()
    assert "/api/v1.0/auth/token/google-support\n" in text
    assert f"/auth/token/{provider.pk}" not in text
    settings_file.write_text(text)
    assert apply_file(settings_file).lines == []


FORWARDING = """\
queues:
  - {name: Support}
sources:
  - {name: info-in, server_type: FORWARDING, public_address: info@example.com, queue: Support}
"""


def test_a_forwarding_source_keeps_its_address(settings_file: Path, settings: Settings) -> None:
    settings.INBOUND_DOMAIN = "inbound.example.test"
    settings_file.write_text(FORWARDING)
    apply_file(settings_file)
    source = EmailSource.objects.get()
    assert (source.public_address, source.username, source.folder) == ("info@example.com", "", "INBOX")
    assert apply_file(settings_file).lines == []
    text = export()
    assert f"address: {source.address}\n" in text
    # Another installation that takes the file over is found under the same address.
    EmailSource.objects.all().delete()
    settings_file.write_text(text)
    apply_file(settings_file)
    assert EmailSource.objects.get().address == source.address
    assert apply_file(settings_file).lines == []


COLLECTED = """\
queues:
  - {name: Support}
sources:
  - {name: z-box, server_type: IMAP, server_address: i.example.com, username: box@example.com, queue: Support}
  - name: forwarded
    server_type: FORWARDING
    public_address: info@example.com
    collected_by: z-box
    queue: Support
"""


def test_a_mailbox_collects_for_a_forwarding_source(settings_file: Path) -> None:
    settings_file.write_text(COLLECTED)
    apply_file(settings_file)
    source = EmailSource.objects.get(name="forwarded")
    assert source.address == f"box+{source.forwarding_token}@example.com"
    text = export()
    EmailSource.objects.filter(name="forwarded").delete()
    EmailSource.objects.all().delete()
    settings_file.write_text(text)
    apply_file(settings_file)
    assert EmailSource.objects.get(name="forwarded").address == source.address
    assert "there is no email source “nobody”" in bad(
        settings_file, COLLECTED.replace("by: z-box", "by: nobody")
    )


def test_forwarding_needs_a_domain(settings_file: Path) -> None:
    assert "server_type: This installation takes no forwarded mail yet" in bad(settings_file, FORWARDING)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("address: support@inbound.example.test", "address: that is no address of a forwarding source"),
        ("password: secret", "password: this key is not known here"),
        ("public_address: x@inbound.example.test", "public_address: x@inbound.example.test is at the domain"),
        ("", "“public_address” is missing"),
    ],
)
def test_what_a_forwarding_source_refuses(
    settings_file: Path, settings: Settings, change: str, sentence: str
) -> None:
    settings.INBOUND_DOMAIN = "inbound.example.test"
    is_whole = change and not change.startswith("public")
    text = FORWARDING if is_whole else FORWARDING.replace("public_address: info@example.com, ", "")
    assert sentence in bad(settings_file, text.replace("queue: Support}", f"queue: Support, {change}}}"))


def test_providers_of_other_types(tmp_path: Path) -> None:
    path = tmp_path / "kinds.yml"
    path.write_text(
        "sso_providers:\n"
        "  - {name: office, type: microsoft, client_id: i, client_secret: s, tenant: example.com,\n"
        "     mailbox: box@example.com, app_only: true, prompt: unsent}\n"
        "  - {name: house, type: generic, client_id: i, scope: mail, validity: 600, smtp_port: 25,\n"
        "     authorization_url: 'https://sso.example.com/a', token_url: 'https://sso.example.com/t'}\n"
        "  - {name: yard, type: generic, client_id: i, client_secret: s, scope: mail,\n"
        "     client_authentication: client_secret_basic, authorization_url: 'https://sso.example.com/a',\n"
        "     token_url: 'https://sso.example.com/t'}\n"
    )
    apply_file(path)
    ways = dict(SSOProvider.objects.values_list("name", "client_authentication"))
    assert ways == {
        "office": "client_secret_post",
        "house": "client_secret_post",
        "yard": "client_secret_basic",
    }
    office, house = SSOProvider.objects.get(name="office"), SSOProvider.objects.get(name="house")
    assert (office.tenant, office.app_only, office.prompt) == ("example.com", True, "unsent")
    assert (house.validity, house.smtp_port, house.client_secret) == (600, 25, "")
    path.write_text(export())
    assert not apply_file(path).lines


def test_a_microsoft_provider_needs_its_tenant(tmp_path: Path) -> None:
    path = tmp_path / "kinds.yml"
    path.write_text("sso_providers:\n  - {name: o, type: microsoft, client_id: i, client_secret: s}\n")
    assert "tenant" in bad(path, path.read_text())


def test_a_changed_client_asks_for_a_new_sign_in(settings_file: Path) -> None:
    apply_file(settings_file)
    provider = SSOProvider.objects.get()
    tokens.keep_sign_in(provider, Grant("a", "r", "", "", 3600), "support@example.com", None)
    settings_file.write_text(WHOLE.replace("client_id: 1-a", "client_id: 2-b"))
    apply_file(settings_file)
    assert ProviderToken.objects.get(provider=provider).needs_sign_in


def test_the_sign_in_rules_are_settings_as_well(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    assert "sign_in" not in export()
    path.write_text("sign_in: {two_factor: everybody}\n")
    assert apply_file(path).lines == ["changed sign-in rules: two_factor: nobody → everybody"]
    assert SignInRules.objects.get().two_factor == "everybody"
    assert apply_file(path).lines == []
    assert "sign_in:\n  two_factor: everybody\n" in export()
    path.write_text(export())
    assert apply_file(path).lines == []
    assert "two_factor: 'some' is not offered" in bad(path, "sign_in: {two_factor: some}\n")
    assert "give a mapping" in bad(path, "sign_in: everybody\n")
    assert "give a mapping" in bad(path, "sign_in: [everybody]\n")
