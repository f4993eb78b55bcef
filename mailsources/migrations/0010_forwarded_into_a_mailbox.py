import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailsources", "0009_last_cause"),
    ]

    operations = [
        migrations.AddField(
            model_name="emailsource",
            name="collected_by",
            field=models.ForeignKey(
                blank=True,
                help_text="The mailbox in which its mail arrives; empty when a mail server hands it over to us.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="collects",
                to="mailsources.emailsource",
                verbose_name="collected from",
            ),
        ),
    ]
