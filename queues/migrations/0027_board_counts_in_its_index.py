"""The index of what waits has all that the board counts, so that no rows need to be read for it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('queues', '0026_together'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='conversation',
            name='conversation_waiting',
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['queue', 'due_tick', 'id'], include=('due_at', 'waiting_since'), name='conversation_waiting'),
        ),
    ]
