"""The form of a rule: a row for each condition, a row for each action, without scripts as well.

    [not] [header ▾] [X-Shop] [contains ▾] [prague]          [put into the queue ▾] [Billing]

A row without a choice is none. `static/rules.js` adds rows, takes them away, and offers what fits.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from agents.models import TOP_LEVEL, Language, Skill
from agents.skills import assignable
from mailcore.rule_terms import KEYED, ONE_OF, POSSIBLE, BadTerm, Condition, Do, How, What, check
from mailsources.rule_models import MailRule
from mailsources.rule_words import DO, HOW, WHAT
from mailsources.rule_writing import (
    BARE,
    MOST_ACTIONS,
    MOST_CONDITIONS,
    PRIORITIES,
    Deed,
    action_of,
    contradicting,
    value_of,
)
from queues.models import EmailQueue, Tag
from sso.widgets import SecretsForm

SPARE = 2  # rows, without scripts


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """A condition as it is typed in."""

    negated: str = ""
    what: str = ""
    key: str = ""
    how: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class ActionRow:
    """An action as it is typed in."""

    do: str = ""
    value: str = ""


def typed(data: Mapping[str, Any], name: str, keys: tuple[str, ...], most: int) -> list[dict[str, str]]:
    """The rows that a form sent, in their order; those without a choice are left out."""
    first = "what" if "what" in keys else "do"
    found = (re.fullmatch(rf"{name}-([0-9]{{1,4}})-{first}", key) for key in data)
    numbers = sorted(int(match[1]) for match in found if match)
    rows = [{key: str(data.get(f"{name}-{n}-{key}", "")).strip() for key in keys} for n in numbers]
    return [row for row in rows if row[first] or row.get("value")][: most + 1]


class RowsWidget(forms.Widget):
    """Rows of either kind, with what is wrong beside each."""

    template_name = ""
    row: type[ConditionRow] | type[ActionRow] = ConditionRow
    most = MOST_CONDITIONS

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.wrong: dict[int, str] = {}

    class Media:
        css = {"all": ["rules.css"]}
        js = ["rules.js"]

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Any]:
        keys = tuple(self.row.__dataclass_fields__)
        return [self.row(**row) for row in typed(data, name, keys, self.most)]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False

    def id_for_label(self, id_: str) -> str:
        return ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        rows = [*(value or []), *[self.row()] * SPARE]
        spare = len(rows) - SPARE
        context = {
            "name": name,
            "id": (attrs or {}).get("id", f"id_{name}"),
            "rows": [
                {"number": n, "row": row, "wrong": self.wrong.get(n, ""), "is_spare": n >= spare}
                for n, row in enumerate(rows)
            ],
            "blank": self.row(),
            **self.offered(),
        }
        return render_to_string(self.template_name, context)

    def offered(self) -> dict[str, Any]:
        """What can be chosen."""
        raise NotImplementedError


class ConditionsWidget(RowsWidget):
    """[not] what, name, how, value."""

    template_name = "admin/rule_conditions.html"

    def offered(self) -> dict[str, Any]:
        """What and how, with which fits which."""
        whats = [
            {
                "value": str(each),
                "label": WHAT[each],
                "hows": " ".join(how for how in How if how in POSSIBLE[each]),
                "keyed": each in KEYED,
                "list": each if each in ONE_OF else "",
            }
            for each in What
        ]
        return {
            "whats": whats,
            "hows": [(str(how), HOW[how]) for how in How],
            "lists": {str(what): values for what, values in ONE_OF.items()},
        }


class ActionsWidget(RowsWidget):
    """What to do, and with which value."""

    template_name = "admin/rule_actions.html"
    row = ActionRow
    most = MOST_ACTIONS

    def offered(self) -> dict[str, Any]:
        """The kinds, and names to choose from."""
        skills = assignable().order_by("name")
        return {
            "dos": [{"value": str(do), "label": DO[do], "bare": do in BARE} for do in Do],
            "lists": {
                "queue": list(EmailQueue.objects.order_by("name").values_list("name", flat=True)),
                "tag": list(Tag.objects.order_by("name").values_list("name", flat=True)),
                "skill": [each for skill in skills for each in _levels(skill)],
                "language": list(Language.objects.order_by("tag").values_list("tag", flat=True)),
                "priority": list(PRIORITIES),
                "acknowledge": ["no", "yes"],
            },
        }


def _levels(skill: Skill) -> list[str]:
    """How it can be demanded."""
    return [skill.name] if skill.is_firm else [f"{skill.name} {level}" for level in range(1, TOP_LEVEL + 1)]


class RowsField(forms.Field):
    """Rows; what is wrong is told for each."""

    widget: Any = ConditionsWidget

    def clean(self, value: Any) -> list[Any]:
        """Read them.

        Raises:
            ValidationError: the sentences of all rows that can't be read.
        """
        found, wrong = [], {}
        for n, row in enumerate(value or []):
            try:
                found.append(self.read(row))
            except BadTerm as error:
                wrong[n] = str(error)
        self.widget.wrong = wrong
        if wrong:
            raise ValidationError([f"Row {n + 1}: {told}" for n, told in wrong.items()])
        return found

    def read(self, row: Any) -> Any:
        """One row; raises BadTerm."""
        raise NotImplementedError

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != list(data or [])


class ConditionsField(RowsField):
    """Conditions."""

    def read(self, row: ConditionRow) -> Condition:
        if row.what not in set(What):
            raise BadTerm("choose what to look at.")
        if row.how not in set(How):
            raise BadTerm("choose how to compare it.")
        key = row.key if What(row.what) in KEYED else ""
        value = "" if row.how == How.EXISTS else row.value
        found = Condition(What(row.what), How(row.how), value, key[:100], bool(row.negated))
        check(found)
        return found


class ActionsField(RowsField):
    """Actions; what they name must be there."""

    widget: Any = ActionsWidget

    def read(self, row: ActionRow) -> Deed:
        if row.do not in set(Do):
            raise BadTerm("choose what to do.")
        found = Deed(Do(row.do), "" if row.do in BARE else row.value)
        action_of(found)
        return found


class RuleForm(SecretsForm):
    """One rule."""

    conditions = ConditionsField(label="Conditions", required=False)
    actions = ActionsField(label="Actions")

    class Meta:
        model = MailRule
        fields = ("name", "is_active", "joined", "is_for_answers")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row: MailRule | None = self.instance if self.instance.pk else None
        if row is not None:
            self.initial["conditions"] = [
                ConditionRow("on" if each.is_negated else "", each.what, each.key, each.how, each.value)
                for each in row.conditions.all()
            ]
            self.initial["actions"] = [ActionRow(each.do, value_of(each)) for each in row.actions.all()]
        self.fields["conditions"].help_text = (
            "Without any it holds for every mail. | stands between alternatives: invoice | Rechnung. "
            "“matches” compares the whole, with * for any characters and ? for one. Sizes: 300 KB, 2 MB."
        )
        self.fields["actions"].help_text = "Several addresses to forward to are separated by blanks."

    def clean_name(self) -> str:
        """Each name once in a list."""
        name: str = self.cleaned_data["name"]
        others = MailRule.objects.filter(list=self.instance.list_id, name=name).exclude(pk=self.instance.pk)
        if others.exists():
            raise ValidationError(f"There is a rule “{name}” in this list already: give it another name.")
        return name

    def clean_actions(self) -> list[Deed]:
        """A rule does something."""
        found: list[Deed] = self.cleaned_data["actions"]
        if not found:
            raise ValidationError("Say what is to be done.")
        if why := contradicting(found):
            raise ValidationError(why)
        return found
