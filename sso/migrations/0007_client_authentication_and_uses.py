from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sso", "0006_what_a_sign_in_is_good_for")]

    operations = [
        migrations.AddField(
            model_name="ssoprovider",
            name="client_authentication",
            field=models.CharField(
                choices=[
                    ("client_secret_post", "In the form"),
                    ("client_secret_basic", "HTTP Basic"),
                    ("none", "None (public client)"),
                ],
                default="client_secret_post",
                help_text="How the server wants the client ID and secret (RFC 6749 section 2.3.1).",
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="TokenUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "caller",
                    models.CharField(
                        help_text="The address on this machine, or which of UCS_TOKEN_KEYS was shown.",
                        max_length=60,
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=models.deletion.CASCADE, related_name="uses", to="sso.ssoprovider"
                    ),
                ),
            ],
            options={
                "verbose_name": "token use",
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(fields=["provider", "-at"], name="sso_tokenuse_provider_at"),
                    models.Index(fields=["at"], name="sso_tokenuse_at"),
                ],
            },
        ),
    ]
