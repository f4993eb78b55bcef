"""Settings by the very pages of the administration: what its forms refuse is refused here, in their words.

A program gives values by name; they go through the form and the inline tables of the page, and what the page
does when it saves (the audit log, tests that are void, routing that is worked out anew) is done here too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, models, transaction
from django.forms.formsets import all_valid
from django.http import Http404, HttpRequest

from agents.models import Agent
from agents.skillwords import outside, spread
from queues.steps_form import StepsField, rows_of
from sso.widgets import SecretInput

NAMED = {"agents.Agent": "user__username", "agents.Language": "tag", "auth.User": "username"}
"""By what a row is named; all others by `name`."""

FASTER = "Somebody else changed it at this moment: read it again, and try again."
Values = Mapping[str, Any]


class SettingRefused(Exception):
    """The form refuses it: sentences by the name of what is wrong, as the program knows it."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__(" ".join(f"{name}: {' '.join(told)}" for name, told in errors.items()))
        self.errors = {name: list(told) for name, told in errors.items()}


class SettingKept(Exception):
    """It can't be deleted, or not now; the text says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """A table below the form: rows that belong to the one above, told apart by `key`.

    With a `level` it is known as `{name: level}` outside, else as a list of objects.
    """

    accessor: str
    key: tuple[str, ...]
    level: str = ""


@dataclass(slots=True)
class Told:
    """What a page would show above itself after saving; stands in for the messages of the session."""

    sentences: list[str] = field(default_factory=list)

    def add(self, level: int, message: Any, extra_tags: str = "") -> None:
        """One sentence."""
        self.sentences.append(str(message))

    def update(self, response: object) -> list[str]:
        """Nothing is left for a next page."""
        return []


class Given(forms.Widget):
    """Takes a value as it is given, not as a browser would send it."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.get(name)


def console_of(model: type[models.Model]) -> Any:
    """The page of the administration for a model."""
    return admin.site.get_model_admin(model)


def form_class(request: HttpRequest, model: type[models.Model], row: Any = None) -> Any:
    """The form of the page, as who asks would see it."""
    console = console_of(model)
    names = flatten_fieldsets(console.get_fieldsets(request, row))
    return console.get_form(request, row, change=row is not None, fields=names)


def is_secret(given: forms.Field) -> bool:
    """Whether a field is written and never read."""
    return isinstance(given.widget, SecretInput)


def lookup(model: type[models.Model]) -> str:
    """By which field rows of a model are named outside."""
    return NAMED.get(model._meta.label, "name")


def settings_of(request: HttpRequest, row: Any, parts: Mapping[str, Part]) -> dict[str, Any]:
    """Everything that can be written, as it stands; of secrets only whether there is one."""
    form = form_class(request, type(row), row)(instance=row)
    found: dict[str, Any] = {}
    for name, each in form.fields.items():
        value = form.get_initial_for_field(each, name)
        if is_secret(each):
            found[f"{name}_is_set"] = bool(value)
        else:
            found[name] = _shown(each, value)
    return found | {name: _rows_shown(row, part) for name, part in parts.items()}


def _shown(given: Any, value: Any) -> Any:
    if isinstance(given, forms.ModelMultipleChoiceField):
        return [_name(each) for each in value or ()]
    if isinstance(given, forms.ModelChoiceField) and given.queryset is not None:
        if value in (None, ""):
            return None
        row = value if isinstance(value, models.Model) else given.queryset.filter(pk=value).first()
        return _name(row) if row else None
    return value


def _name(row: Any) -> str:
    return row.user.get_username() if isinstance(row, Agent) else str(getattr(row, lookup(type(row))))


def _rows_shown(row: Any, part: Part) -> Any:
    rows = list(getattr(row, part.accessor).all())
    if part.level:
        return outside((_name(getattr(each, part.key[0])), getattr(each, part.level)) for each in rows)
    names = [each.name for each in _columns(getattr(row, part.accessor))]
    return [{name: _plain(getattr(each, name)) for name in names} for each in rows]


