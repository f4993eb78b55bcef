"""Skills that are had or not, and skills with choices, beside those with levels."""

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents import skillwords
from agents.models import HAS, Agent, Skill
from agents.skills import SkillError, fitting, set_choices
from mailcore.rule_terms import BadTerm
from mailsources import rule_writing
from queues import actions, kinds, routing
from queues.abilities import Candidate, Demand, Team, lacks
from queues.models import AgentKind, EmailQueue, Kind
from queues.policy import work
from queues.refusals import ActionRefused
from queues.staffing import staff
from queues.steps import Step, course, lowered
from queues.steps_form import Row, StepsField
from simulation.changes import read_levels
from simulation.office import Case, Desk, Relief
from simulation.people import Person
from tests.make import make_agent, make_conversation, make_queue, make_supervisor
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export

Wait = EmailQueue.WaitRule
calm = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
FIRM = ("certified", "product/blue", "product/red")
GRADED = ("billing", "returns")
has = st.dictionaries(st.sampled_from(FIRM), st.just(HAS))
graded = st.dictionaries(st.sampled_from(GRADED), st.integers(1, 5))
skills = st.builds(dict.__or__, has, graded)
languages = st.dictionaries(st.just("cs"), st.integers(1, 5))
reliefs = st.dictionaries(st.sampled_from([*GRADED, *FIRM]), st.integers(0, 5))


@st.composite
def teams(draw: st.DrawFn) -> Team:
    members = tuple(
        Candidate(agent_id=pk, name=f"Agent {pk}", skills=draw(skills), languages=draw(languages))
        for pk in range(1, draw(st.integers(1, 5)) + 1)
    )
    steps = tuple(Step(10 * (n + 1), draw(reliefs)) for n in range(draw(st.integers(0, 3))))
    demanded, rule = tuple(sorted(draw(skills).items())), draw(st.sampled_from(Wait.values))
    return Team(1, "Support", demanded, 3, rule, members, steps if rule == Wait.STEPS else ())


def kind_of(team: Team) -> Kind:
    demand = team.demand("cs")
    return Kind(pk=1, language="cs", language_level=3, demands=[list(each) for each in demand.skills])


@calm
@given(teams())
def test_what_one_has_or_not_is_eased_by_a_step_that_names_it_alone(team: Team) -> None:
    named = {name for step in team.steps for name, level in step.skills.items() if not level}
    for row in staff(team, kind_of(team)):
        member = team.member(row.agent_id)
        assert member is not None
        missing = {
            name for name, level in team.skills if skillwords.is_firm(level) and name not in member.skills
        }
        assert not missing or row.eased
        assert missing <= (named if team.wait_rule == Wait.STEPS else set())
        assert row.level <= 5


@calm
@given(teams(), st.sampled_from(FIRM))
def test_it_makes_nobody_quicker(team: Team, name: str) -> None:
    """Those who have what is demanded fit as well as without that demand, beside each other."""
    demand = dict(team.skills) | {name: HAS}
    fits = [
        [(row.agent_id, row.level) for row in staff(each, kind_of(each)) if not row.eased]
        for each in (
            Team(1, "Support", tuple(sorted(demand.items())), 3, Wait.OFF, team.members),
            Team(
                1, "Support", tuple(sorted((k, v) for k, v in demand.items() if k != name)), 3, Wait.OFF,
                tuple(each for each in team.members if name in each.skills),
            ),
        )
    ]  # fmt: skip
    assert fits[0] == fits[1]
    assert work([HAS]) == work([5]) == work([]) == 1.0


@calm
@given(skills, reliefs)
def test_routing_and_the_simulator_ease_alike(demanded: dict[str, int], relief: dict[str, int]) -> None:
    ours, _ = lowered(demanded.items(), 3, [Step(10, relief)])
    desk = Desk("Support", skills=tuple(demanded.items()), wait_rule="steps", reliefs=(Relief(10, relief),))
    need = desk.need(Case(1, "Support", "cs", 0.0, (), (), 1.0))
    (step,) = desk.steps(need)
    assert dict(step.need.skills) == dict(ours)
    assert all(skillwords.is_firm(level) for _, level in need.eased().skills)
    assert {name for name, _ in need.eased().skills} == set(demanded) & set(FIRM)


@calm
@given(skills)
def test_there_and_back_for_programs(levels: dict[str, int]) -> None:
    told = skillwords.outside(levels.items())
    assert skillwords.spread(told) == levels
    assert all(told[name] is True for name in FIRM if name in told)


