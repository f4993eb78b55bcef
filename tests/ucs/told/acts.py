"""What an act is, and the list that each of them enters itself into."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse

from sso.steps import Step
from webhooks.post import Outcome, Verdict

GOOD, BAD = Step("Login", True, "signed in", 0.1), Step("Login", False, "It says no.", 0.1)
TAKEN = Outcome(Verdict.TAKEN, status=200, latency_ms=5)


@dataclass
class World:
    """Who clicks, and what the network says."""

    client: Client
    step: Step = GOOD
    outcome: Outcome = TAKEN

    def post(self, view: str, *keys: Any, **values: Any) -> Any:
        """Click on a page of the administration; `view` as in “mailsources_emailsource_change”."""
        return self.client.post(_address(view, keys), values)

    def filled(self, view: str, *keys: Any, **changed: Any) -> dict[str, Any]:
        """What the form of a page holds when it is opened, and what is changed in it."""
        context = self.client.get(_address(view, keys)).context
        parts = [each.formset for each in context["inline_admin_formsets"]]
        forms = [context["adminform"].form, *(part.management_form for part in parts)]
        forms += [form for part in parts for form in part.initial_forms]
        values = {each.html_name: each.value() for form in forms for each in form}
        return {
            name: each for name, each in values.items() if each is not None and each is not False
        } | changed

    def choose(self, kind: str, action: str, *rows: Model, **values: Any) -> Any:
        """An action on rows of a list."""
        chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
        return self.post(f"{kind}_changelist", **chosen, **values)

    def delete(self, kind: str, row: Model) -> Any:
        """“Delete”, and “Yes”."""
        return self.post(f"{kind}_delete", row, post="yes")


def _address(view: str, keys: Iterable[Any]) -> str:
    name, mark, query = view.partition("?")
    found = [key.pk if isinstance(key, Model) else key for key in keys]
    return reverse(f"admin:{name}", args=found) + mark + query


@dataclass(frozen=True)
class Told:
    """The answer of an act, and what it must say: which object, and what comes next."""

    answer: Any
    name: str
    comes_next: str


@dataclass(frozen=True)
class Act:
    """An act, where in the code a person is told of it, and as what: success, warning, error or page."""

    do: Callable[[World], Told]
    told_by: str
    level: str


ACTS: list[Act] = []


def act(told_by: str, level: str = "success") -> Callable[[Callable[[World], Told]], Callable[[World], Told]]:
    """Enter a function into the list."""

    def enter(do: Callable[[World], Told]) -> Callable[[World], Told]:
        ACTS.append(Act(do, told_by, level))
        return do

    return enter
