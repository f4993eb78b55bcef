"""The checklists: what is in them, what ticks itself, whose ticks they are, and their pages."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from rehearsal.oauth import OAuthServer
from sso.checklists import checks, page, ticks
from sso.checklists.checks import CHECKS
from sso.checklists.lists import checklists, of_kind
from sso.checklists.values import Filling, values_of
from sso.checklists.words import as_html
from sso.models import ChecklistTick, ProviderToken, SSOProvider
from sso.refusals import refusals
from sso.secrets import token_url
from tests.make import make_provider, make_queue, make_sender, make_signed_in_provider, make_source
from tests.sso.conftest import MAILBOX

pytestmark = pytest.mark.django_db

LISTS = "/admin/sso/ssoprovider/checklists/"
OF_FORWARDING = {"inbound", "forwarding-source", "confirmation", "test", "first-mail", "silence"}
MADE_VALUES = Filling()


@pytest.fixture(autouse=True)
def base_url(settings: Settings) -> None:
    settings.BASE_URL = "https://ucs.company.com"


def own(provider: SSOProvider, name: str = "") -> str:
    return f"/admin/sso/ssoprovider/{provider.pk}/checklist/{f'{name}/' if name else ''}"


def shown(client: Client, address: str) -> str:
    response = client.get(address, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def tick(client: Client, address: str, step: str, done: str = "yes", **headers: Any) -> Any:
    return client.post(f"{address}tick/", {"step": step, "done": done}, **headers)


# --- The data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(checklists()))
def test_a_list_is_whole(name: str) -> None:
    one = checklists()[name]
    assert one.people
    assert one.before
    ids = [step.id for step in one.steps]
    assert len(ids) == len(set(ids))
    for step in one.steps:
        assert step.do.endswith((".", "lines below.", "line below.")), step.id
        assert step.check == "" or step.check in CHECKS.keys() | OF_FORWARDING, step.id
        values_of(step.values, MADE_VALUES)
        assert step.do.count("**") % 2 == 0
        assert step.do.count("`") % 2 == 0


def test_what_the_reference_pages_warn_of_is_said() -> None:
    def said(name: str) -> str:
        one = checklists()[name]
        steps = [f"{step.do} {step.trap}" for step in one.steps]
        return " ".join([*one.people, *one.before, *steps])

    assert "Internal avoids the seven-day trap" in said("google-internal")
    assert "No slash at its end" in said("google-internal")
    assert "must be verified by Google" in " ".join(checklists()["google-external"].before)
    assert "100 at most" in said("google-external")
    assert "very address" in said("google-external")
    assert "not the *Secret ID*" in said("microsoft-delegated")
    assert "Do not allow user consent" in said("microsoft-delegated")
    assert "enterprise application" in said("microsoft-app")
    assert "5.7.520" in said("forwarding-microsoft")


def test_what_a_step_cures_is_known_to_the_refusals_where_it_is_a_code() -> None:
    codes = {
        word for one in checklists().values() for step in one.steps for word in step.cures
        if word.startswith("AADSTS")
    }  # fmt: skip
    assert len(codes) > 10
    assert codes <= refusals().keys()


@pytest.mark.parametrize(
    ("name", "sentence", "step"),
    [
        ("google-internal", "click 🔑 again. (It said “redirect_uri_mismatch: x”.)", "google-redirect"),
        ("google-internal", "access to https://mail.google.com/ was not given: click 🔑 again", "granted"),
        ("google-internal", "Google OAuth provider 1: click 🔑 and sign in again", "key"),
        ("google-external", "this account is not one of its test users", "google-test-users"),
        (
            "microsoft-delegated",
            "(It said “AADSTS7000215: Invalid client secret”.)",
            "ms-secret",
        ),
        ("microsoft-delegated", "535 5.7.139 Authentication unsuccessful", "ms-protocols"),
        ("microsoft-delegated", "AADSTS65001: not consented", "ms-consent"),
        ("microsoft-app", "NO AUTHENTICATE failed.", "ms-principal"),
        ("forwarding-microsoft", "550 5.7.520 Access denied", "fwd-ms-on"),
        ("google-internal", "something that nobody has heard of", None),
    ],
)
def test_the_step_that_mends_an_error(name: str, sentence: str, step: str | None) -> None:
    found = checklists()[name].cure(sentence)
    assert (found.id if found else None) == step


def test_marks_become_html_and_nothing_else_does() -> None:
    assert as_html("**a** `b<c>` *d* <script>") == "<b>a</b> <code>b&lt;c&gt;</code> <i>d</i> &lt;script&gt;"


def test_the_lines_for_powershell_hold_the_ids_of_the_app_and_nothing_that_ends_a_string() -> None:
    provider = SSOProvider(type="microsoft", client_id='1a2b"; Remove-Mailbox $x', mailbox=MAILBOX)
    (line,) = values_of(("ps-principal",), Filling(provider))
    assert "AppId eq '1a2b; Remove-Mailbox x'" in line.text
    assert line.is_known
    (line,) = values_of(("ps-mailbox",), Filling(provider))
    assert line.text == f'Add-MailboxPermission -Identity "{MAILBOX}" -User $app.Id -AccessRights FullAccess'


@pytest.mark.parametrize(
    ("name", "permissions"),
    [
        ("microsoft-delegated", "IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send offline_access"),
        ("microsoft-app", "IMAP.AccessAsApp POP.AccessAsApp SMTP.SendAsApp"),
    ],
)
def test_the_lists_for_microsoft_name_the_permissions(
    admin_client: Client, name: str, permissions: str
) -> None:
    html = shown(admin_client, f"{LISTS}{name}/")
    for permission in permissions.split():
        assert f'data-copy="{permission}"' in html
    is_clicked = name == "microsoft-delegated"  # an app signs in by itself: nobody comes back
    assert ('data-copy="https://ucs.company.com/login/oauth2/microsoft"' in html) == is_clicked


def test_texts_for_one_provider_do_not_stand_in_the_list_of_another() -> None:
    def said(name: str) -> str:
        return " ".join(f"{step.do} {step.trap}" for step in checklists()[name].steps)

    assert "Google" not in said("generic")
    assert "must belong to the organisation" not in said("google-external")
    step = checklists()["google-external"].step("sender")
    assert step
    shown_values = {
        each.label: each.text for each in values_of(step.values, Filling(SSOProvider(mailbox=MAILBOX)))
    }
    assert shown_values["Sender e-mail address"] == MAILBOX


def test_what_is_not_known_yet_can_not_be_copied() -> None:
    redirect, token = values_of(("redirect-uri", "token-url"), Filling(SSOProvider(type="google")))
    assert redirect.text == "https://ucs.company.com/login/oauth2/google"
    assert redirect.is_known
    assert not token.is_known


# --- What ticks itself ------------------------------------------------------------------------------------


def found(provider: SSOProvider) -> set[str]:
    """The checks that hold."""
    results = page.of_provider(SSOProvider.objects.get(pk=provider.pk)).found
    return {name for name, holds in results.items() if holds}


def test_a_new_provider_has_what_was_typed_in() -> None:
    assert found(make_provider(mail_servers="")) == {"client-id", "inserted", "secret", "scope", "prompt"}
    assert found(make_provider(scope="openid email", client_secret="", mail_servers="")) == {
        "client-id",
        "inserted",
        "prompt",
    }


def test_an_id_is_no_secret_at_microsoft() -> None:
    guid = "11111111-2222-3333-4444-555555555555"
    kind = {"type": "microsoft", "scope": "", "tenant": "company.com"}
    assert "secret" not in found(make_provider(client_secret=guid, **kind))
    assert "secret" in found(make_provider(client_secret="abc8Q~value", **kind))
    assert "tenant" in found(make_provider(**kind))
    assert "prompt" not in found(make_provider(prompt="consent", **kind))


def test_a_public_client_needs_no_secret() -> None:
    provider = make_provider(type="generic", client_secret="", client_authentication="none")
    assert "secret" in found(provider)


def test_a_sign_in_ticks_its_steps_and_an_ended_one_takes_them_back(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX, owner="it@company.com", secret_ends_on=date.max)
    of_sign_in = {"signed-in", "refresh-token", "account", "granted"}
    assert of_sign_in | {"mailbox", "owner", "ends"} <= found(provider)
    ProviderToken.objects.update(needs_sign_in=True)
    assert not of_sign_in & found(provider)


def test_a_token_for_too_little_or_of_somebody_else_is_seen(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    ProviderToken.objects.update(granted_scope="openid email", account="charlie@company.com")
    assert not {"granted", "account"} & found(provider)
    SSOProvider.objects.update(shared_mailbox=True)
    assert "account" in found(provider)


def test_testing_is_known_by_the_box_or_by_a_sign_in_that_has_lasted(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    assert "testing-known" not in found(provider)
    ProviderToken.objects.update(signed_in_at=timezone.now() - timedelta(days=8))
    assert "testing-known" in found(provider)


def test_sources_and_senders_that_use_it_and_work() -> None:
    provider, other = make_provider(), make_provider()
    url = token_url(str(provider.pk))
    source, sender = make_source(password=url), make_sender(password=url)
    make_source(password="a password")
    assert {"source", "sender"} <= found(provider)
    assert not {"source-works", "sender-works"} & found(provider)
    source.state.succeeded()
    sender.state.succeeded()
    assert {"source-works", "sender-works"} <= found(provider)
    source.state.failed("The mailbox refuses.")
    assert "source-works" not in found(provider)
    assert not {"source", "sender"} & found(other)


def test_a_sender_serves_when_a_queue_has_chosen_it() -> None:
    provider = make_provider()
    sender = make_sender(password=token_url(str(provider.pk)))
    assert "sender-in-queue" not in found(provider)
    make_queue(sender=sender)
    assert {"sender", "sender-in-queue"} <= found(provider)


def test_a_secret_that_has_ended_is_open_again_and_mended_there() -> None:
    provider = make_provider(type="generic", client_secret="s", tenant="company.com")
    assert "secret" in found(provider)
    provider.token.failed("The client secret has expired. (It said “AADSTS7000222”.)")
    assert "secret" not in found(provider)
    cure = page.cure(SSOProvider.objects.get())
    assert cure
    assert cure.id == "secret-any"
    provider.token.succeeded()
    assert "secret" in found(provider)
    SSOProvider.objects.update(secret_ends_on=timezone.localdate() - timedelta(days=1))
    assert "secret" not in found(provider)


def test_common_is_no_tenant(admin_client: Client) -> None:
    assert "tenant" not in found(make_provider(type="microsoft", tenant="Common"))
    form = {"type": "microsoft", "client_id": "mine", "client_secret": "s", "tenant": "common", "scope": ""}
    answer = admin_client.post("/admin/sso/ssoprovider/add/", form, follow=True)
    assert "“common” is no tenant" in answer.content.decode()


def test_a_secret_of_a_lost_key_is_a_missing_one() -> None:
    provider = make_provider()
    source = make_source(password=token_url(str(provider.pk)))
    for table, column, row in (
        ("sso_ssoprovider", "client_secret", provider), ("mailsources_emailsource", "password", source),
    ):  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET {column} = 'fernet:broken' WHERE id = %s", [row.pk])
    known = page.of_provider(SSOProvider.objects.defer("client_secret").get())
    assert (known.found["secret"], known.found["source"]) == (False, False)
    assert checks.users_of_tokens() == {}


# --- Whose ticks ------------------------------------------------------------------------------------------


def test_what_is_done_in_the_console_is_done_for_all_with_that_client() -> None:
    one, copy = make_provider(client_id="same"), make_provider(client_id="same")
    other = make_provider(client_id="another")
    shared, alone = (checklists()["google-internal"].step(each) for each in ("google-origin", "google-imap"))
    assert shared
    assert alone
    for step in (shared, alone):
        ticks.tick(ticks.of_provider(one), step, None)
    assert page.of_provider(one).ticked.keys() == {"google-origin", "google-imap"}
    assert page.of_provider(copy).ticked.keys() == {"google-origin"}
    assert not page.of_provider(other).ticked


def test_a_test_user_is_added_for_each_mailbox() -> None:
    one, copy = make_provider(client_id="same"), make_provider(client_id="same")
    step = checklists()["google-external"].step("google-test-users")
    assert step
    ticks.tick(ticks.of_provider(one), step, None)
    # As it was kept before: for all that share the client.
    ChecklistTick.objects.create(subject=ticks.of_provider(copy).client, step=step.id)
    assert page.of_provider(one).ticked.keys() == {step.id}
    assert not page.of_provider(copy).ticked


def test_the_list_fits_the_provider() -> None:
    def fitting(**values: Any) -> str:
        provider = make_provider(**values)
        return page.chosen(provider, page.of_provider(provider).ticked).name

    assert fitting() == "google-internal"
    assert fitting(in_testing=True) == "google-external"
    assert fitting(type="microsoft") == "microsoft-delegated"
    assert fitting(type="microsoft", app_only=True) == "microsoft-app"
    assert fitting(type="generic") == "generic"
    assert page.chosen(make_provider(), ["google-external", "google-publish"]).name == "google-external"


def test_ticks_of_a_beginning_go_with_what_is_inserted(admin_client: Client, admin_user: User) -> None:
    address = f"{LISTS}google-internal/"
    tick(admin_client, address, "google-project")
    tick(admin_client, address, "google-imap")
    tick(admin_client, f"{LISTS}microsoft-delegated/", "ms-app")
    form = {"type": "google", "client_id": "mine", "client_secret": "s", "scope": "https://mail.google.com/"}
    admin_client.post("/admin/sso/ssoprovider/add/", form)
    provider = SSOProvider.objects.get()
    ticked = page.of_provider(provider).ticked
    assert ticked.keys() == {"google-project", "google-imap"}
    assert ticked["google-imap"].ticked_by == admin_user
    assert [each.step for each in ticks.ticks_of(ticks.NOBODY)] == ["ms-app"]
    admin_client.post(f"/admin/sso/ssoprovider/{provider.pk}/delete/", {"post": "yes"})
    assert set(ChecklistTick.objects.values_list("step", flat=True)) == {"google-project", "ms-app"}


# --- Pages ------------------------------------------------------------------------------------------------


def test_where_the_checklists_are_found(admin_client: Client) -> None:
    listed = shown(admin_client, "/admin/sso/ssoprovider/")
    assert f'href="{LISTS}"' in listed
    assert f'href="{LISTS}google-external/"' in shown(admin_client, "/admin/sso/ssoprovider/add/")
    provider = make_provider()
    assert re.search(r"Checklist \d+/25", words(shown(admin_client, "/admin/sso/ssoprovider/")))
    assert re.search(
        r"Checklist \d+/25", words(shown(admin_client, f"/admin/sso/ssoprovider/{provider.pk}/change/"))
    )
    choice = words(shown(admin_client, LISTS))
    for one in checklists().values():
        assert one.title in choice


def test_the_list_of_a_provider(admin_client: Client) -> None:
    provider = make_provider(mailbox=MAILBOX)
    html = shown(admin_client, own(provider))
    said = words(html)
    assert f"Google OAuth provider {provider.pk}" in said
    assert 'data-copy="https://ucs.company.com/login/oauth2/google"' in html
    assert 'data-copy="https://ucs.company.com"' in html
    assert f'data-copy="{token_url(str(provider.pk))}"' in html
    assert "Checked by UCS" in said
    assert "UCS ticks this by itself" in said
    done = page.progress(checklists()["google-internal"], page.of_provider(provider)).done
    assert f"{done} of 25 steps are done" in said


def test_a_tick_says_who_and_when_and_can_be_taken_back(admin_client: Client, admin_user: User) -> None:
    provider = make_provider()
    address = own(provider, "google-internal")
    response = tick(admin_client, address, "google-project")
    assert response.headers["Location"] == f"{address}#google-project"
    assert f"Ticked by {admin_user.username}" in words(shown(admin_client, address))
    tick(admin_client, address, "google-project", "no")
    assert not ChecklistTick.objects.exists()


def test_the_answer_to_a_script_is_the_step_and_the_count(admin_client: Client) -> None:
    provider = make_provider()
    response = tick(
        admin_client, own(provider, "google-internal"), "google-project", headers={"hx-request": "true"}
    )
    html = response.content.decode()
    assert html.count("<li") == 1
    assert 'aria-checked="true"' in html
    assert 'hx-swap-oob="true"' in html
    assert "5 of 25" in html


def test_two_people_keep_both_their_ticks_and_the_first_name_stays(admin_client: Client) -> None:
    provider = make_provider()
    address = own(provider, "google-internal")
    bob = Client()
    bob.force_login(User.objects.create_superuser("bob"))
    shown(admin_client, address)
    shown(bob, address)
    tick(admin_client, address, "google-project")
    tick(bob, address, "google-app")
    tick(bob, address, "google-project")
    made = dict(ChecklistTick.objects.values_list("step", "ticked_by__username"))
    assert made == {"google-project": "admin", "google-app": "bob"}


@pytest.mark.parametrize("step", ["secret", "no-such-step", ""])
def test_what_ucs_sees_itself_can_not_be_ticked(admin_client: Client, step: str) -> None:
    assert tick(admin_client, own(make_provider(), "google-internal"), step).status_code == 404
    assert not ChecklistTick.objects.exists()


def test_the_step_that_mends_the_last_error_is_marked(admin_client: Client) -> None:
    provider = make_provider()
    provider.token.failed("Not right. (It said “redirect_uri_mismatch”.)")
    html = shown(admin_client, own(provider))
    assert re.search(r'id="google-redirect" class="[^"]*is-cure', html)
    card = shown(admin_client, f"/admin/sso/ssoprovider/{provider.pk}/change/")
    assert f"{own(provider, 'google-internal')}#google-redirect" in card


def test_an_error_of_the_mailbox_points_to_its_step(admin_client: Client) -> None:
    provider = make_provider(type="microsoft", tenant="company.com")
    make_sender(password=token_url(str(provider.pk))).state.failed("535 5.7.139 It is disabled.")
    html = shown(admin_client, own(provider))
    assert re.search(r'id="ms-protocols" class="[^"]*is-cure', html)


def test_a_list_is_of_its_kind_and_a_page_is_there(admin_client: Client) -> None:
    provider = make_provider()
    assert admin_client.get(own(provider, "microsoft-app")).status_code == 404
    assert admin_client.get(f"{LISTS}nothing/").status_code == 404
    assert admin_client.get("/admin/sso/ssoprovider/999/checklist/").status_code == 404
    assert admin_client.get(f"{own(provider, 'google-internal')}tick/").status_code == 405
    for one in checklists().values():
        assert one.title in shown(admin_client, f"{LISTS}{one.name}/")


def test_who_may_look_and_who_may_tick(client: Client) -> None:
    provider = make_provider()
    address = own(provider, "google-internal")
    assert client.get(address).status_code == 302
    looker = User.objects.create_user("charlie", is_staff=True)
    client.force_login(looker)
    assert client.get(address).status_code == 404
    assert client.get(LISTS).status_code == 404
    looker.user_permissions.add(Permission.objects.get(codename="view_ssoprovider"))
    client.force_login(User.objects.get(username="charlie"))
    assert "tick/" not in shown(client, address)
    assert tick(client, address, "google-project").status_code == 404
    assert not ChecklistTick.objects.exists()


def test_the_start_page_asks_as_many_queries_for_ten_as_for_one(admin_client: Client) -> None:
    make_source(password=token_url(str(make_provider().pk)))
    with CaptureQueriesContext(connection) as one:
        admin_client.get(LISTS)
    for _ in range(9):
        make_source(password=token_url(str(make_provider().pk)))
    with CaptureQueriesContext(connection) as ten:
        admin_client.get(LISTS)
    assert len(ten) == len(one)


# --- Forwarding -------------------------------------------------------------------------------------------


def test_the_list_of_a_forwarding_source(admin_client: Client, settings: Settings) -> None:
    settings.INBOUND_DOMAIN = "inbound.example.com"
    tick(admin_client, f"{LISTS}forwarding-microsoft/", "fwd-ms-policy")
    source = make_source(server_type="FORWARDING", public_address="support@example.com")
    address = f"/admin/mailsources/emailsource/{source.pk}/checklist/"
    html = shown(admin_client, address)
    assert source.address in html
    assert "Forwarding from Gmail" in words(html)
    tick(admin_client, f"{address}forwarding-microsoft/", "fwd-ms-on")
    said = words(shown(admin_client, address))
    assert "3 of 9 steps are done" in said
    assert "Set-Mailbox -Identity &quot;support@example.com&quot;" in shown(admin_client, address)
    source.state.last_mail_at = timezone.now()
    source.state.save()
    assert "4 of 9 steps" in words(shown(admin_client, address))
    card = shown(admin_client, f"/admin/mailsources/emailsource/{source.pk}/change/")
    assert "Checklist 4/9" in words(card)


def test_only_forwarding_has_that_list(admin_client: Client) -> None:
    assert (
        admin_client.get(f"/admin/mailsources/emailsource/{make_source().pk}/checklist/").status_code == 404
    )


def test_what_was_begun_goes_with_the_new_source() -> None:
    step = of_kind("forwarding")[1].step("fwd-ms-policy")
    assert step
    ticks.tick(ticks.NOBODY, step, None)
    source = make_source(server_type="FORWARDING", public_address="support@example.com")
    ticks.adopt("forwarding", ticks.of_row("source", source.pk))
    assert ChecklistTick.objects.get().subject == f"source:{source.pk}"
