"""Acts on email senders, outgoing mail, queues, SSO providers and calendars."""

from typing import Any

import pytest
from django.utils import timezone

from agents import calendar_admin
from agents.calendars import Calendar
from agents.public_holidays import UnknownPlace
from mailsenders import outbox
from mailsenders.models import EmailSender, OutgoingMail
from mailsenders.outbox import Outcome
from sso import oauth, signin
from sso.models import ProviderToken, SSOProvider
from sso.oauth import Grant, ProviderRefused
from sso.secrets import token_url
from tests.make import make_outgoing, make_provider, make_queue, make_sender, make_source
from tests.ucs.told.acts import Told, World, act

SENDER, OUTGOING = "mailsenders_emailsender", "mailsenders_outgoingmail"
QUEUE, PROVIDER = "queues_emailqueue", "sso_ssoprovider"
BASE, MAILBOX = "sso/adminbase.py", "box@company.com"
GRANT = Grant("access", "refresh", "", "", 3600)


def sender(**overrides: Any) -> EmailSender:
    return make_sender(name="support-out", server_type="STARTTLS", **overrides)


def sender_form(**changed: Any) -> dict[str, Any]:
    return {
        "server_type": "STARTTLS", "server_address": "127.0.0.1", "service_port": 587,
        "email_address": "support@example.com", "name": "support-out", "is_active": "on",
    } | changed  # fmt: skip


@act(f"{BASE}::response_add")
def a_sender_is_inserted(world: World) -> Told:
    answer = world.post(f"{SENDER}_add", **sender_form())
    return Told(answer, "support-out was inserted.", "choose it in an email queue")


@act(f"{BASE}::response_change")
def a_sender_is_changed(world: World) -> Told:
    answer = world.post(f"{SENDER}_change", sender(), **sender_form(service_port=465))
    return Told(answer, "support-out was saved.", "The next mail leaves with these settings.")


@act(f"{BASE}::response_change")
def a_sender_is_switched_off(world: World) -> Told:
    answer = world.post(f"{SENDER}_change", sender(), **sender_form(is_active=""))
    return Told(answer, "support-out was saved.", "its mails wait until it is active")


@act(f"{BASE}::response_delete")
def a_sender_is_deleted(world: World) -> Told:
    return Told(world.delete(SENDER, sender()), "support-out was deleted.", "audit log")


@act("mailsenders/admin.py::get_deleted_objects", "page")
def a_sender_in_use_is_not_deleted(world: World) -> Told:
    row = sender()
    make_queue(name="Support", sender=row)
    answer = world.delete(SENDER, row)
    return Told(answer, "“Support” sends with “support-out”", "choose another sender there first")


@act("templates/admin/connection_steps.html", "page")
def a_sender_is_tested(world: World) -> Told:
    return Told(world.post(f"{SENDER}_test", **sender_form()), "The connection works.", "Save, so that")


def uncertain() -> OutgoingMail:
    mail = make_outgoing()
    claim = outbox.claim(mail.sender_id, timezone.now())
    assert claim
    outbox.start_data(claim)
    outbox.finish_uncertain(claim, Outcome({}, "", "The answer was lost."))
    return mail


@act("mailsenders/outgoing_admin.py::_decide")
def an_uncertain_mail_is_sent_again(world: World) -> Told:
    mail = uncertain()
    answer = world.post(f"{OUTGOING}_resend", mail)
    return Told(answer, f"Outgoing mail {mail.pk} is sent again", "leaves in a few seconds")


@act("mailsenders/outgoing_admin.py::_decide")
def an_uncertain_mail_is_marked_as_sent(world: World) -> Told:
    mail = uncertain()
    answer = world.post(f"{OUTGOING}_mark", mail)
    return Told(answer, f"Outgoing mail {mail.pk} is marked as sent", "nothing more is done with it")


@act("mailsenders/outgoing_admin.py::_decide", "warning")
def a_mail_that_waits_is_sent_again(world: World) -> Told:
    mail = make_outgoing()
    answer = world.post(f"{OUTGOING}_resend", mail)
    return Told(answer, f"Outgoing mail {mail.pk} was left as it is", "settles only mails that failed")


@act("mailsenders/outgoing_admin.py::_decide", "warning")
def a_mail_whose_text_is_gone_is_sent_again(world: World) -> Told:
    mail = uncertain()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "was_emptied", lambda mail: True)
        patch.setattr(outbox, "resend", lambda mail: False)
        answer = world.post(f"{OUTGOING}_resend", mail)
    return Told(answer, f"Outgoing mail {mail.pk} was left as it is", "there is nothing to send")


