"""Acts on mail rules, webhooks, API keys and moves."""

from typing import Any

import pytest
from django.utils import timezone

from api.models import APIClient, APIKey
from mailsources import rule_lists
from mailsources.rule_models import MailRule, RuleList
from mailsources.rule_writing import BadRule
from mailstore.feed_models import FeedEvent
from movein.models import Move
from tests.make import make_agent, make_queue, make_rule, make_webhook
from tests.ucs.told.acts import Told, World, act
from webhooks.models import CrmConnection, Delivery, Webhook
from webhooks.post import Outcome, Verdict

RULES, RULE = "mailsources_rulelist", "mailsources_mailrule"
WEBHOOK, DELIVERY, KEY, MOVE = "webhooks_webhook", "webhooks_delivery", "api_apikey", "movein_move"
BASE, RULE_ADMIN = "sso/adminbase.py", "mailsources/rule_admin.py"
NAMES, LIVE, DRAFT = "Rules of all sources", "holds from the next mail on", "it holds when you publish it"
PRIZES = {"name": "Prizes", "joined": "all", "is_active": "on", "actions-0-do": "hold", "actions-0-value": ""}


def rule(name: str = "Prizes") -> MailRule:
    return make_rule((), {"hold": ""}, name=name)


def draft() -> RuleList:
    return rule_lists.make_draft(rule().list)


@act(f"{BASE}::response_add")
def a_list_of_rules_is_inserted(world: World) -> Told:
    answer = world.post(f"{RULES}_add", queue=make_queue(name="Support").pk, mode="first")
    return Told(answer, "Rules of queue Support was inserted.", "add its rules")


@act(f"{BASE}::response_change")
def a_list_of_rules_is_changed(world: World) -> Told:
    return Told(world.post(f"{RULES}_change", rule().list, mode="all"), f"{NAMES} was saved.", LIVE)


@act(f"{BASE}::response_add")
def a_rule_is_inserted(world: World) -> Told:
    rules = rule_lists.list_for(None, None)
    return Told(world.post(f"{RULE}_add?list={rules.pk}", **PRIZES), "Prizes was inserted.", LIVE)


@act(f"{BASE}::response_add")
def a_rule_of_a_draft_is_inserted(world: World) -> Told:
    answer = world.post(f"{RULE}_add?list={draft().pk}", **(PRIZES | {"name": "Bills"}))
    return Told(answer, "Bills was inserted.", DRAFT)


@act(f"{BASE}::response_change")
def a_rule_is_changed(world: World) -> Told:
    return Told(world.post(f"{RULE}_change", rule(), **PRIZES), "Prizes was saved.", LIVE)


@act(f"{BASE}::response_change")
def a_rule_of_a_draft_is_changed(world: World) -> Told:
    return Told(world.post(f"{RULE}_change", draft().rules.get(), **PRIZES), "Prizes was saved.", DRAFT)


@act(f"{BASE}::response_delete")
def a_rule_is_deleted(world: World) -> Told:
    return Told(world.delete(RULE, rule()), "Prizes was deleted.", "audit log")


@act(f"{RULE_ADMIN}::add_view", "warning")
def a_rule_of_no_list_is_added(world: World) -> Told:
    return Told(world.post(f"{RULE}_add", **PRIZES), "No rule was added", "add it there")


@act(f"{RULE_ADMIN}::draft_view")
def a_draft_is_begun(world: World) -> Told:
    return Told(world.post(f"{RULES}_draft", rule().list), NAMES, "holds when you publish it")


@act(f"{RULE_ADMIN}::publish_view")
def a_draft_is_published(world: World) -> Told:
    return Told(world.post(f"{RULES}_publish", draft()), NAMES, "holds now, for the next mail")


@act(f"{RULE_ADMIN}::publish_view", "error")
def a_draft_that_somebody_published_is_published(world: World) -> Told:
    def refuse(row: RuleList) -> RuleList:
        raise BadRule("The draft was published or thrown away a moment ago: look at the list again.")

    row = draft()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_lists, "publish", refuse)
        answer = world.post(f"{RULES}_publish", row)
    return Told(answer, f"{NAMES} are as they were", "look at the list again")


@act(f"{RULE_ADMIN}::throw_away_view")
def a_draft_is_thrown_away(world: World) -> Told:
    return Told(world.post(f"{RULES}_throw-away", draft()), f"draft of {NAMES}", "go on as they were")


