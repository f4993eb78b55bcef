"""The shape of what a program may write, made of the form that it goes through: so it is always whole."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db import models
from django.http import HttpRequest
from ninja import Field, Schema
from pydantic import ConfigDict, create_model

from api.consoles import Part, console_of, form_class, is_secret
from api.shapes import Text
from queues.steps_form import StepsField

MOST_ROWS = 1000


class WaitStepIn(Schema):
    """A step of a wait rule: what is enough after so many minutes of opening hours."""

    model_config = ConfigDict(extra="forbid")

    after_minutes: int
    skills: dict[Text, int] = {}
    language_level: int | None = None


PLAIN: list[tuple[type[forms.Field], Any]] = [
    (StepsField, list[WaitStepIn]),
    (forms.ModelMultipleChoiceField, list[Text]),
    (forms.ModelChoiceField, Text | None),
    (forms.BooleanField, bool),
    (forms.DateTimeField, datetime | None),
    (forms.DateField, date | None),
    (forms.FloatField, float | None),
    (forms.IntegerField, int | None),
]
"""The types of form fields, the special ones first; all others are texts."""


class Given(Schema):
    """What is given stays given; an unknown name is refused rather than ignored."""

    model_config = ConfigDict(extra="forbid")


def shape_of(name: str, model: type[models.Model], parts: Mapping[str, Part]) -> type[Schema]:
    """The shape of what can be written of a model, all of it optional: what is left out stays."""
    request = HttpRequest()
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    fields: dict[str, Any] = {
        key: _field(each) for key, each in form_class(request, model).base_fields.items()
    }
    for inline in console_of(model).get_inline_instances(request):
        make = inline.get_formset(request)
        accessor = make.fk.remote_field.get_accessor_name()
        for key, part in parts.items():
            if part.accessor == accessor:
                fields[key] = _part(f"{name}{key.capitalize()}", part, make.form.base_fields)
    return create_model(
        name, __base__=Given, __doc__=f"What can be written of {model._meta.verbose_name}.", **fields
    )


def _field(given: forms.Field) -> Any:
    told = _type(given)
    words = str(given.help_text or given.label or "")
    if is_secret(given):
        words = f"{words} Written, never read; empty keeps what is stored.".strip()
    if isinstance(given, forms.ChoiceField) and not isinstance(given, forms.ModelChoiceField):
        choices = [str(value) for value, _ in list(given.choices) if value != ""]  # type: ignore[arg-type]
        words = f"{words} One of {', '.join(choices)}.".strip()
    return told | None, Field(None, description=words or None)


def _type(given: forms.Field) -> Any:
    return next((told for kind, told in PLAIN if isinstance(given, kind)), Text)


def _part(name: str, part: Part, columns: Mapping[str, forms.Field]) -> Any:
    if part.level:
        told: Any = dict[Text, int | bool | Text | list[Text]]
        words = "Names and levels, true for a yes/no skill, words for choices; what is not among them goes."
        return told | None, Field(None, description=words)
    own = {key: _field(each) for key, each in columns.items() if key not in ("id", "DELETE")}
    row = create_model(f"{name}Row", __base__=Given, __doc__="One row.", **own)
    many: Any = list[row]  # type: ignore[valid-type]
    return many | None, Field(None, max_length=MOST_ROWS, description="All of them; what is not there goes.")