def test_words() -> None:
    agent = Candidate(agent_id=1, name="Alice", skills={}, languages={})
    demand = Demand((("billing", 2), ("certified", HAS), ("product/red", HAS)))
    assert lacks(agent, demand) == ("billing ≥ 2", "certified", "product: red")
    assert skillwords.spread({"product": ["red", "blue"], "certified": False}) == {
        "product/red": HAS, "product/blue": HAS,
    }  # fmt: skip
    told = course([("certified", HAS)], 3, [{"after_minutes": 60, "skills": {"certified": 0}}])
    assert told == ["At first: certified, language ≥ 3.", "After 1 h: language ≥ 3 is enough."]
    assert read_levels("billing=4, certified=yes, product/red=no") == {
        "billing": 4, "certified": HAS, "product/red": 0,
    }  # fmt: skip
    somebody = Person(1, {"certified": HAS}, {}, ())
    assert (
        somebody.work(Desk("Q", skills=(("certified", HAS),)).need(Case(1, "Q", "", 0.0, (), (), 1.0))) == 1
    )


@pytest.fixture
def known() -> dict[str, Skill]:
    """billing has levels, certified is had or not, product is red or blue."""
    Skill.objects.create(name="billing")
    Skill.objects.create(name="certified", kind=Skill.Kind.YES_NO)
    product = Skill.objects.create(name="product", kind=Skill.Kind.CHOICE)
    set_choices(product, ["red", "blue"])
    return {skill.name: skill for skill in Skill.objects.all()}


@pytest.mark.django_db
def test_a_level_that_fits(known: dict[str, Skill]) -> None:
    assert fitting(known["billing"], 3) == 3
    assert fitting(known["certified"], 2) == fitting(known["product/red"], HAS) == HAS
    for name, level in (
        ("billing", HAS),
        ("billing", 0),
        ("certified", 0),
        ("billing", "3"),
        ("certified", None),
    ):
        with pytest.raises(SkillError, match="is no level of"):
            fitting(known[name], level)
    with pytest.raises(SkillError, match="name one of blue, red"):
        fitting(known["product"], HAS)


@pytest.mark.django_db
def test_a_choice_is_demanded_routed_and_told(known: dict[str, Skill]) -> None:
    alice = make_agent("alice", {"billing": 1, "product/red": HAS, "certified": HAS}, {"en": 5})
    dora = make_agent("dora", {"billing": 5, "product/blue": HAS}, {"en": 5})
    queue = make_queue([alice, dora], {"billing": 1}, mode=EmailQueue.Mode.PUSH, wait_rule=Wait.UNCOVERED)
    row = make_conversation(queue)
    actions.demand(alice.user, row, {"product": "red", "certified": True})
    assert row.events.latest("pk").sentence == "Alice demands certified, product: red for it."
    assert actions.demanded(row) == {"certified": HAS, "product/red": HAS}
    kinds.fill()
    row.refresh_from_db()
    assert row.kind is not None
    assert row.kind.wanted == ("billing ≥ 1", "certified", "product: red", "en ≥ 3")
    assert row.kind.words == "billing and certified and product: red in English"
    # Nobody able is on duty, and uncovered eases neither.
    Agent.objects.filter(pk=alice.pk).update(presence=Agent.Presence.OFFLINE)
    assert routing.dispatch(queue.pk) == 0
    Agent.objects.filter(pk=alice.pk).update(presence=Agent.Presence.AVAILABLE)
    assert routing.dispatch(queue.pk) == 1
    row.refresh_from_db()
    assert row.agent == alice
    event = row.events.latest("pk")
    assert "billing and certified and product: red in English (1 of 5)" in event.sentence
    assert AgentKind.objects.get(kind=row.kind_id).level == 1
    for wrong in ({"product": "green"}, {"product": 3}, {"certified": 0}, {"billing": True}):
        with pytest.raises(ActionRefused):
            actions.demand(alice.user, row, wrong)


@pytest.mark.django_db
def test_a_step_can_only_demand_it_no_longer(known: dict[str, Skill]) -> None:
    field = StepsField()
    with pytest.raises(Exception, match="Row 1: product: red is had or not: choose “not demanded”"):
        field.clean([Row("60", "skill:product/red", "2")])
    assert field.clean([Row("60", "skill:certified", "0")]) == [
        {"after_minutes": 60, "skills": {"certified": 0}}
    ]


@pytest.mark.django_db
def test_a_rule_demands_it(known: dict[str, Skill]) -> None:
    for written, name in (
        ("certified", "certified"),
        ("product/red", "product/red"),
        ("product: blue", "product/blue"),
    ):
        values = rule_writing._skill(written)
        assert (values["skill"].name, values["number"]) == (name, HAS)
        assert rule_writing._skill_value(values["skill"], HAS) == name
    for wrong in ("certified 7 times", "product", "billing", "product 3"):
        with pytest.raises(BadTerm):
            rule_writing._skill(wrong)
    with pytest.raises(BadTerm, match="“certified” is had or not: write it without a level"):
        rule_writing._skill("certified 3")
    with pytest.raises(BadTerm, match="“product” has choices: write one of them"):
        rule_writing._skill("product 3")


