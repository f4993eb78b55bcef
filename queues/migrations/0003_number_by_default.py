"""The database gives each conversation its number, which saves a query for each of them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("queues", "0002_numbers_and_lists")]

    operations = [
        migrations.AlterField(
            model_name="conversation",
            name="number",
            field=models.BigIntegerField(
                db_default=models.Func(models.Value("queues_conversation_number"), function="nextval"),
                editable=False,
                help_text="Public; a number whose conversation was never committed stays unused.",
                unique=True,
            ),
        ),
    ]
