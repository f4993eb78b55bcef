from typing import Any

from django.db import migrations

from queues.finding_filed import file_anew, file_notes_anew


def file_all(apps: Any, schema_editor: Any) -> None:
    """Batch by batch, each for itself: what is cut off begins again, which does no harm."""
    messages = apps.get_model("queues", "Message").objects
    last = file_anew(messages.all())
    while last:
        last = file_anew(messages.all(), last)
    file_notes_anew(apps.get_model("queues", "Note").objects.all())


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("queues", "0014_find_by_span")]

    operations = [migrations.RunPython(file_all, migrations.RunPython.noop)]
