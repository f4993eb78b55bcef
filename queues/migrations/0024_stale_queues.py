"""Triggers note the queues in which who can do what may have changed.

Four tables say who can do what; whatever is written there, a statement at a time, is noted for its queues. Of
a queue, a user and a skill only some fields matter, and only when they differ.
"""

from django.db import migrations, models

NOTE = """
CREATE FUNCTION queues_note_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO queues_stalequeue (queue_id) {select};
    RETURN NULL;
END $$;
"""
OF_AGENTS = "SELECT DISTINCT m.emailqueue_id FROM {whose} JOIN queues_emailqueue_members m ON m.agent_id = {agent}"
FUNCTIONS = {
    "levels": OF_AGENTS.format(whose="changed", agent="changed.agent_id"),
    "members": "SELECT DISTINCT emailqueue_id FROM changed",
    "demands": "SELECT DISTINCT queue_id FROM changed",
    "user": OF_AGENTS.format(whose="agents_agent a", agent="a.id") + " WHERE a.user_id = NEW.id",
    "skill": "SELECT id FROM queues_emailqueue",
    "queue": "VALUES (NEW.id)",
}
WATCHED = {
    "agents_agentskill": "levels",
    "agents_agentlanguage": "levels",
    "queues_emailqueue_members": "members",
    "queues_queueskill": "demands",
}
WRITTEN = {"insert": ("INSERT", "NEW"), "update": ("UPDATE", "NEW"), "was": ("UPDATE", "OLD"), "delete": ("DELETE", "OLD")}
FIELDS = {
    ("queues_emailqueue", "queue"): ("name", "language_level", "wait_rule", "steps"),
    ("auth_user", "user"): ("is_active",),
    ("agents_skill", "skill"): ("name",),
}


def _triggers():
    for table, function in WATCHED.items():
        for name, (event, rows) in WRITTEN.items():
            yield table, f"stale_{name}", (
                f"AFTER {event} ON {table} REFERENCING {rows} TABLE AS changed "
                f"FOR EACH STATEMENT EXECUTE FUNCTION queues_note_{function}()"
            )
    for (table, function), fields in FIELDS.items():
        differs = " OR ".join(f"OLD.{field} IS DISTINCT FROM NEW.{field}" for field in fields)
        yield table, "stale_update", (
            f"AFTER UPDATE OF {', '.join(fields)} ON {table} FOR EACH ROW WHEN ({differs}) "
            f"EXECUTE FUNCTION queues_note_{function}()"
        )
    yield "queues_emailqueue", "stale_insert", (
        "AFTER INSERT ON queues_emailqueue FOR EACH ROW EXECUTE FUNCTION queues_note_queue()"
    )


MAKE = [
    *(NOTE.format(name=name, select=select) for name, select in FUNCTIONS.items()),
    *(f"CREATE TRIGGER {name} {what};" for _, name, what in _triggers()),
]
UNMAKE = [
    *(f"DROP TRIGGER IF EXISTS {name} ON {table};" for table, name, _ in _triggers()),
    *(f"DROP FUNCTION IF EXISTS queues_note_{name}();" for name in FUNCTIONS),
]


class Migration(migrations.Migration):

    dependencies = [
        ('queues', '0023_pictures_scans_and_senders'),
    ]

    operations = [
        migrations.CreateModel(
            name='StaleQueue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('queue_id', models.BigIntegerField()),
            ],
        ),
        migrations.RunSQL("\n".join(MAKE), "\n".join(UNMAKE)),
    ]
