from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0005_merged_and_held_are_whole"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="forwarded",
            field=models.JSONField(
                default=dict,
                help_text='Of a mail forwarded by hand, who wrote it: {"name": …, "email": …, "subject": …}.',
            ),
        ),
    ]
