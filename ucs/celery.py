"""The task queue: which task goes to which queue, what runs when.

PostgreSQL is the only queue of record. A message here is a hint that a row is due: it may be lost
or come twice, and every tick finds by itself what is due.
"""

import os
from typing import Any
from urllib.parse import parse_qs, urlsplit

from celery import Celery, signals
from django.conf import settings
from django.db import close_old_connections
from kombu import Exchange, Queue

from mailstore.workers import HEARTBEAT_SECONDS, QUEUES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucs.settings")

TICK_SECONDS = 5

ROUTES = [
    ("mailsources.tasks.poll*", {"queue": "fetch"}),
    ("mailsources.tasks.sent_folder*", {"queue": "fetch"}),
    ("queues.tasks.pictures", {"queue": "fetch"}),  # it waits for servers, as those of this queue do
    ("webhooks.tasks.deliver", {"queue": "fetch"}),
    ("mailsources.tasks.deliver*", {"queue": "deliver"}),
    ("mailsenders.tasks.*", {"queue": "send"}),
    ("sso.tasks.*", {"queue": "tokens"}),
    ("*", {"queue": "housekeeping"}),
]


def broker_url(redis_url: str) -> str:
    """The address of Redis in kombu's words: a socket is written differently there."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"


def every(task: str, seconds: float, **options: Any) -> dict[str, Any]:
    """A tick; one that waited for two rounds is dropped, the next one does its work."""
    return {"task": task, "schedule": seconds, "options": {"expires": max(2 * seconds, 10), **options}}


def schedule() -> dict[str, dict[str, Any]]:
    """Everything that happens by the clock. Each tick may come twice or late without harm."""
    ticks = {
        "poll-due": every("mailsources.tasks.poll_due", min(settings.POLL_INTERVAL, TICK_SECONDS)),
        "send-due": every("mailsenders.tasks.send_due", TICK_SECONDS),
        "sent-folders-due": every("mailsources.tasks.sent_folders_due", 3 * TICK_SECONDS),
        "refresh-due": every("sso.tasks.refresh_due", 60),
        "look-for-alarms": every("alarms.tasks.look", 60),
        "tidy-sign-ins": every("staff.tasks.tidy", 3600),
        "tidy-api": every("api.tasks.tidy", 3600),
        "retest-due": every("sso.tasks.retest_due", 60),
        "check-kinds": every("queues.tasks.check_kinds", 6 * 3600),
        "retain": every("privacy.tasks.retain", 600),
        "keep-audit-log": every("audit.tasks.keep", 3600),
        "forget-former-secrets": every("sso.tasks.forget_old", 3600),
        "tell-webhooks": every("webhooks.tasks.tick", TICK_SECONDS),
        "tidy-event-feed": every("webhooks.tasks.tidy", 3600),
    }
    ticks["keep-promises"] = every("queues.tasks.keep_promises", settings.SWEEP_INTERVAL)
    for app in ("mailsources", "mailsenders", "queues", "reports", "crm", "privacy", "webhooks", "movein"):
        ticks[f"sweep-{app}"] = every(f"{app}.tasks.sweep", settings.SWEEP_INTERVAL)
    for queue in QUEUES:
        beat = every("ucs.tasks.heartbeat", HEARTBEAT_SECONDS, queue=queue)
        ticks[f"heartbeat-{queue}"] = beat | {"kwargs": {"queue": queue}}
    return ticks


def configuration() -> dict[str, Any]:
    """Celery's settings, read when they are first needed."""
    return {
        "broker_url": broker_url(settings.REDIS_URL),
        "broker_connection_timeout": 2,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": 3600,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_max": 0.1},
        "task_queues": [Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
        "task_default_queue": "housekeeping",
        "task_routes": [ROUTES],
        "task_ignore_result": True,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "beat_schedule": schedule(),
        "beat_schedule_filename": str(settings.DATA_DIR / "beat"),
        "beat_max_loop_interval": TICK_SECONDS,
        "timezone": "UTC",
        # Celery's own rule closes the database connection after every task; ours is below.
        "CELERY_DB_REUSE_MAX": 1_000_000_000,
    }


def answer_fast(seconds: float = 1) -> None:
    """In a process that only hands tasks over (web): give up on a silent Redis soon, people wait."""
    options = app.conf.broker_transport_options
    app.conf.broker_transport_options = options | {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
    }


app = Celery("ucs")
app.add_defaults(configuration)
app.autodiscover_tasks()


@signals.setup_logging.connect
def keep_logging(**kwargs: Any) -> None:
    """Celery leaves the logging alone that Django has set up."""


@signals.task_prerun.connect
@signals.task_postrun.connect
def check_connections(**kwargs: Any) -> None:
    """Keep the database connection of a worker thread, unless it is old or broken."""
    close_old_connections()
