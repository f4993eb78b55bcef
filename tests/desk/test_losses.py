"""Who writes to an address that returned our last mail is warned while writing."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from mailsenders.models import OutgoingMail, OutgoingRecipient
from queues import actions
from queues.models import Conversation
from tests.api.test_api import Program
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_mail, make_queue, receive
from tests.queues.test_bounces import MAX, fields, report

pytestmark = pytest.mark.django_db(transaction=True)


def returned_mail() -> Conversation:
    """A conversation whose answer came back."""
    alice = make_agent("alice")
    message = receive(make_queue([alice]), make_mail(From=f"Max <{MAX}>"))
    sent = actions.reply(alice.user, message.conversation, actions.Reply(text="It is on its way.", to=(MAX,)))
    OutgoingMail.objects.update(state="sent", sent_at=timezone.now())
    OutgoingRecipient.objects.update(state="accepted", answer="250 Ok")
    headers = f"Message-ID: <{sent.message_id}>\r\n"
    receive(message.conversation.queue, report(fields(MAX), headers))
    return Conversation.objects.get(pk=message.conversation.pk)


def test_the_editor_warns_of_whom_it_has_and_of_whom_one_types(sign_in: SignIn) -> None:
    row = returned_mail()
    page = sign_in("alice")
    page.goto(f"/conversations/{row.pk}/")
    expect(page.locator(".delivery.bad")).to_contain_text(f"Came back from {MAX}")
    page.keyboard.press("r")
    warning = page.locator("#reply-form .losses")
    expect(warning).to_contain_text(f"{MAX} bounced on ")
    expect(warning).to_contain_text("the address does not exist. Another address of this person is needed.")

    page.locator("#reply-form .chip button").click()
    expect(warning).to_have_text("")
    page.locator("#reply-form .chips input:not([type=hidden])").first.fill(f"{MAX}, ")
    expect(warning).to_contain_text(f"{MAX} bounced on ")


def test_a_program_is_told_as_well() -> None:
    row = returned_mail()
    program = Program(row.agent.user_id if row.agent else 0)
    told = program.get(f"conversations/{row.pk}")["returned"]

    assert [(each["email"], each["reason"]) for each in told] == [(MAX, "no_such_user")]
    assert told[0]["sentence"].startswith(f"{MAX} bounced on ")
