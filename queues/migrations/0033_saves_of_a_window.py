from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0032_demands_of_all_kinds"),
    ]

    operations = [
        migrations.AddField(
            model_name="draft",
            name="window_saves",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="Which of that editor's saves it was, as it counts them."
            ),
        ),
    ]