@pytest.mark.django_db
def test_a_settings_file_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    path.write_text(
        "skills: [billing, {certified: yes_no}, {product: [red, blue]}]\n"
        "agents:\n  - {username: alice, skills: {billing: 4, certified: true, product: [red, blue]}}\n"
        "queues:\n  - {name: Support, members: [alice], skills: {product: red, certified: true}}\n"
    )
    apply_file(path)
    held = {"billing": 4, "certified": HAS, "product/red": HAS, "product/blue": HAS}
    assert dict(Agent.objects.get().skill_levels.values_list("skill__name", "level")) == held
    demanded = EmailQueue.objects.get().skill_demands.values_list("skill__name", "level")
    assert dict(demanded) == {"product/red": HAS, "certified": HAS}
    path.write_text(export())
    assert apply_file(path).lines == []
    for part, words in (
        ("skills: [{certified: maybe}]", "is no kind of skill"),
        ("skills: [billing]\nqueues:\n  - {name: Q, skills: {billing: true}}", "6 is no level of billing"),
        ("queues:\n  - {name: Q, skills: {product: green}}", "there is no skill “product/green”"),
        ("queues:\n  - {name: Q, skills: {product: 3}}", "name one of blue, red"),
        ("skills: [{certified: [a]}]", "it is used as “Yes or no”"),
        ("skills: [{product: [blue]}]", "“product: red” is in use: take it from agents"),
        ("skills: [{product: [red]}]", "“product: blue” is in use"),
    ):
        path.write_text(f"{part}\n")
        with pytest.raises(BadFile, match=words):
            apply_file(path)
    assert dict(Agent.objects.get().skill_levels.values_list("skill__name", "level")) == held
    path.write_text(
        "skills: [{product: [red, green]}]\nagents:\n  - {username: alice, skills: {product: red}}\n"
    )
    told = apply_file(path).lines
    assert "changed skill product: with green" in told
    assert "changed skill product: without blue" in told, "the same file takes it from people"
    assert set(Agent.objects.get().skill_levels.values_list("skill__name", flat=True)) == {"product/red"}


@pytest.mark.django_db
def test_pages(admin_client: Client, known: dict[str, Skill]) -> None:
    """The form of a skill, of an agent's, and the table of the supervisors."""
    add = reverse("admin:agents_skill_add")
    assert (
        "Give the choices" in admin_client.post(add, {"name": "country", "kind": "choice"}).content.decode()
    )
    admin_client.post(add, {"name": "country", "kind": "choice", "choices": "cz\nde\n"})
    country = Skill.objects.get(name="country")
    assert {each.name for each in country.choices.all()} == {"country/cz", "country/de"}
    page = reverse("admin:agents_skill_change", args=[country.pk])
    admin_client.post(page, {"name": "land", "kind": "choice", "choices": "cz at"})
    assert set(country.choices.values_list("name", flat=True)) == {"land/cz", "land/at"}
    listed = admin_client.get(reverse("admin:agents_skill_changelist")).content.decode()
    assert "Choice: at, cz" in listed
    looked_for = {"app_label": "agents", "model_name": "agentskill", "field_name": "skill", "term": "prod"}
    found = admin_client.get(reverse("admin:autocomplete"), looked_for).json()["results"]
    assert [each["text"] for each in found] == ["product: blue", "product: red"]
    alice, bob = make_agent("alice", {"product/red": HAS, "billing": 2}), make_supervisor("bob")
    make_queue([alice, bob], {"certified": HAS, "billing": 3})
    kept = admin_client.post(
        reverse("admin:agents_skill_change", args=[known["product"].pk]),
        {"name": "product", "kind": "choice", "choices": "blue"},
    ).content.decode()
    assert "“product: red” is in use" in kept
    client = Client()
    client.login(username="bob", password="bob")
    table = client.get("/board/skills/").content.decode()
    assert 'data-name="product/red" data-firm' in table
    assert 'data-name="product"' not in table
    assert 'class="lv6">✓</td>' in table
    assert 'class="lv0">–</td>' in table
    cells = [("certified", 3), ("product/red", 0), ("product/blue", HAS)]
    body = {
        "changes": [
            {"agent": alice.pk, "kind": "skill", "name": name, "level": level, "was": HAS if not level else 0}
            for name, level in cells
        ]
    }
    desk = {"X-Requested-With": "desk"}

    def change() -> int:
        sent = client.post("/board/skills/change", body, content_type="application/json", headers=desk)
        return sent.status_code

    assert change() == 409
    body["changes"][0]["level"] = HAS
    assert change() == 200
    levels = dict(alice.skill_levels.values_list("skill__name", "level"))
    assert levels == {"billing": 2, "certified": HAS, "product/blue": HAS}
    assert "yes" in client.get("/board/skills/export.csv").content.decode()
    row = make_conversation(EmailQueue.objects.get())
    client.post(f"/conversations/{row.pk}/demand", {"skill": "product/red", "level": "3"}, headers=desk)
    assert actions.demanded(row) == {"product/red": HAS}
