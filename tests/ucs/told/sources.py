"""Acts on email sources, the mails that they fetched, and mailboxes that are being set up."""

from typing import Any

from django.utils import timezone

from mailsources.fetch import ingest
from mailsources.models import EmailSource, MailboxSetup
from mailsources.moved_models import OngoingMove
from sso.connection_models import FormerSecret
from tests.make import make_conversation, make_mail, make_queue, make_source
from tests.ucs.told.acts import BAD, Told, World, act

SOURCE = "mailsources_emailsource"
ADMIN, STAGE, BASE = "mailsources/admin.py", "mailsources/stage_admin.py", "sso/adminbase.py"
ACTIVATE = "until you activate it"


def named(**overrides: Any) -> EmailSource:
    return make_source(**({"name": "support-in", "queue": make_queue(name="Support")} | overrides))


def draft(**overrides: Any) -> EmailSource:
    return named(stage="draft", is_active=False, **overrides)


def paused() -> EmailSource:
    return named(is_active=False)


def form(source: EmailSource | None = None, **changed: Any) -> dict[str, Any]:
    queue = source.queue if source else make_queue(name="Support")
    return {
        "server_type": "IMAP", "server_address": "127.0.0.1", "service_port": 9, "use_ssl": "on",
        "username": "support@example.com", "password": "secret", "queue": queue.pk, "name": "support-in",
        "folder": "INBOX", "after_import": "leave",
    } | changed  # fmt: skip


@act(f"{BASE}::response_add")
def a_draft_is_inserted(world: World) -> Told:
    return Told(world.post(f"{SOURCE}_add", **form()), "support-in was inserted.", "activate it when")


@act(f"{STAGE}::_activate")
def an_active_one_is_inserted(world: World) -> Told:
    answer = world.post(f"{SOURCE}_add", **form(is_active="on"))
    return Told(answer, "support-in is active in queue", "first fetch within 60 s")


@act(f"{STAGE}::switch_on", "warning")
def one_whose_test_fails_is_inserted(world: World) -> Told:
    world.step = BAD
    answer = world.post(f"{SOURCE}_add", **form(is_active="on"))
    return Told(answer, "support-in was saved and takes no mail yet", "Mend it and save again")


@act(f"{BASE}::response_add")
def a_forwarding_one_is_inserted(world: World) -> Told:
    given = form(server_type="FORWARDING", public_address="info@example.com", username="", server_address="")
    return Told(world.post(f"{SOURCE}_add", **given), "support-in was inserted.", "copy its address")


@act(f"{BASE}::response_change")
def an_active_one_is_changed(world: World) -> Told:
    source = named()
    answer = world.post(f"{SOURCE}_change", source, **form(source, is_active="on"))
    return Told(answer, "support-in was saved.", "next fetch within 60 s")


@act(f"{BASE}::response_change")
def a_paused_one_is_changed(world: World) -> Told:
    source = paused()
    return Told(world.post(f"{SOURCE}_change", source, **form(source)), "support-in was saved.", ACTIVATE)


@act(f"{BASE}::response_change")
def a_draft_is_changed(world: World) -> Told:
    source = draft()
    answer = world.post(f"{SOURCE}_change", source, **form(source))
    return Told(answer, "support-in was saved.", "activate it when")


@act(f"{BASE}::response_delete")
def a_source_is_deleted(world: World) -> Told:
    return Told(world.delete(SOURCE, named()), "support-in was deleted.", "audit log")


@act(f"{BASE}::delete_queryset")
def two_sources_are_deleted(world: World) -> Told:
    answer = world.choose(SOURCE, "delete_selected", named(), make_source(name="sales-in"), post="yes")
    return Told(answer, "sales-in, support-in were deleted.", "audit log")


@act(f"{ADMIN}::get_deleted_objects", "page")
def a_source_with_mail_is_not_deleted(world: World) -> Told:
    source = named()
    ingest(source, make_mail())
    return Told(world.delete(SOURCE, source), "“support-in” has brought 1 mail", "retire it instead")


