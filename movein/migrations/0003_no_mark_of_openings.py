from django.db import migrations, models


class Migration(migrations.Migration):
    """Nobody asks what a conversation was made for.

    The column stays for now, with a default: a worker of the former version may still write it.
    """

    dependencies = [
        ("movein", "0002_plural"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="moved",
            name="moved_conversations",
        ),
        migrations.AlterField(
            model_name="moved",
            name="is_opening",
            field=models.BooleanField(default=False, db_default=False),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField(
                    model_name="moved",
                    name="is_opening",
                ),
            ],
        ),
    ]
