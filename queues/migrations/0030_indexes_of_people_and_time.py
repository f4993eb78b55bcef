from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    """Built beside what goes on: mail comes in meanwhile."""

    atomic = False
    dependencies = [
        ('queues', '0029_shared_views_stay'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='conversation',
            index=models.Index(condition=models.Q(('state', 'closed'), models.Q(('stripped_at', None), ('stripped_at__lt', models.F('closed_at')), ('stripped_at__lt', models.F('last_message_at')), _connector='OR')), fields=['queue', 'closed_at'], name='conversation_kept_until'),
        ),
        RemoveIndexConcurrently(
            model_name='conversation',
            name='conversation_kept',
        ),
        AddIndexConcurrently(
            model_name='message',
            index=models.Index(Lower('from_email'), condition=models.Q(('direction', 'in')), name='message_from'),
        ),
    ]
