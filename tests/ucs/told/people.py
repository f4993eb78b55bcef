"""Acts on users, persons who are erased and conversations on legal hold; tags stand for all that is plain."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from privacy import erasing
from privacy.models import Erasure
from queues.models import Tag
from staff import lockout, second_factor
from tests.make import make_administrator, make_agent, make_contact, make_conversation
from tests.ucs.told.acts import Told, World, act

USERS, STAFF, PRIVACY = "auth_user", "staff/admin.py", "privacy/admin.py"


@act("sso/adminbase.py::response_add")
def a_tag_is_inserted(world: World) -> Told:
    answer = world.post("queues_tag_add", name="urgent", colour="grey")
    return Told(answer, "urgent was inserted.", "can be used from now on")


@act("sso/adminbase.py::response_change")
def a_tag_is_changed(world: World) -> Told:
    answer = world.post("queues_tag_change", Tag.objects.create(name="urgent"), name="late", colour="grey")
    return Told(answer, "late was saved.", "What was changed holds from now on")


def done_to(world: World, action: str, service: Any, name: str) -> Any:
    """An action on alice, which has something to do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, name, lambda user: True)
        return world.choose(USERS, action, make_agent("alice").user)


@act(f"{STAFF}::_tell")
def a_lock_out_is_lifted(world: World) -> Told:
    answer = done_to(world, "lift_lock_out", lockout, "lift")
    return Told(answer, "alice", "can try again at once")


@act(f"{STAFF}::_tell")
def a_second_factor_is_reset(world: World) -> Told:
    answer = done_to(world, "reset_second_factor", second_factor, "remove")
    return Told(answer, "alice signs in with the password alone", "may set two-factor sign-in up again")


@act(f"{STAFF}::_tell", "warning")
def nothing_is_unlinked(world: World) -> Told:
    answer = world.choose(USERS, "unlink_accounts", make_agent("alice").user)
    return Told(answer, "Nobody of them had one linked", "nothing is left to do")


@act(f"{STAFF}::save_model", "warning")
def an_administrator_is_one_no_more(world: World) -> Told:
    alice = make_agent("alice", role="administrator").user
    User.objects.filter(pk=alice.pk).update(is_superuser=True, is_staff=True)
    answer = world.post(f"{USERS}_change", alice, username="alice", is_active="on")
    return Told(answer, "alice was an administrator", "is an agent from now on")


@act(f"{PRIVACY}::person_view")
def a_person_is_erased(world: World) -> Told:
    contact = make_contact()
    answer = world.client.post(
        f"/admin/privacy/erasure/person/{contact.pk}/", {"typed": "charlie@customer.example"}
    )
    return Told(answer, f"Contact {contact.pk} is being erased", "says when it is done")


def broken_off() -> Erasure:
    row = erasing.begin(make_administrator("bob"), make_contact(), "")
    erasing.broke_off(row.pk)
    return Erasure.objects.get(pk=row.pk)


@act(f"{PRIVACY}::again_view")
def erasing_goes_on(world: World) -> Told:
    row = broken_off()
    answer = world.client.post(f"/admin/privacy/erasure/{row.pk}/again/")
    return Told(answer, f"Erasing contact {row.contact_id} goes on", "says when it is done")


@act(f"{PRIVACY}::again_view", "error")
def erasing_that_was_begun_anew_goes_on(world: World) -> Told:
    row = broken_off()
    erasing.begin(User.objects.get(username="bob"), make_contact(), "")
    answer = world.client.post(f"/admin/privacy/erasure/{row.pk}/again/")
    return Told(answer, f"Erasing contact {row.contact_id} does not go on", "wait until it is done")


def hold(world: World, number: object, **values: str) -> Any:
    return world.client.post("/admin/privacy/erasure/hold/", {"number": str(number)} | values)


@act(f"{PRIVACY}::hold_view")
def a_conversation_is_held(world: World) -> Told:
    number = make_conversation().number
    return Told(hold(world, number, reason="a case"), f"#{number} is on legal hold", "until you lift it")


@act(f"{PRIVACY}::hold_view")
def a_hold_is_lifted(world: World) -> Told:
    number = make_conversation(legal_hold=True).number
    answer = hold(world, number, reason="it is over", do="lift")
    return Told(answer, f"#{number} is no longer on legal hold", "the rules of its queue hold for it again")


@act(f"{PRIVACY}::hold_view", "warning")
def a_held_one_is_held_again(world: World) -> Told:
    number = make_conversation(legal_hold=True).number
    return Told(hold(world, number, reason="a case"), f"#{number}", "was on legal hold before")


@act(f"{PRIVACY}::hold_view", "error")
def a_conversation_is_held_without_a_reason(world: World) -> Told:
    number = make_conversation().number
    return Told(hold(world, number), f"#{number} stays as it is", "Say why first")


@act(f"{PRIVACY}::hold_view", "error")
def one_that_is_not_there_is_held(world: World) -> Told:
    return Told(
        hold(world, 4711, reason="a case"), "no conversation #4711", "look for its number at the desk"
    )