@act(f"{STAGE}::_activate")
def a_draft_is_activated(world: World) -> Told:
    answer = world.post(f"{SOURCE}_activate", draft())
    return Told(answer, "support-in is active in queue", "first fetch within 60 s")


@act(f"{STAGE}::_activate", "error")
def an_active_one_is_activated_again(world: World) -> Told:
    answer = world.post(f"{SOURCE}_activate", named(), anyway="1")
    return Told(answer, "support-in is active already", "it was switched on")


@act(f"{STAGE}::pause_view")
def a_source_is_paused(world: World) -> Told:
    return Told(world.post(f"{SOURCE}_pause", named()), "support-in is paused", ACTIVATE)


@act(f"{STAGE}::pause_view", "error")
def a_paused_one_is_paused_again(world: World) -> Told:
    return Told(world.post(f"{SOURCE}_pause", paused()), "support-in takes no mail already", "“Activate”")


@act(f"{STAGE}::retire_view")
def a_source_is_retired(world: World) -> Told:
    return Told(world.post(f"{SOURCE}_retire", named()), "support-in is retired", "“Activate” on its page")


@act(f"{STAGE}::retire_view", "error")
def a_retired_one_is_retired_again(world: World) -> Told:
    source = named(stage="retired", is_active=False)
    return Told(world.post(f"{SOURCE}_retire", source), "support-in was retired already", "“Activate” brings")


@act(f"{STAGE}::_activate")
def a_retired_one_is_brought_back(world: World) -> Told:
    answer = world.post(f"{SOURCE}_activate", named(stage="retired", is_active=False))
    return Told(answer, "support-in is active in queue", "first fetch within 60 s")


@act(f"{STAGE}::move_view")
def a_source_is_moved(world: World) -> Told:
    source, new = named(), make_queue(name="Sales")
    given = {"from": source.queue_id, "queue": new.pk, "conversations": "along"}
    answer = world.post(f"{SOURCE}_move", source, **given)
    return Told(answer, "support-in delivers to Sales now", "next mail goes there")


@act(f"{STAGE}::move_view", "error")
def one_that_somebody_moved_is_moved(world: World) -> Told:
    source, new = named(), make_queue(name="Sales")
    given = {"from": new.pk, "queue": new.pk, "conversations": "stay"}
    return Told(world.post(f"{SOURCE}_move", source, **given), "support-in was moved to", "look again")


def left_behind() -> EmailSource:
    source, former = named(), make_queue(name="Former")
    left = [make_conversation(former).pk]
    OngoingMove.objects.create(
        source=source, former=former, queue=source.queue, why="Moved.", left=left, ended_at=timezone.now()
    )
    return source


@act(f"{STAGE}::_left_behind")
def what_was_left_behind_follows(world: World) -> Told:
    answer = world.post(f"{SOURCE}_move", left_behind(), left="again")
    return Told(answer, "What support-in left behind follows again", "in the next minutes")


@act(f"{STAGE}::_left_behind")
def what_was_left_behind_stays(world: World) -> Told:
    answer = world.post(f"{SOURCE}_move", left_behind(), left="stay")
    return Told(answer, "What support-in left behind stays", "where it is")


@act(f"{STAGE}::_left_behind", "error")
def what_is_not_left_behind_does_not_follow(world: World) -> Told:
    answer = world.post(f"{SOURCE}_move", named(), left="again")
    return Told(answer, "Nothing of support-in was left behind", "is where it belongs")


@act(f"{ADMIN}::_poll")
def a_source_is_polled(world: World) -> Told:
    return Told(world.post(f"{SOURCE}_poll", named()), "support-in is being fetched", "reload the page")


@act(f"{ADMIN}::_poll")
def a_source_is_compared(world: World) -> Told:
    return Told(world.post(f"{SOURCE}_compare", named()), "support-in is being compared", "reload the page")