@act(f"{RULE_ADMIN}::shift_view")
def a_rule_is_moved(world: World) -> Told:
    rule()
    return Told(world.post(f"{RULES}_shift", rule("Bills"), "up"), "“Bills” was moved up", LIVE)


@act(f"{RULE_ADMIN}::try_view")
def rules_are_tried(world: World) -> Told:
    answer = world.post(f"{RULES}_try", rule().list, days=7, most=10)
    return Told(answer, NAMES, "What they would do appears below")


@act(f"{RULE_ADMIN}::try_view", "error")
def rules_are_tried_on_no_number(world: World) -> Told:
    answer = world.post(f"{RULES}_try", rule().list, days="many", most=10)
    return Told(answer, f"{NAMES}: nothing was tried", "as numbers")


def hook(**overrides: Any) -> Webhook:
    return make_webhook(name="crm", **overrides)


def hook_form(**changed: Any) -> dict[str, Any]:
    given = {"name": "crm", "url": "https://93.184.216.34/hook", "events": ["mail.sent"], "is_active": "on"}
    return given | changed


@act(f"{BASE}::response_add")
def a_webhook_is_inserted(world: World) -> Told:
    return Told(world.post(f"{WEBHOOK}_add", **hook_form()), "crm was inserted.", "press “Send a test”")


@act("webhooks/admin.py::save_model", "warning")
def a_webhook_is_given_a_secret(world: World) -> Told:
    return Told(
        world.post(f"{WEBHOOK}_add", **hook_form()), "The secret of crm is", "copy it to the receiver now"
    )


@act(f"{BASE}::response_change")
def a_webhook_is_changed(world: World) -> Told:
    return Told(
        world.post(f"{WEBHOOK}_change", hook(), **hook_form()), "crm was saved.", "The next event is sent"
    )


@act(f"{BASE}::response_change")
def a_webhook_is_switched_off(world: World) -> Told:
    answer = world.post(f"{WEBHOOK}_change", hook(), **hook_form(is_active=""))
    return Told(answer, "crm was saved.", "told nothing until it is active")


@act(f"{BASE}::response_delete")
def a_webhook_is_deleted(world: World) -> Told:
    return Told(world.delete(WEBHOOK, hook()), "crm was deleted.", "audit log")


@act("webhooks/admin.py::test_view")
def a_webhook_takes_the_test(world: World) -> Told:
    answer = world.post(f"{WEBHOOK}_test", hook())
    return Told(answer, "crm took the test: it answered 200", "What happens from now on is sent there")


@act("webhooks/admin.py::test_view")
def one_that_is_off_takes_the_test(world: World) -> Told:
    answer = world.post(f"{WEBHOOK}_test", hook(is_active=False))
    return Told(answer, "crm took the test: it answered 200", "tick Active")


@act("webhooks/admin.py::test_view")
def a_crm_takes_the_test(world: World) -> Told:
    row = CrmConnection.objects.create(name="hub", kind="hubspot", url="https://api.hub.example", secret="t")
    answer = world.post("webhooks_crmconnection_test", row)
    return Told(answer, "hub answers, and knows the token", "What happens from now on is sent there")


@act("webhooks/admin.py::test_view", "error")
def a_webhook_does_not_take_the_test(world: World) -> Told:
    world.outcome = Outcome(Verdict.AGAIN, "It answered 404: correct the URL.", 404, 5)
    answer = world.post(f"{WEBHOOK}_test", hook())
    return Told(answer, "crm did not take the test", "then send a test again")


@act("webhooks/admin.py::resume_view")
def a_webhook_is_resumed(world: World) -> Told:
    answer = world.post(f"{WEBHOOK}_resume", hook(paused_at=timezone.now()))
    return Told(answer, "crm was resumed", "what waits is sent in a few seconds")


@act("webhooks/admin.py::replay_view")
def a_webhook_is_replayed(world: World) -> Told:
    answer = world.post(f"{WEBHOOK}_replay", hook(), from_number="120")
    return Told(answer, "crm gets everything again from number 120 on", "beginning in a few seconds")


@act("webhooks/admin.py::replay_view", "error")
def a_webhook_is_replayed_from_nowhere(world: World) -> Told:
    answer = world.post(f"{WEBHOOK}_replay", hook(), from_number="x")
    return Told(answer, "crm gets nothing again yet", "Give the number of the feed")


