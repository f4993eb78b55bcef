"""The rule lab: what it tells is what would happen, and nothing happens by it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailcore.rule_terms import Do
from mailsources import rule_hits, rule_lab, rule_lists, rule_writing, rulebook
from mailsources.deliver import deliver_many
from mailsources.fetch import ingest
from mailsources.models import EmailSource, FetchedMail
from mailsources.rule_models import MailRule, RuleHit, RuleList, RuleTrial
from mailsources.rule_past import sample, seen_again
from queues.models import Conversation, EmailQueue, Event, Message
from tests.make import make_administrator, make_agent, make_mail, make_queue, make_rule, make_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> EmailSource:
    return make_source()


def come(source: EmailSource, *subjects: str) -> list[Message]:
    return deliver_many([ingest(source, make_mail(Subject=each)).pk for each in subjects])


def tried(rules: RuleList, most: int = 100) -> RuleTrial:
    """A trial from button to result, by a worker."""
    trial = rule_lab.ask(rules, make_administrator(f"root{RuleTrial.objects.count()}"), 7, most)
    rule_lab.run(trial.pk)
    trial.refresh_from_db()
    assert trial.state == RuleTrial.State.DONE, trial.error
    return trial


def test_a_draft_is_tried_beside_what_holds_and_published(source: EmailSource) -> None:
    billing, shop = make_queue(name="Billing"), make_queue(name="Shop")
    make_rule({"what": "subject", "how": "contains", "value": "bill"}, {"queue": "Billing"}, name="Bills")
    make_rule({"what": "subject", "how": "contains", "value": "moon"}, {"tag": "moon"}, name="Moon")
    come(source, "bill 1", "order 2", "order 3", "hello")
    live = RuleList.objects.get()
    draft = rule_lists.make_draft(live)
    assert rule_lists.make_draft(live) == draft
    assert not rule_lists.differs(draft)
    orders = {"name": "Orders", "if": [{"what": "subject", "how": "words", "value": "order"}]}
    rule_writing.save(draft, rule_writing.read(orders | {"then": [{"do": "queue", "value": "Shop"}]}))
    before = Event.objects.count(), Conversation.objects.count(), RuleHit.objects.count()
    trial = tried(draft)
    result = trial.result
    assert (Event.objects.count(), Conversation.objects.count(), RuleHit.objects.count()) == before
    assert (result["total"], result["looked"], result["changed"], result["moved"]) == (4, 4, 2, 2)
    assert {each["name"]: each["hits"] for each in result["rules"]} == {"Bills": 1, "Moon": 0, "Orders": 2}
    places = {each["name"]: (each["before"], each["after"]) for each in result["places"]}
    assert places == {"Billing": (1, 1), "Shop": (0, 2), source.queue.name: (3, 1)}
    assert [(each["subject"], each["after"]) for each in rule_lab.mails(trial)][:2] == [
        ("order 2", "Shop"),
        ("order 3", "Shop"),
    ]

    [untouched] = come(source, "order 4")
    assert untouched.conversation.queue == source.queue, "a draft does nothing"
    bills = MailRule.objects.get(list=live, name="Bills")
    rule_lists.publish(draft)
    [moved] = come(source, "order 5")
    assert moved.conversation.queue == shop
    assert MailRule.objects.get(list=live, name="Bills") == bills, "its hits are kept"
    assert rule_hits.of_list(live.pk)[bills.pk].count == 1
    assert not RuleList.objects.exclude(draft_of=None).exists()
    assert billing.conversations.count() == 1


def test_a_sample_is_said(source: EmailSource) -> None:
    make_rule((), {"tag": "all"})
    come(source, *map(str, range(6)))
    result = tried(RuleList.objects.get(), most=3).result
    assert (result["total"], result["looked"]) == (6, 3)
    assert sample(range(10), 3) == [0, 3, 6]


def test_a_trial_is_paged_and_names_each_rule_once(client: Client, source: EmailSource) -> None:
    make_rule({"what": "subject", "how": "contains", "value": "mail"}, {"tag": "all"}, name="Rule of all")
    make_rule({"what": "subject", "how": "is", "value": "?"}, {"tag": "none"}, name="Rule of none")
    RuleList.objects.update(mode="all")
    come(source, *(f"mail {number:02}" for number in range(27)))
    rules = RuleList.objects.get()
    tried(rules)
    client.force_login(make_administrator())
    url = f"/admin/mailsources/rulelist/{rules.pk}/"
    lab = client.get(f"{url}change/").content.decode().partition('id="lab"')[2]
    assert (lab.count('th scope="row">Rule of all'), lab.count("Rule of none")) == (1, 1)
    assert "1 rule never matched" in lab
    assert "1–25 of 27" in lab
    assert ("mail 24" in lab, "mail 25" in lab) == (True, False)
    second = client.get(f"{url}trial/?mails=2").content.decode()
    assert "26–27 of 27" in second
    assert ("mail 24" in second, "mail 26" in second) == (False, True)


def test_answers_and_discarded_mails_are_seen_as_they_were(source: EmailSource) -> None:
    make_rule({"what": "subject", "how": "is", "value": "junk"}, {"discard": ""}, name="Junk")
    [first] = come(source, "hello", "junk")
    answer = make_mail(In_Reply_To=f"<{first.message_id}>", Subject="Re: hello")
    deliver_many([ingest(source, answer).pk])
    rows = list(FetchedMail.objects.order_by("pk"))
    found = seen_again([row.pk for row in rows])
    assert [each.is_answer for each in found if each] == [False, False, True]
    decisions = [each.decided(rulebook.now()) for each in found if each]
    assert [each.first(Do.DISCARD) is not None for each in decisions] == [False, True, False]


def test_a_trial_whose_worker_has_gone_is_taken_up(source: EmailSource) -> None:
    make_rule((), {"tag": "all"})
    trial = rule_lab.ask(RuleList.objects.get(), make_administrator(), 7, 10)
    assert rule_lab.forgotten() == []
    RuleTrial.objects.update(state="running", lease_until=timezone.now() + timedelta(minutes=1))
    rule_lab.run(trial.pk)
    trial.refresh_from_db()
    assert trial.state == "running", "it is in other hands"
    RuleTrial.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    assert rule_lab.forgotten() == [trial.pk]
    rule_lab.run(trial.pk)
    trial.refresh_from_db()
    assert trial.state == "done"


def test_old_hits_are_forgotten_but_the_last(source: EmailSource) -> None:
    make_rule((), {"tag": "all"})
    come(source, "1", "2", "3")
    RuleHit.objects.update(at=timezone.now() - timedelta(days=200))
    newest = RuleHit.objects.latest("pk")
    RuleHit.objects.filter(pk=newest.pk).update(at=timezone.now() - timedelta(days=150))
    assert rule_hits.forget_old() == 2
    assert RuleHit.objects.get() == newest


SUBJECTS = st.lists(st.sampled_from(["invoice", "order", "Prize!", "hello world"]), min_size=1, max_size=5)
RULES = st.lists(
    st.tuples(
        st.sampled_from(["invoice", "or*", "hello", "*!", "*"]),
        st.sampled_from(["queue", "priority", "discard", "tag", "hold"]),
        st.booleans(),
    ),
    max_size=4,
)
VALUES = {"queue": "Billing", "priority": "high", "tag": "t"}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subjects=SUBJECTS, wanted=RULES, mode=st.sampled_from(["first", "all"]))
def test_the_dry_result_is_the_real_one(
    source: EmailSource, subjects: list[str], wanted: list[tuple[str, str, bool]], mode: str
) -> None:
    """Of the same mails: what the lab says of a draft, and what happens when it is published."""
    RuleList.objects.all().delete()
    FetchedMail.objects.all().delete()
    EmailQueue.objects.get_or_create(name="Billing")
    for pattern, do, negated in wanted:
        condition = {"what": "subject", "how": "matches", "value": pattern, "not": negated}
        make_rule(condition, {do: VALUES.get(do, "")}, mode=mode)
    rows = [ingest(source, make_mail(Subject=each)) for each in subjects]
    told = []
    for past in seen_again([row.pk for row in rows]):
        assert past is not None
        decision = past.decided(rulebook.now())
        target = decision.queue or source.queue_id
        told.append((None if decision.first(Do.DISCARD) else target, [rule.id for rule in decision.matched]))
    deliver_many([row.pk for row in rows])
    happened = []
    for row in rows:
        row.refresh_from_db()
        hits = list(row.rule_hits.order_by("pk").values_list("rule", flat=True))
        happened.append((row.message.conversation.queue_id if row.message else None, hits))
    assert happened == told


def test_only_administrators_see_rules(client: Client, source: EmailSource) -> None:
    rule = make_rule((), {"tag": "all"})
    come(source, "hello")
    pages = [
        "/admin/mailsources/rulelist/",
        f"/admin/mailsources/rulelist/{rule.list_id}/change/",
        f"/admin/mailsources/rulelist/{rule.list_id}/trial/",
        f"/admin/mailsources/mailrule/{rule.pk}/change/",
        f"/admin/mailsources/fetchedmail/{FetchedMail.objects.get().pk}/rules/",
    ]
    for user, status in ((make_administrator(), 200), (make_agent("alice").user, 302)):
        client.force_login(user)
        assert {client.get(page).status_code for page in pages} == {status}
    assert (
        client.post(f"/admin/mailsources/rulelist/{rule.list_id}/try/", {"days": 1, "most": 1}).status_code
        == 302
    )
    assert not RuleTrial.objects.exists()


def test_a_draft_is_published_once(client: Client) -> None:
    rule = make_rule((), {"tag": "all"})
    draft = rule_lists.make_draft(rule.list)
    twice = RuleList.objects.select_related("draft_of").get(pk=draft.pk)
    rule_lists.publish(draft)
    with pytest.raises(rule_writing.BadRule, match="a moment ago"):
        rule_lists.publish(twice)  # a second click, which waited for the first
    assert MailRule.objects.get().name == rule.name


def test_the_text_of_a_mail_stays_shut_on_the_page_of_its_rules(client: Client, source: EmailSource) -> None:
    make_rule({"what": "text", "how": "contains", "value": "zebra"}, {"tag": "text"}, mode="all")
    make_rule({"what": "subject", "how": "exists"}, {"tag": "subject"})
    row = ingest(source, make_mail("a zebra and a secret", Subject="My card 4111 1111 1111 1111"))
    client.force_login(make_administrator())
    page = client.get(f"/admin/mailsources/fetchedmail/{row.pk}/rules/").content.decode()
    assert "its text, which is not shown here" in page
    assert "a secret" not in page
    said = page.partition("What is in the mail</th>")[2]
    assert "My card" in said
    assert "4111 1111 1111 1111" not in said


def test_what_is_discarded_can_not_be_forwarded(client: Client) -> None:
    with pytest.raises(rule_writing.BadRule, match="is not forwarded"):
        make_rule((), {"forward": "bob@partner.example", "discard": ""})
    rules = rule_lists.list_for(None, None)
    client.force_login(make_administrator())
    values = {"name": "Both", "joined": "all", "actions-0-do": "discard", "actions-1-do": "forward"}
    url = f"/admin/mailsources/mailrule/add/?list={rules.pk}"
    page = client.post(url, values | {"actions-1-value": "bob@partner.example"})
    assert "What is discarded is not forwarded" in page.content.decode()
    assert not MailRule.objects.exists()


def test_a_trial_that_was_taken_over_writes_nothing_more(
    source: EmailSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_rule((), {"tag": "all"})
    come(source, "1", "2")
    trial = rule_lab.ask(RuleList.objects.get(), make_administrator(), 7, 10)
    until = timezone.now() + timedelta(hours=1)
    count = rule_lab._count

    def overtaken(*args: Any) -> None:
        RuleTrial.objects.update(lease_until=until)
        count(*args)

    monkeypatch.setattr(rule_lab, "_count", overtaken)
    rule_lab.run(trial.pk)
    trial.refresh_from_db()
    assert (trial.state, trial.done, trial.lease_until, trial.result) == ("running", 0, until, {})
