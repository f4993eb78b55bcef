from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Built beside what goes on: events are delivered meanwhile."""

    atomic = False
    dependencies = [
        ('webhooks', '0003_ends_and_beginnings'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='delivery',
            index=models.Index(condition=models.Q(('settled_at__isnull', False)), fields=['webhook', 'state', 'settled_at'], name='delivery_settled'),
        ),
    ]
