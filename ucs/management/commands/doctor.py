"""`manage.py doctor`: climb the ladder of every connection, and name the first broken rung."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from mailsenders import check as senders
from mailsenders.models import EmailSender
from mailsources import check as sources
from mailsources.lifecycle import stage_in_words
from mailsources.models import EmailSource
from sso import check as providers
from sso import lasttests
from sso.clicks import Click, next_click
from sso.models import SSOProvider
from sso.steps import Step

AT_ONCE = 8
Patient = SSOProvider | EmailSource | EmailSender
KINDS: dict[str, type[Patient]] = {"provider": SSOProvider, "source": EmailSource, "sender": EmailSender}


@dataclass(frozen=True, slots=True)
class Finding:
    """A connection with its steps, up to the first that fails, and where to click then."""

    patient: Patient
    steps: list[Step]
    click: Click | None

    @property
    def is_well(self) -> bool:
        return self.steps[-1].ok

    @property
    def kind(self) -> str:
        return next(name for name, model in KINDS.items() if isinstance(self.patient, model))

    @property
    def link(self) -> str:
        """The whole address of the next click."""
        return settings.BASE_URL + self.click.url if self.click else ""

    def as_data(self) -> dict[str, Any]:
        """For --json."""
        return {
            "kind": self.kind,
            "name": self.patient.name,
            "ok": self.is_well,
            "cause": self.steps[-1].cause.name,
            "next": self.link,
            "steps": [
                {"name": step.name, "ok": step.ok, "detail": step.detail, "seconds": round(step.seconds, 3)}
                for step in self.steps
            ],
        }


class Command(BaseCommand):
    """Test providers, sources and senders as the button “Test connection” does; exit 1 if one is ill."""

    help = "Test every SSO provider, email source and email sender, and say which step fails and why."
    requires_system_checks = []  # they load the pages, and nobody sees those here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "names", nargs="*", help="Only those with these names; all that are active otherwise."
        )
        for kind in KINDS:
            parser.add_argument(
                f"--{kind}", action="append", default=[], metavar="NAME", help=f"Only this {kind}."
            )
        parser.add_argument("--json", action="store_true", help="For programs.")

    def handle(self, *args: Any, **options: Any) -> None:
        patients = list(_wanted(options))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(examine, patients)
            ill = self._as_json(list(found)) if options["json"] else self._as_text(found, len(patients))
        if ill:
            sys.exit(1)

    def _as_json(self, findings: list[Finding]) -> int:
        ill = sum(not each.is_well for each in findings)
        said = {"ok": not ill, "connections": [each.as_data() for each in findings]}
        self.stdout.write(json.dumps(said, indent=1, ensure_ascii=False))
        return ill

    def _as_text(self, findings: Iterator[Finding], number: int) -> int:
        if not number:
            self.stdout.write("There is nothing to test yet.")
            return 0
        ill = sum(not self._show(each) for each in findings)
        if ill:
            self.stdout.write(
                self.style.ERROR(f"{ill} of {number} connections {'does' if ill == 1 else 'do'}n't work.")
            )
        else:
            all_well = "The connection works." if number == 1 else f"All {number} connections work."
            self.stdout.write(self.style.SUCCESS(all_well))
        return ill

    def _show(self, found: Finding) -> bool:
        self.stdout.write(f"{found.patient._meta.verbose_name} {found.patient.name}{_stage(found.patient)}")
        for step in found.steps:
            line = f"  {'ok  ' if step.ok else 'FAIL'} {step.name:10} {step.seconds:5.1f} s  {step.detail}"
            self.stdout.write(line if step.ok else self.style.ERROR(line))
        if found.click and not found.is_well:
            self.stdout.write(f"  next {found.click.text}: {found.link}")
        return found.is_well


def _wanted(options: dict[str, Any]) -> Iterator[Patient]:
    """Those that are named, also if they are switched off; else everybody.

    :raises CommandError: a name that nobody has.
    """
    named = {kind: set(options[kind]) for kind in KINDS}
    if not options["names"] and not any(named.values()):
        yield from everybody()
        return
    rows = [(kind, row) for kind, model in KINDS.items() for row in model._default_manager.order_by("pk")]
    found = [(kind, row) for kind, row in rows if row.name in named[kind] or row.name in options["names"]]
    known = {(kind, row.name) for kind, row in found}
    missing = [
        f"{kind} {name}"
        for kind, names in named.items()
        for name in names - {n for k, n in known if k == kind}
    ]
    missing += sorted(set(options["names"]) - {name for _, name in known})
    if missing:
        raise CommandError(f"There is no {', no '.join(missing)}: see manage.py status for the names.")
    yield from (row for _, row in found)


def _stage(patient: Patient) -> str:
    """A source that is named though it takes no mail: what it is."""
    if isinstance(patient, EmailSource) and not patient.is_active:
        return f" ({stage_in_words(patient)})"
    return ""


def everybody() -> Iterator[Patient]:
    """Providers first, as the others may sign in with their tokens."""
    yield from SSOProvider.objects.order_by("pk")
    yield from EmailSource.objects.filter(is_active=True).order_by("name")
    yield from EmailSender.objects.filter(is_active=True).order_by("name")


def examine(patient: Patient) -> Finding:
    """All its steps, up to the first that fails."""
    try:
        steps = _climb(patient)
        lasttests.note(patient, steps[-1])
        click = None if steps[-1].ok else next_click(steps[-1].cause, patient)
        return Finding(patient, steps, click)
    finally:
        connection.close()


def _climb(patient: Patient) -> list[Step]:
    if isinstance(patient, EmailSource):
        return sources.test_connection(patient)
    if isinstance(patient, EmailSender):
        return senders.test_connection(patient)
    return providers.test_connection(patient)
