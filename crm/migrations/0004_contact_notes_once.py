from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crm", "0003_contacts_with_more")]

    operations = [
        migrations.AddField(
            model_name="contactnote",
            name="token",
            field=models.UUIDField(
                editable=False, help_text="Of its form: what is added twice is one note.", null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="contactnote",
            constraint=models.UniqueConstraint(
                condition=models.Q(("token__isnull", False)),
                fields=("user", "token"),
                name="contact_note_once",
            ),
        ),
    ]
