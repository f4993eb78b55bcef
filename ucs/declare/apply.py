"""Apply a settings file: create or update by name, all or nothing."""

from pathlib import Path

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from queues import kinds
from ucs.declare.changes import Changes
from ucs.declare.document import BadFile, read
from ucs.declare.sections import ENTRIES, NAMES, apply_document

FASTER = (
    "Nothing was changed: somebody else made or changed something of it at this moment. Apply it once more; "
    "it names what is there by then."
)


class _DryRun(Exception):
    """Leaves the transaction without keeping anything."""


def apply_file(path: Path, *, dry_run: bool = False) -> Changes:
    """Apply the file and return what it changed.

    :param dry_run: do everything, then take it back.
    :raises BadFile: nothing was changed; the text names line, object and remedy.
    """
    document = read(path, set(ENTRIES), set(NAMES))
    changes = Changes()
    try:
        with transaction.atomic():
            apply_document(document, changes)
            if dry_run:
                raise _DryRun
    except _DryRun:
        return changes
    except ValidationError as error:
        raise BadFile(f"{path}: {' '.join(error.messages)}") from error
    except IntegrityError as error:
        raise BadFile(f"{path}: {FASTER}") from error
    kinds.refresh()
    return changes
