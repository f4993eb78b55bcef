from django.db import migrations


class Migration(migrations.Migration):
    """Two were made at the same time."""

    dependencies = [
        ("mailsenders", "0007_aliases_and_what_servers_take"),
        ("mailsenders", "0007_last_cause"),
    ]

    operations = []