@act(f"{ADMIN}::_poll", "warning")
def a_paused_one_is_polled(world: World) -> Told:
    answer = world.choose(SOURCE, "poll_selected", paused())
    return Told(answer, "support-in is paused", "activate it first")


@act(f"{ADMIN}::_poll", "warning")
def a_forwarding_one_is_polled(world: World) -> Told:
    source = named(server_type="FORWARDING", public_address="info@example.com")
    answer = world.choose(SOURCE, "poll_selected", source)
    return Told(answer, "support-in is forwarded to us", "its mail comes by itself")


@act("templates/admin/connection_steps.html", "page")
def a_stored_source_is_tested(world: World) -> Told:
    source = named(password="secret", username="support@example.com")
    answer = world.post(f"{SOURCE}_test", source, **form(source, password=""))
    return Told(answer, "The connection works.", "These are the settings that are stored.")


@act("templates/admin/connection_steps.html", "page")
def a_source_that_is_typed_in_is_tested(world: World) -> Told:
    return Told(world.post(f"{SOURCE}_test", **form()), "The connection works.", "Save, so that")


@act("sso/connection.py::_go_back")
def the_former_sign_in_is_put_back(world: World) -> Told:
    source = named(password="old")
    world.post(f"{SOURCE}_change", source, **form(source, password="new"))
    answer = world.post(f"{SOURCE}_former", source, FormerSecret.objects.get())
    return Told(answer, "support-in signs in again as before", "is kept for 7 days")


@act("sso/connection.py::_go_back", "error")
def the_former_sign_in_is_of_another_s_mailbox_now(world: World) -> Told:
    source = named(password="old", username="box")
    world.post(f"{SOURCE}_change", source, **form(source, password="new", is_active="on"))
    make_source(name="other-in", username="box")
    answer = world.post(f"{SOURCE}_former", source, FormerSecret.objects.get())
    return Told(answer, "support-in signs in as before this click", "“other-in”: change that one")


FETCHED = "mailsources_fetchedmail"


@act("mailsources/fetched_admin.py::_retry")
def a_failed_mail_is_tried_again(world: World) -> Told:
    fetched = ingest(named(), make_mail())
    type(fetched).objects.update(state="failed")
    answer = world.post(f"{FETCHED}_retry", fetched)
    return Told(answer, f"Fetched mail {fetched.pk} is tried again", "reload to see")


@act("mailsources/fetched_admin.py::_retry", "warning")
def a_waiting_mail_is_tried_again(world: World) -> Told:
    fetched = ingest(named(), make_mail())
    answer = world.post(f"{FETCHED}_retry", fetched)
    return Told(answer, f"Fetched mail {fetched.pk} is waiting", "only failed ones can be tried again")


def half_set_up() -> MailboxSetup:
    return MailboxSetup.objects.create(
        address="support@example.com", username="support@example.com", password="secret",
        server_address="127.0.0.1", out_address="127.0.0.1", queue=make_queue(name="Support"),
    )  # fmt: skip


@act("mailsources/setup_admin.py::_activate")
def a_mailbox_is_set_up(world: World) -> Told:
    row = half_set_up()
    for step in ("test", "activate"):
        answer = world.post(f"{SOURCE}_setup", row, step=step, version=row.version)
    return Told(answer, "support@example.com is active in queue", "first fetch within 60 s")


@act("mailsources/setup_admin.py::setup_view", "error")
def a_mailbox_whose_test_failed_is_switched_on(world: World) -> Told:
    row, world.step = half_set_up(), BAD
    for step in ("test", "activate"):
        answer = world.post(f"{SOURCE}_setup", row, step=step, version=row.version)
    return Told(answer, "support@example.com was not tested", "test it, or choose")


@act("mailsources/setup_admin.py::_discard")
def a_set_up_is_discarded(world: World) -> Told:
    answer = world.post(f"{SOURCE}_setup", half_set_up(), step="discard")
    return Told(answer, "set-up of support@example.com was discarded", "stays, as drafts")
