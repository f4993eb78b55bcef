import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailsenders', '0001_initial'),
        ('mailsources', '0005_watched_mailboxes'),
    ]

    operations = [
        migrations.CreateModel(
            name='ForwardingTest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_address', models.EmailField(max_length=320)),
                ('started_at', models.DateTimeField(auto_now_add=True)),
                ('arrived_at', models.DateTimeField(blank=True, null=True)),
                ('answer', models.TextField(blank=True, help_text='What a mail server said when it returned the mail.')),
                ('outgoing', models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailsenders.outgoingmail')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tests', to='mailsources.emailsource')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
    ]