@act(f"{BASE}::response_add")
def a_queue_is_inserted(world: World) -> Told:
    given = world.filled(f"{QUEUE}_add", name="Support", steps="[]")
    return Told(world.post(f"{QUEUE}_add", **given), "Support was inserted.", "choose its email sender")


@act(f"{BASE}::response_change")
def a_queue_is_changed(world: World) -> Told:
    queue = make_queue(name="Support")
    given = world.filled(f"{QUEUE}_change", queue, steps="[]", weight=2)
    answer = world.post(f"{QUEUE}_change", queue, **given)
    return Told(answer, "Support was saved.", "offered by these settings from now on")


@act(f"{BASE}::response_delete")
def a_queue_is_deleted(world: World) -> Told:
    return Told(world.delete(QUEUE, make_queue(name="Support")), "Support was deleted.", "audit log")


@act("queues/admin.py::get_deleted_objects", "page")
def a_queue_in_use_is_not_deleted(world: World) -> Told:
    source = make_source(name="support-in", queue=make_queue(name="Support"))
    answer = world.delete(QUEUE, source.queue)
    return Told(answer, "“support-in” delivers to “Support”", "choose another queue there first")


def provider_form(**changed: Any) -> dict[str, Any]:
    return {
        "type": "google", "client_id": "1-a.apps.googleusercontent.com", "client_secret": "GABCDEF-canary",
        "scope": "https://mail.google.com/", "mailbox": MAILBOX,
    } | changed  # fmt: skip


def signed_in(**overrides: Any) -> SSOProvider:
    row = make_provider(mailbox=MAILBOX, **overrides)
    values = {"signed_in_at": timezone.now(), "account": MAILBOX, "granted_scope": row.scope}
    ProviderToken.objects.filter(provider=row).update(**values)
    return SSOProvider.objects.get(pk=row.pk)


@act(f"{BASE}::response_add")
def a_provider_is_inserted(world: World) -> Told:
    answer = world.post(f"{PROVIDER}_add", **provider_form())
    row = SSOProvider.objects.get()
    return Told(
        answer,
        f"Google OAuth provider {row.pk} was inserted.",
        f"click 🔑 in its row and sign in as {MAILBOX}",
    )


@act(f"{BASE}::response_add")
def a_provider_is_copied(world: World) -> Told:
    first = make_provider()
    given = world.filled(f"{PROVIDER}_add?copy={first.pk}", mailbox=MAILBOX)
    answer = world.post(f"{PROVIDER}_add?copy={first.pk}", **given)
    row = SSOProvider.objects.exclude(pk=first.pk).get()
    assert row.client_id == first.client_id
    return Told(answer, f"Google OAuth provider {row.pk} was inserted.", "click 🔑 in its row")


@act("sso/admin.py::save_model", "warning")
def a_provider_with_an_odd_scope_is_inserted(world: World) -> Told:
    answer = world.post(f"{PROVIDER}_add", **provider_form(scope="https://mail.google.com"))
    return Told(answer, "scope", "must end with a slash")


@act(f"{BASE}::response_change")
def a_provider_without_sign_in_is_changed(world: World) -> Told:
    row = make_provider(mailbox=MAILBOX)
    answer = world.post(f"{PROVIDER}_change", row, **provider_form(client_id=row.client_id))
    return Told(answer, f"{row.title} was saved.", "click 🔑 in its row")


@act(f"{BASE}::response_change")
def a_provider_with_sign_in_is_changed(world: World) -> Told:
    row = signed_in()
    given = provider_form(client_id=row.client_id, client_secret="", validity="1800")
    answer = world.post(f"{PROVIDER}_change", row, **given)
    return Told(answer, f"{row.title} was saved.", "next token is asked for with these settings")


@act("sso/admin.py::save_model", "warning")
def the_scope_of_a_signed_in_provider_grows(world: World) -> Told:
    row = signed_in(type="generic", scope="mail.read")
    given = world.filled(f"{PROVIDER}_change", row, scope="mail.read mail.send")
    given |= {
        "authorization_url": "https://login.example.com/auth",
        "token_url": "https://login.example.com/token",
    }
    answer = world.post(f"{PROVIDER}_change", row, **given)
    return Told(answer, str(row), "mail.send")


@act(f"{BASE}::response_delete")
def a_provider_is_deleted(world: World) -> Told:
    row = make_provider()
    return Told(world.delete(PROVIDER, row), f"{row} was deleted.", "audit log")


