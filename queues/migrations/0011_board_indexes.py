"""Indexes for the board: the answers of today, and the last decisions."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0010_usual_exponent"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(condition=models.Q(("kind", "replied")), fields=["at"], name="event_answered"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("kind__in", ["offered", "taken", "assigned"])),
                fields=["-id"],
                name="event_decided",
            ),
        ),
    ]
