"""Logging: one line an event, as JSON for machines or coloured text in a terminal, never a secret.

Code logs with `logging.getLogger(__name__)` and arguments; what looks like a secret is taken out here as
a second line of defence, also from tracebacks of libraries.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LASTING = ("up", "watch", "intake", "runserver")
HIDDEN = "[hidden]"
HIDDEN_NAMES = (
    r"password|passwd|secret|client_secret|access_token|refresh_token|id_token|token|api_?key|"
    r"authorization|code_verifier|cookie"
)
CREDENTIALS = (
    # "Authorization: Bearer abc", XOAUTH2 and basic credentials
    (re.compile(r"(?i)\b(bearer|basic|xoauth2|auth (?:plain|login))\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    # name=value, 'name': 'value', name: value
    (
        re.compile(rf"""(?i)(\b(?:{HIDDEN_NAMES})["']?\s*[=:]\s*["']?)(?!\[hidden)[^\s"',&}})]+"""),
        rf"\1{HIDDEN}",
    ),
    # scheme://user:password@host
    (re.compile(r"(\w://[^\s:/@]*:)[^\s/@]+@"), rf"\1{HIDDEN}@"),
)
HIDDEN_NAME = re.compile(rf"(?i)(?:^|_)(?:{HIDDEN_NAMES})$")


def redact(text: str) -> str:
    """The text without what looks like a password, a token or a credential in a URL."""
    for pattern, replacement in CREDENTIALS:
        text = pattern.sub(replacement, text)
    return text


def redact_event(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """structlog processor: redact() over every text of an event, and values by their name."""
    for key, value in event.items():
        if HIDDEN_NAME.search(key):
            event[key] = HIDDEN
        elif isinstance(value, str):
            event[key] = redact(value)
    return event


def is_told_at_a_terminal(arguments: Sequence[str], *, at_terminal: bool) -> bool:
    """Whether a person reads what a command of manage.py prints, with the log lines in between.

    :param arguments: as `sys.argv`; those that run until they are stopped speak by their log alone.
    """
    name, *rest = [*arguments, ""]
    return at_terminal and Path(name).name == "manage.py" and rest[0] not in (*LASTING, "")


def logging_config(*, debug: bool, as_json: bool, quiet: bool = False) -> dict[str, Any]:
    """The LOGGING dictionary: everything to the error output, libraries only when they warn.

    :param quiet: we, too, say only what is wrong.
    """
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact_event,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if as_json else structlog.dev.ConsoleRenderer()
    )
    ours = (
        "api",
        "audit",
        "agents",
        "crm",
        "mailcore",
        "mailsenders",
        "mailsources",
        "alarms",
        "webhooks",
        "movein",
        "mailstore",
        "privacy",
        "queues",
        "reports",
        "sso",
        "staff",
        "ucs",
    )
    level = "DEBUG" if debug else "WARNING" if quiet else "INFO"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            **{name: {"level": level} for name in ours},
            # Django's own handlers would print a second line.
            "django": {"handlers": [], "level": "WARNING"},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
            # What strangers ask for is their business: neither a missing page nor a made-up host is news.
            "django.request": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
        },
    }
