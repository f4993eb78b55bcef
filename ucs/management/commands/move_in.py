"""`manage.py move_in`: old mail from files or another system, with its progress in the terminal."""

import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audit.actors import Actor
from movein import moving
from movein.models import Move
from movein.moving import MoveRefused
from movein.places import PlaceRefused
from queues.models import EmailQueue

State = Move.State
GOES_ON = (State.PAUSED, State.FAILED)
LOOK_SECONDS = 0.5
STANDARD_INPUT = "-"
MOST_DAYS = 3650


class Command(BaseCommand):
    """Begin a move, or go on with the one that was begun with the same words."""

    help = "Move old mail in: from files below the data folder's “imports”, from Zammad or from FreeScout."
    requires_system_checks = []  # they load the pages, and nobody sees those here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=Move.Kind.values)
        parser.add_argument("place", help="A path below “imports”, or the address of the other system.")
        parser.add_argument("--queue", required=True, help="Name of the email queue that takes it.")
        parser.add_argument(
            "--part", default="", help="Zammad: only this group. FreeScout: only this mailbox."
        )
        parser.add_argument(
            "--ours", action="append", default=[], help="An address or @domain of ours; again."
        )
        parser.add_argument(
            "--open-days", type=int, help="So many days back the customer's last word stays open."
        )
        parser.add_argument("--token", default="", help="API token, or - to read it from standard input.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Only look: how many, of when, how many known."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor.command("move_in")
        move = self._move(options)
        try:
            self._go(move, actor, only_look=options["dry_run"])
        except KeyboardInterrupt:
            self._pause(move, actor)
        except (MoveRefused, PlaceRefused) as refused:
            raise CommandError(str(refused)) from refused

    def _move(self, options: dict[str, Any]) -> Move:
        queue = EmailQueue.objects.filter(name=options["queue"]).first()
        if queue is None:
            raise CommandError(f"There is no email queue “{options['queue']}”: see `manage.py export`.")
        days = options["open_days"]
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise CommandError(f"{days} are no days that stay open: give 1 to {MOST_DAYS}.")
        same = {name: options[name] for name in ("kind", "place", "part")}
        token: str = options["token"]
        if token == STANDARD_INPUT:
            token = sys.stdin.readline().strip()
        values = {"own_addresses": "\n".join(options["ours"]), "open_days": days}
        open_ones = Move.objects.filter(**same, queue=queue).exclude(state__in=[State.DONE, State.CANCELLED])
        move = open_ones.first()
        if move is None:
            return Move.objects.create(**same, **values, queue=queue, token=token)
        for name, value in ({"token": token} | values).items():
            if value:  # what is not said again stays as it was
                setattr(move, name, value)
                move.save(update_fields=[name])
        return move

    def _go(self, move: Move, actor: Actor, *, only_look: bool) -> None:
        if move.state in GOES_ON:
            moving.go_on(move, actor)
        elif move.state == State.DRAFT:
            moving.begin_scan(move, actor)
        self._watch(move)
        self._say(move)
        if move.state == State.SCANNED and not only_look:
            moving.start(move, actor)
            self._watch(move)
            self._say(move)
        if move.state == State.FAILED:
            raise CommandError(move.error)
        if move.failures:
            self.stderr.write(f"{move.failures} could not be taken: see ☰ Messaging → Moving in.")
            sys.exit(1)

    def _watch(self, move: Move) -> None:
        """Work, or look on while another worker does."""
        while move.is_at_work:
            moving.work(move.pk, LOOK_SECONDS)
            move.refresh_from_db()
            self._progress(move)
            if move.is_at_work and move.lease_until and move.lease_until > timezone.now():
                time.sleep(LOOK_SECONDS)
        self._progress(move, end="\n")

    def _progress(self, move: Move, end: str = "") -> None:
        if self.stderr.isatty() or end:
            told = f"{move.found} found" if move.state == State.SCANNING else f"{move.done} of {move.found}"
            self.stderr.write(
                f"\r{move.get_state_display()}: {told}. {move.error}"[:100].ljust(100), ending=end
            )

    def _say(self, move: Move) -> None:
        if move.state == State.SCANNED:
            span = f"{move.first_at:%Y-%m-%d} to {move.last_at:%Y-%m-%d}" if move.first_at else "no date"
            self.stdout.write(
                f"Found {move.found} ({span}): {move.ours} sent by us, {move.foreseen_known} here already, "
                f"{move.skipped} left out."
            )
        elif move.state == State.DONE:
            self.stdout.write(
                f"Moved in {move.messages} mails, {move.known} were here already, {move.skipped} left out, "
                f"{move.failures} failed, {move.opened} conversations left open."
            )

    def _pause(self, move: Move, actor: Actor) -> None:
        move.refresh_from_db()
        if move.is_at_work:
            moving.pause(move, actor)
        self.stderr.write("\nPaused: the same command goes on.")
        sys.exit(130)
