from django.conf import settings
from django.db import migrations, models

import queues.view_models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('queues', '0028_kept_for_a_time'),
    ]

    operations = [
        migrations.AlterField(
            model_name='savedview',
            name='owner',
            field=models.ForeignKey(blank=True, help_text='Who made it; nobody, if that one was deleted and it is shared.', null=True, on_delete=queues.view_models.shared_stay, related_name='saved_views', to=settings.AUTH_USER_MODEL),
        ),
    ]