def _columns(manager: Any) -> list[Any]:
    own = manager.field.name
    return [each for each in manager.model._meta.fields if each.editable and each.name not in ("id", own)]


def _plain(value: Any) -> Any:
    return _name(value) if isinstance(value, models.Model) else value


def write(
    request: HttpRequest, model: type[models.Model], row: Any, values: Values, parts: Mapping[str, Part]
) -> tuple[Any, list[str]]:
    """Make a row, or change one, as the page would.

    :param row: None for a new one.
    :param values: what is given, by the names that `settings_of` has; the rest stays.

    :returns: the row, and what the page would say besides.

    Raises:
        SettingRefused: by the form's own rules.
        SettingKept: a key of the database refuses what they allow.
        PermissionDenied: the page isn't for this user.
    """
    try:
        return _written(request, model, row, values, parts)
    except IntegrityError:  # somebody was faster: the rules see by now who, and name it
        fresh = console_of(model).get_object(request, str(row.pk)) if row else None
    try:
        return _written(request, model, fresh, values, parts)
    except IntegrityError as error:
        raise SettingKept(FASTER) from error


@transaction.atomic
def _written(
    request: HttpRequest, model: type[models.Model], row: Any, values: Values, parts: Mapping[str, Part]
) -> tuple[Any, list[str]]:
    console = console_of(model)
    allowed = console.has_change_permission(request, row) if row else console.has_add_permission(request)
    if not allowed:
        raise PermissionDenied
    request._messages = told = Told()  # type: ignore[attr-defined]
    form = _form(request, model, row, {name: values[name] for name in values.keys() - parts.keys()})
    is_valid = form.is_valid()
    new = console.save_form(request, form, change=row is not None) if is_valid else row or model()
    given = {parts[name]: values[name] for name in values.keys() & parts.keys()}
    tables = _tables(request, console, new, given)
    if not all_valid(tables) or not is_valid:
        raise SettingRefused(_errors(form, tables, {part.accessor: name for name, part in parts.items()}))
    try:
        console.save_model(request, new, form, row is not None)
        console.save_related(request, form, tables, row is not None)
    except ValidationError as error:
        raise SettingRefused({"": error.messages}) from error
    message = console.construct_change_message(request, form, tables, row is None)
    (console.log_change if row else console.log_addition)(request, new, message)
    return new, told.sentences


@transaction.atomic
def delete(request: HttpRequest, row: Any) -> None:
    """Delete a row, if its page would.

    Raises:
        SettingKept: something needs it; the text says what.
        PermissionDenied: the page isn't for this user.
    """
    console = console_of(type(row))
    request._messages = Told()  # type: ignore[attr-defined]
    if not console.has_delete_permission(request, row):
        raise PermissionDenied
    _, _, lacking, protected = console.get_deleted_objects([row], request)
    if protected:
        raise SettingKept(" ".join(str(each) for each in protected[:5]))
    if lacking:
        raise PermissionDenied
    try:
        console.log_deletions(request, [row])
        console.delete_model(request, row)
    except (models.ProtectedError, models.RestrictedError, IntegrityError) as error:
        raise SettingKept("Something needs it still: look which in the administration.") from error


def _form(request: HttpRequest, model: type[models.Model], row: Any, values: Values) -> Any:
    make = form_class(request, model, row)
    fresh = make(instance=row)
    if unknown := values.keys() - fresh.fields.keys():
        raise SettingRefused({name: ["It can't be set here."] for name in sorted(unknown)})
    data = {}
    for name, each in fresh.fields.items():
        if name in values:
            data[name] = _taken(name, each, values[name])
        elif not is_secret(each):
            start = fresh.get_initial_for_field(each, name)
            data[name] = rows_of(start) if isinstance(each, StepsField) else each.prepare_value(start)
    form = make(data, {}, instance=row)
    _take_plainly(form)
    return form


def _take_plainly(form: Any) -> None:
    for each in form.fields.values():
        if not is_secret(each):
            each.widget = Given()


