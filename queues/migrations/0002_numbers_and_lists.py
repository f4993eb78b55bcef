"""Public numbers from a sequence, indexes for the long lists, and the checks that came with the code."""

from django.db import migrations, models

import queues.hours


class Migration(migrations.Migration):
    dependencies = [("queues", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql="CREATE SEQUENCE queues_conversation_number START 1001",
            reverse_sql="DROP SEQUENCE queues_conversation_number",
        ),
        migrations.AlterField(
            model_name="emailqueue",
            name="hours",
            field=models.CharField(
                default="Mo-Su 00:00-24:00",
                help_text="Such as Mo-Fr 08:00-18:00.",
                max_length=200,
                validators=[queues.hours.validate],
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["-last_message_at", "-id"], name="conversation_newest"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("state", "closed"), _negated=True),
                fields=["queue", "-last_message_at", "-id"],
                name="conversation_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                condition=models.Q(("compose_token__startswith", "start:")),
                fields=("compose_token",),
                name="conversation_started_once",
            ),
        ),
    ]