@act("sso/admin.py::get_deleted_objects", "page")
def a_provider_in_use_is_not_deleted(world: World) -> Told:
    row = make_provider()
    make_source(name="support-in", password=token_url(str(row.pk)))
    return Told(world.delete(PROVIDER, row), "support-in", f"its password is the token URL of {row}")


@act("templates/admin/connection_steps.html", "page")
def a_provider_is_tested(world: World) -> Told:
    answer = world.post(f"{PROVIDER}_test", signed_in())
    return Told(answer, "The connection works.", "These are the settings that are stored.")


def back_from_consent(world: World, row: SSOProvider, account: str) -> Any:
    """The way back from the provider, which says who signed in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signin, "take_back", lambda *words: (row, {"callback": "google", "verifier": "v"}))
        patch.setattr(oauth, "exchange", lambda *words, **more: GRANT)
        patch.setattr(oauth, "accounts_of", lambda *words: (account,))
        return world.client.get("/login/oauth2/google?code=given")


@act("sso/views.py::_signed_in")
def a_new_provider_is_signed_in(world: World) -> Told:
    row = make_provider(mailbox=MAILBOX)
    answer = back_from_consent(world, row, MAILBOX)
    return Told(answer, f"{row} is signed in as {MAILBOX}.", f"give {token_url(str(row.pk))}")


@act("sso/views.py::_signed_in")
def a_provider_in_use_is_signed_in(world: World) -> Told:
    row = make_provider(mailbox=MAILBOX)
    make_source(name="support-in", password=token_url(str(row.pk)))
    answer = back_from_consent(world, row, MAILBOX)
    return Told(answer, f"{row} is signed in as {MAILBOX}.", "(first fetch within 60 s")


@act("sso/views.py::callback", "error")
def a_wrong_person_signs_in(world: World) -> Told:
    row = make_provider(mailbox=MAILBOX)
    answer = back_from_consent(world, row, "other@company.com")
    return Told(answer, f"other@company.com signed in, but {row} is for {MAILBOX}", "Click 🔑")


@act("sso/views.py::callback", "error")
def a_person_does_not_consent(world: World) -> Told:
    row = make_provider(mailbox=MAILBOX)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signin, "take_back", lambda *words: (row, {"callback": "google"}))
        answer = world.client.get("/login/oauth2/google?error=access_denied")
    return Told(answer, str(row), "choose Allow")


@act("sso/views.py::start", "error")
def a_sign_in_that_can_not_begin(world: World) -> Told:
    row = make_provider(mailbox=MAILBOX)
    with pytest.MonkeyPatch.context() as patch:
        refused = ProviderRefused(f"{row}: there is no authorization URL: give one under Other endpoints.")
        patch.setattr(signin, "begin", lambda *words: (_ for _ in ()).throw(refused))
        answer = world.client.post(f"/login/oauth2/start/{row.pk}")
    return Told(answer, str(row), "give one under Other endpoints")


@act("sso/views.py::_signed_in")
def a_refresh_token_is_pasted(world: World) -> Told:
    row = make_provider(mailbox=MAILBOX)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oauth, "refresh", lambda *words: GRANT)
        patch.setattr(oauth, "accounts_of", lambda *words: (MAILBOX,))
        answer = world.client.post(f"/login/oauth2/paste/{row.pk}", {"refresh_token": "1//0-elsewhere"})
    return Told(answer, f"{row} is signed in as {MAILBOX} with a pasted refresh token.", "As the password of")


@act("sso/views.py::paste", "error")
def nothing_is_pasted(world: World) -> Told:
    answer = world.client.post(f"/login/oauth2/paste/{make_provider().pk}", {"refresh_token": " "})
    return Told(answer, "Paste the refresh token into the field first", "nothing was changed")


def with_holidays(world: World, add: Any) -> Any:
    """The button below a calendar; what it adds is tested beside the calendars."""
    row = Calendar.objects.create(name="Office", hours="Mo-Fr 08:00-18:00")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calendar_admin, "add_holidays", add)
        return world.post("agents_calendar_holidays", row, place="XX")


@act("agents/calendar_admin.py::holidays_view")
def public_holidays_are_added(world: World) -> Told:
    answer = with_holidays(world, lambda row, place: 12)
    return Told(answer, "12 public holidays were added to Office", "counted with them from now on")


@act("agents/calendar_admin.py::holidays_view", "error")
def public_holidays_of_nowhere_are_added(world: World) -> Told:
    def refuse(row: Calendar, place: str) -> int:
        raise UnknownPlace(f"“{place}” is no country: write its two letters, such as CZ.")

    return Told(with_holidays(world, refuse), "No holidays were added to Office", "write its two letters")