def _taken(name: str, given: Any, value: Any) -> Any:
    """A value of a program as the form field takes it: rows by their primary keys."""
    if isinstance(given, forms.ModelMultipleChoiceField) and given.queryset is not None:
        return [_found(name, given.queryset.model, each).pk for each in value or ()]
    if isinstance(given, forms.ModelChoiceField) and given.queryset is not None:
        return _found(name, given.queryset.model, value).pk if value not in (None, "") else None
    if isinstance(given, StepsField):
        try:
            return rows_of(value or [])
        except ValidationError as error:
            raise SettingRefused({name: error.messages}) from error
    return value


def _found(name: str, model: type[models.Model], value: Any) -> Any:
    row = model._default_manager.filter(**{lookup(model): value}).first()
    if row is None:
        raise SettingRefused({name: [f"There is no {model._meta.verbose_name} “{value}”."]})
    return row


def _tables(request: HttpRequest, console: Any, row: Any, wanted: Mapping[Part, Any]) -> list[Any]:
    """The formsets of the parts that are given, each with rows so that exactly these are there then."""
    by_accessor = {part.accessor: (part, value) for part, value in wanted.items()}
    found = []
    for make, inline in console.get_formsets_with_inlines(request, row):
        accessor = make.fk.remote_field.get_accessor_name()
        if accessor in by_accessor:
            part, value = by_accessor[accessor]
            found.append(_table(request, make, inline, row, part, _listed(part, value)))
    return found


def _listed(part: Part, value: Any) -> list[dict[str, Any]]:
    if part.level:
        return [{part.key[0]: name, part.level: level} for name, level in spread(value or {}).items()]
    return [dict(each) for each in value or ()]


def _table(
    request: HttpRequest, make: Any, inline: Any, row: Any, part: Part, wanted: list[dict[str, Any]]
) -> Any:
    prefix = make.get_default_prefix()
    columns, usual = make.form.base_fields, make.model._meta.get_field
    rows = [
        {name: _taken(name, columns[name], value) for name, value in each.items() if name in columns}
        for each in wanted
    ]
    new = {tuple(each.get(name, usual(name).get_default()) for name in part.key): each for each in rows}
    there = list(inline.get_queryset(request).filter(**{make.fk.name: row}).order_by("pk")) if row.pk else []
    data: dict[str, Any] = {}
    for number, old in enumerate(there):
        own = tuple(getattr(old, usual(name).attname) for name in part.key)
        kept = new.pop(own, None)
        values = dict(zip(part.key, own, strict=True)) | (kept or {})
        _fill(data, f"{prefix}-{number}", values | {"id": old.pk, "DELETE": kept is None})
    for number, values in enumerate(new.values(), len(there)):
        _fill(data, f"{prefix}-{number}", values)
    data |= {f"{prefix}-TOTAL_FORMS": len(there) + len(new), f"{prefix}-INITIAL_FORMS": len(there)}
    ordered = inline.get_queryset(request).order_by("pk")
    table = make(data=data, files={}, instance=row, prefix=prefix, queryset=ordered)
    for form in table.forms:
        _take_plainly(form)
    return table


def _fill(data: dict[str, Any], prefix: str, values: Values) -> None:
    data.update({f"{prefix}-{name}": value for name, value in values.items()})


def _errors(form: Any, tables: Sequence[Any], names: Mapping[str, str]) -> dict[str, list[str]]:
    found = {("" if name == "__all__" else name): list(told) for name, told in form.errors.items()}
    for table in tables:
        name = table.fk.remote_field.get_accessor_name()
        told = [str(each) for each in table.non_form_errors()]
        told += [text for errors in table.errors for texts in errors.values() for text in texts]
        if told:
            found[names[name]] = told
    return found


def locked(model: type[models.Model], request: HttpRequest, pk: Any) -> Any:
    """The row as its page reads it, held for this transaction.

    Raises:
        Http404: there is none.
    """
    if not model._base_manager.select_for_update().filter(pk=pk).exists():
        raise Http404
    row = console_of(model).get_object(request, str(pk))
    if row is None:
        raise Http404
    return row
