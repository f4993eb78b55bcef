from django.db import migrations, models

ONCE = models.UniqueConstraint(
    condition=models.Q(("token__isnull", False)), fields=("token",), name="note_once"
)
# What an interrupted run left behind is no index that holds.
DROP = 'DROP INDEX CONCURRENTLY IF EXISTS "note_once"'
MAKE = 'CREATE UNIQUE INDEX CONCURRENTLY "note_once" ON "queues_note" ("token") WHERE "token" IS NOT NULL'


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("queues", "0036_files_of_first_drafts")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(DROP, migrations.RunSQL.noop),
                migrations.RunSQL(MAKE, DROP),
            ],
            state_operations=[migrations.AddConstraint(model_name="note", constraint=ONCE)],
        )
    ]
