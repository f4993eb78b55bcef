"""Whatever happens in a contact centre, in any order: what routing promises holds after each step."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.queues.routing_machine import populate
from tests.queues.routing_stories import CHANGES, Presence, Stories


@pytest.mark.django_db
def test_routing_keeps_its_promises() -> None:
    """`python -m bench.routing_machine` plays many more."""
    populate()
    run_state_machine_as_test(
        Stories,
        settings=settings(
            max_examples=5,
            stateful_step_count=25,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_what_breaks_things_most() -> None:
    """One story that chance would seldom tell, so that each of its turns is in every run."""
    populate()
    centre = Stories()
    try:
        _tell_of_rules(centre)
        _tell_of_changes(centre)
    finally:
        centre.teardown()


def _tell_of_rules(centre: Stories) -> None:
    """Who may have what, and what is first; nobody but who asks is there."""
    for name in ("alice", "dora", "eve", "bob"):
        centre.presence(name=name, wanted=Presence.OFFLINE)
    for capacity in (0, 3):  # who has no room is told so, whether anything waits or not
        centre.edit_room(name="eve", capacity=capacity, queue=0, weight=1)
        centre.take_next(name="eve")
    centre.edit_levels(name="eve", skill="returns", level=1, by_form=True)
    centre.a_mail_arrives(queue=2, language="en", count=1)
    centre.presence(name="eve", wanted=Presence.AVAILABLE)
    for minutes in (1, 70):  # not before the step of the wait rule
        centre.the_sweep_comes(minutes=minutes, is_alive=True)
        centre.take_next(name="eve")
    centre.edit_levels(name="dora", skill="billing", level=0, by_form=True)
    for presence in (Presence.AWAY, Presence.OFFLINE):  # uncovered is what nobody able is on duty for
        centre.presence(name="alice", wanted=presence)
        centre.a_mail_arrives(queue=0, language="cs", count=1)
        centre.take_next(name="dora")
    centre.presence(name="eve", wanted=Presence.OFFLINE)
    centre.edit_room(name="alice", capacity=4, queue=0, weight=1)
    centre.a_mail_arrives(queue=0, language="en", count=1)
    centre.the_sweep_comes(minutes=200, is_alive=True)
    centre.a_mail_arrives(queue=0, language="en", count=1)
    centre.ask_on_and_on(name="alice")  # first what can still be in time, though it came later


def _tell_of_changes(centre: Stories) -> None:
    names = ("alice", "dora", "eve")
    centre.it_begins_with_mail(queue=0, language="cs")
    centre.a_mail_arrives(queue=1, language="en", count=2)
    for change in CHANGES:
        for wanted, capacity in ((Presence.AVAILABLE, 3), (Presence.AVAILABLE, 0), (Presence.AWAY, 2)):
            centre.a_shift_begins(gone="bob")
            centre.much_has_changed_when_the_customer_answers(0, change, wanted, capacity)
        centre.who_it_is_kept_for_has_changed(change, asks=change != "nothing")
        for name, skill, tag in zip(
            names, ("billing", "returns", "billing"), ("cs", "en", "en"), strict=True
        ):
            centre.join_or_leave(name=name, queue=0, on=True)
            centre.edit_levels(name=name, skill=skill, level=4, by_form=False)
            centre.edit_levels(name=name, skill=tag, level=5, by_form=False)
    for capacity, weight in ((2, 2), (3, 2), (4, 3)):
        centre.more_comes_than_there_is_room_for("alice", capacity, weight)
    centre.a_mail_arrives(queue=2, language="cs", count=1)
    centre.lay_hands_on(name="bob", number=1, what="release")
    centre.all_is_missed_or_waits_long(minutes=70, capacity=2)
    centre.switch(name="alice", on=False)
    centre.the_sweep_comes(minutes=10, is_alive=True)
    centre.somebody_learns_or_forgets_and_asks_for_more("dora", "returns", 0, 2, joins=True)
    centre.edit_wait_rule(queue=0, wait_rule="off", by_form=True)
    centre.something_special_is_demanded(0, "billing", 5)
    centre.the_sweep_comes(minutes=200, is_alive=False)
