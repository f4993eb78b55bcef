"""Write every stored secret again, so that the first key of UCS_ENCRYPTION_KEYS encrypts it."""

from collections.abc import Iterator

from django.apps import apps
from django.db import models, transaction

from sso.fields import SecretField


def secret_columns() -> Iterator[tuple[type[models.Model], list[str]]]:
    """Each model that holds secrets, with the names of its secret fields."""
    for model in apps.get_models():
        names = [field.name for field in model._meta.fields if isinstance(field, SecretField)]
        if names:
            yield model, names


def rotate() -> int:
    """Encrypt all secrets anew, row by row, and return how many rows were written.

    :raises SecretUnreadable: a row was written with a key that is gone; rows before it are done, and running
        again after the key is back does the rest.
    """
    written = 0
    for model, names in secret_columns():
        for pk in model._default_manager.order_by("pk").values_list("pk", flat=True):
            with transaction.atomic():
                row = model._default_manager.select_for_update().only("pk", *names).get(pk=pk)
                # Not save(): a model's own save may do more than write this column.
                model._default_manager.filter(pk=pk).update(**{name: getattr(row, name) for name in names})
            written += 1
    return written
