import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("sso", "0007_client_authentication_and_uses"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChecklistTick",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "subject",
                    models.CharField(
                        blank=True,
                        help_text="Which provider, client or source it was done for; empty before there is one.",
                        max_length=100,
                    ),
                ),
                (
                    "step",
                    models.CharField(help_text="ID of the step in lists.toml.", max_length=60),
                ),
                ("ticked_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "ticked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("subject", "step"), name="one_tick_for_each_step"
                    )
                ],
            },
        ),
    ]