def delivery(state: str) -> Delivery:
    event = FeedEvent.objects.create(type="mail.sent", number=7)
    return Delivery.objects.create(webhook=hook(), event=event, number=7, order_key=1, state=state)


@act("webhooks/admin.py::_again")
def a_delivery_is_sent_again(world: World) -> Told:
    answer = world.post(f"{DELIVERY}_again", delivery("failed"))
    return Told(answer, "Delivery 7 to crm is sent again", "in a few seconds")


@act("webhooks/admin.py::_again", "warning")
def a_delivery_on_its_way_is_sent_again(world: World) -> Told:
    answer = world.choose(DELIVERY, "send_again", delivery("sending"))
    return Told(answer, "Delivery 7 to crm was left alone", "Look again later")


def key() -> APIKey:
    APIKey.make(make_agent("alice").user.pk)
    return APIKey.objects.get()


@act("api/admin.py::save_model", "warning")
def a_key_is_inserted(world: World) -> Told:
    answer = world.post(f"{KEY}_add", user=make_agent("alice").user.pk, name="till")
    return Told(answer, f"The key of {APIKey.objects.get()} is", "copy it now")


@act("api/admin.py::save_model", "warning")
def a_client_is_inserted(world: World) -> Told:
    answer = world.post("api_apiclient_add", user=make_agent("alice").user.pk, name="till")
    return Told(answer, str(APIClient.objects.get()), "Keys are given out at")


@act("api/admin.py::revoke")
def a_key_is_revoked(world: World) -> Told:
    row = key()
    return Told(world.choose(KEY, "revoke", row), f"{row} was revoked", "is refused from now on")


@act("api/admin.py::revoke", "warning")
def a_revoked_key_is_revoked_again(world: World) -> Told:
    row = key()
    world.choose(KEY, "revoke", row)
    return Told(world.choose(KEY, "revoke", row), f"{row} was revoked before", "nothing is left to do")


@act(f"{BASE}::response_delete")
def a_key_is_deleted(world: World) -> Told:
    row = key()
    return Told(world.delete(KEY, row), f"{row} was deleted.", "audit log")


def move(state: str) -> Move:
    return Move.objects.create(kind="mbox", place="box", name="old mail", queue=make_queue(), state=state)


@act("movein/admin.py::response_add")
def a_move_is_inserted(world: World) -> Told:
    queue = make_queue(name="Support")
    answer = world.post(f"{MOVE}_add", kind="mbox", place="box", queue=queue.pk, name="old mail")
    return Told(answer, "old mail was inserted.", "What was found appears below")


@act(f"{BASE}::response_change")
def a_move_is_changed(world: World) -> Told:
    answer = world.post(f"{MOVE}_change", move("scanned"), name="old mail", own_addresses="", open_days="3")
    return Told(answer, "old mail was saved.", "What is not in yet is moved in with these settings")


@act(f"{BASE}::response_delete")
def a_move_is_deleted(world: World) -> Told:
    return Told(world.delete(MOVE, move("done")), "old mail was deleted.", "audit log")


def acted(world: World, state: str, does: str, said: str, comes_next: str) -> Told:
    return Told(world.post(f"{MOVE}_act", move(state), act=does), f"old mail {said}", comes_next)


@act("movein/admin.py::act_view")
def a_move_is_scanned(world: World) -> Told:
    return acted(world, "draft", "scan", "is being scanned", "What was found appears below")


@act("movein/admin.py::act_view")
def a_move_is_started(world: World) -> Told:
    return acted(world, "scanned", "start", "is being moved in", "how far it is appears below")


@act("movein/admin.py::act_view")
def a_move_is_paused(world: World) -> Told:
    return acted(world, "running", "pause", "is paused", "“Go on” continues where it stopped")


@act("movein/admin.py::act_view")
def a_move_goes_on(world: World) -> Told:
    return acted(world, "paused", "go_on", "goes on", "how far it is appears below")


@act("movein/admin.py::act_view")
def a_move_is_cancelled(world: World) -> Told:
    return acted(world, "paused", "cancel", "was cancelled", "the rest is not moved in")


@act("movein/admin.py::act_view", "error")
def a_move_that_is_over_goes_on(world: World) -> Told:
    answer = world.post(f"{MOVE}_act", move("done"), act="go_on")
    return Told(answer, "“old mail” is", "Its buttons are what can")
