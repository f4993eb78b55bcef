"""An agent who has conversations in hand is not deleted."""

import queues.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0005_away_reasons'),
        ('queues', '0020_macros'),
    ]

    operations = [
        migrations.AlterField(
            model_name='conversation',
            name='agent',
            field=models.ForeignKey(blank=True, null=True, on_delete=queues.models.protect_open, related_name='conversations', to='agents.agent'),
        ),
    ]
