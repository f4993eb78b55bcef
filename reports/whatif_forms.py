"""What a supervisor may ask: queues, days, and what would be otherwise."""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from queues.models import EmailQueue
from reports.sayings import told
from simulation.changes import (
    WAIT_RULES,
    Change,
    ChangeError,
    read_agent,
    read_newcomers,
    read_relief,
    read_target,
)

DAYS = ((7, _("7 days")), (14, _("14 days")), (28, _("28 days")), (56, _("56 days")))
RULES = (("", _("as each queue has it")), *((rule, rule) for rule in WAIT_RULES if rule != "steps"))
Read = TypeVar("Read")


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class Lines(forms.CharField):
    """Lines of text, each read by a function that raises `ChangeError`."""

    def __init__(self, read: Callable[[str], Any], **options: Any) -> None:
        self.read = read
        options.setdefault("widget", forms.Textarea(attrs={"rows": 2, "class": "input"}))
        super().__init__(required=False, max_length=5_000, **options)

    def clean(self, value: Any) -> Any:
        """What the lines say.

        :raises ValidationError: with the sentence about the line that can't be read.
        """
        try:
            return [self.read(line) for line in _lines(super().clean(value))]
        except ChangeError as error:
            raise forms.ValidationError(told(str(error))) from error


def _number(label: Any, least: float, most: float, help_text: Any) -> forms.FloatField:
    widget = forms.NumberInput(attrs={"class": "input", "step": 0.1, "placeholder": _("as it is")})
    return forms.FloatField(label=label, min_value=least, max_value=most, required=False,
                            help_text=help_text, widget=widget)  # fmt: skip


def _whole(label: Any, least: int, most: int, help_text: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"class": "input", "placeholder": _("as it is")})
    return forms.IntegerField(label=label, min_value=least, max_value=most, required=False,
                              help_text=help_text, widget=widget)  # fmt: skip


class WhatIfForm(forms.Form):
    """The question; `change` is what it asks."""

    queues = forms.ModelMultipleChoiceField(
        EmailQueue.objects.none(), label=_("Queues"), widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one queue.")},
    )  # fmt: skip
    days = forms.TypedChoiceField(
        label=_("Days"), choices=DAYS, coerce=int, initial=28, widget=forms.Select(attrs={"class": "input"})
    )
    newcomers = Lines(
        read_newcomers, label=_("More people"), help_text=_("A line each, such as 2 billing=4, cs=3")
    )
    without = forms.CharField(
        label=_("Without"), required=False, max_length=2_000,
        help_text=_("Their usernames, such as alice, bob"),
        widget=forms.TextInput(attrs={"class": "input"}),
    )  # fmt: skip
    levels = Lines(
        read_agent, label=_("Other levels"), help_text=_("A line each, such as alice: billing=4, cs=0")
    )
    target = forms.CharField(
        required=False, max_length=20, label=_("Target in minutes"),
        help_text=_("First / further answers of all these queues, such as 120/240"),
        widget=forms.TextInput(attrs={"class": "input", "placeholder": _("as it is")}),
    )  # fmt: skip
    wait_rule = forms.ChoiceField(
        label=_("Wait rule"), choices=RULES, required=False, widget=forms.Select(attrs={"class": "input"})
    )
    reliefs = Lines(
        read_relief,
        label=_("Steps of the wait rule"),
        help_text=_("A line each, such as 60 billing=1, language=2"),
    )
    volume = _whole(_("Mail in percent"), 10, 500, _("Of what came; 120 is a fifth more."))
    capacity = _whole(_("Capacity"), 1, 50, _("Conversations that each agent may hold."))
    exponent = _number(_("Speed ↔ skill"), 0, 12, _("2: whoever is free, 12: who fits best."))
    own_share = _number(_("Kept for who answered last"), 0, 1, _("Part of the target."))
    halving = _number(_("Late halving"), 0.1, 10, _("In targets."))
    peers = forms.BooleanField(required=False, initial=True, label=_("Beside other products’ rules"))

    def __init__(self, *args: Any, queues: QuerySet[EmailQueue], **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["queues"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = queues

    def clean_target(self) -> tuple[int, int] | None:
        """Minutes of the first and of further answers."""
        text = self.cleaned_data["target"].strip()
        try:
            return read_target(text) if text else None
        except ChangeError as error:
            raise forms.ValidationError(told(str(error))) from error

    def change(self) -> Change:
        """What would be otherwise, of a form that is valid."""
        data = self.cleaned_data
        names = [queue.name for queue in data["queues"]]
        target, rule, reliefs = data["target"], data["wait_rule"], tuple(data["reliefs"])
        return Change(
            tuple(data["newcomers"]),
            tuple(name.strip() for name in data["without"].split(",") if name.strip()),
            dict(data["levels"]),
            dict.fromkeys(names, target) if target else {},
            dict.fromkeys(names, rule) if rule else {},
            dict.fromkeys(names, reliefs) if reliefs else {},
            data["exponent"],
            data["own_share"],
            data["halving"],
            data["capacity"],
            (data["volume"] or 100) / 100,
        )
