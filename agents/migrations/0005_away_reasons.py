"""Why agents may be away, with the usual reasons."""

from django.db import migrations, models

USUAL = ("Lunch", "Meeting", "Training", "After-work", "Other")


def add_usual(apps, schema_editor):
    rows = apps.get_model("agents", "AwayReason").objects
    for place, name in enumerate(USUAL, 1):
        rows.get_or_create(name=name, defaults={"place": 10 * place})


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0004_shifts_and_calendars"),
    ]

    operations = [
        migrations.CreateModel(
            name="AwayReason",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="As agents and supervisors read it: Lunch.", max_length=60, unique=True
                    ),
                ),
                (
                    "place",
                    models.PositiveSmallIntegerField(
                        db_default=10, default=10, help_text="Small numbers stand first in the menu."
                    ),
                ),
            ],
            options={"verbose_name": "away reason", "ordering": ["place", "name"]},
        ),
        migrations.RunPython(add_usual, migrations.RunPython.noop),
    ]
