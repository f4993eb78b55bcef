import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailsources", "0017_ongoing_moves"),
    ]

    operations = [
        migrations.AddField(
            model_name="ongoingmove",
            name="left",
            field=models.JSONField(
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="Conversations that could not follow, by their ids.",
            ),
        ),
        migrations.AddField(
            model_name="ongoingmove",
            name="next_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                default=django.utils.timezone.now,
                help_text="If nobody is at it then, it is begun again.",
            ),
        ),
        migrations.AddField(
            model_name="ongoingmove",
            name="rounds",
            field=models.PositiveSmallIntegerField(
                db_default=0, default=0, help_text="How often it went over those that could not follow."
            ),
        ),
    ]
