"""The row that a list marks once, because something was just done to it."""

from django.db.models import Model
from django.http import HttpRequest

SESSION_KEY = "marked_row"


def mark(request: HttpRequest, row: Model) -> None:
    """Let the next list of that model mark this row."""
    request.session[SESSION_KEY] = [row._meta.label, row.pk]


def marked(request: HttpRequest, model: type[Model]) -> object:
    """The key of the row to mark in this list, once; None when there is none."""
    label, pk = request.session.get(SESSION_KEY) or (None, None)
    if label != model._meta.label:
        return None
    del request.session[SESSION_KEY]
    return pk
