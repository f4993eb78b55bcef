"""Typed reads of the environment: what can't be used stops the start with a sentence about the remedy."""

import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from agents.interface import CODES
from alarms.address import Alerts, AlertsError
from alarms.address import read as read_alerts
from mailsources.listeners import Listener, ListenerError, read_listeners

env = environ.Env()
TOKEN_KEY_LENGTH = 32
DOMAIN = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


def required(name: str, remedy: str) -> str:
    """A value without which nothing works."""
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set: {remedy}.")
    return value


def switch(name: str) -> bool:
    """A yes or no out of the environment, no by default."""
    raw = env.str(name, default="").strip().lower()
    if raw not in ("", "0", "1", "false", "true", "no", "yes", "off", "on"):
        raise ImproperlyConfigured(f"{name} is {raw!r}: write true or false.")
    return raw in ("1", "true", "yes", "on")


def seconds(name: str, default: int) -> int:
    """A positive number of seconds out of the environment."""
    raw = env.str(name, default="") or str(default)
    if not raw.isdigit() or int(raw) == 0:
        raise ImproperlyConfigured(f"{name} is {raw!r}: give a whole number of seconds above 0.")
    return int(raw)


def megabytes(name: str, default: int) -> int:
    """A positive number of megabytes out of the environment, as octets."""
    raw = env.str(name, default="") or str(default)
    if not raw.isdigit() or not 0 < int(raw) < 2000:
        raise ImproperlyConfigured(f"{name} is {raw!r}: give a whole number of megabytes from 1 to 1999.")
    return int(raw) * 1024 * 1024


def days(name: str, default: int) -> int:
    """A positive number of days out of the environment."""
    raw = env.str(name, default="") or str(default)
    if not raw.isdigit() or not 0 < int(raw) <= 3650:
        raise ImproperlyConfigured(f"{name} is {raw!r}: give a whole number of days from 1 to 3650.")
    return int(raw)


def encryption_keys() -> list[str]:
    """Fernet keys, the first encrypts and all decrypt."""
    keys = [key.strip() for key in env.list("UCS_ENCRYPTION_KEYS", default=[]) if key.strip()]
    if not keys:
        raise ImproperlyConfigured(
            "UCS_ENCRYPTION_KEYS is not set: give one or more keys, comma separated. Make one with: "
            'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
        )
    for position, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"UCS_ENCRYPTION_KEYS: key {position} is not a Fernet key (32 bytes, base64)."
            ) from error
    return keys


def token_keys() -> list[str]:
    """Service keys for the token URL, for callers that are not on this machine; none: nobody else."""
    keys = [key.strip() for key in env.list("UCS_TOKEN_KEYS", default=[]) if key.strip()]
    if any(len(key) < TOKEN_KEY_LENGTH for key in keys):
        raise ImproperlyConfigured(
            f"UCS_TOKEN_KEYS needs keys of at least {TOKEN_KEY_LENGTH} characters, comma separated. Make one "
            'with: python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return keys


def base_url() -> str:
    """The public address without a trailing slash: the form in which OAuth providers want origins."""
    url = (env.str("UCS_BASE_URL", default="").strip() or "http://127.0.0.1:8080").rstrip("/")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ImproperlyConfigured(f"UCS_BASE_URL is {url!r}: write it like https://mail.example.com.")
    return url


def allowed_hosts() -> list[str]:
    """The names we answer to: loopback and the public address unless they are listed."""
    host = urlsplit(base_url()).hostname or ""
    return env.list("ALLOWED_HOSTS", default=[]) or ["127.0.0.1", "localhost", "[::1]", host]


def time_zone() -> str:
    """A name of the time zone database."""
    name: str = env.str("TIME_ZONE", default="") or "UTC"
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ImproperlyConfigured(f"TIME_ZONE is {name!r}: give a name like Europe/Prague.") from error
    return name


def language_code() -> str:
    """The language of who asks for none that our pages speak, and of what no person has asked for."""
    code: str = env.str("LANGUAGE_CODE", default="") or "en"
    if code.lower().split("-")[0] not in CODES:
        raise ImproperlyConfigured(f"LANGUAGE_CODE is {code!r}: {', '.join(sorted(CODES))} are there.")
    return code


def ca_bundle() -> str:
    """A PEM file with authorities to trust beside the system's; empty: only those."""
    path: str = env.str("UCS_CA_BUNDLE", default="")
    if path and not Path(path).is_file():
        raise ImproperlyConfigured(f"UCS_CA_BUNDLE is {path!r}: there is no such file.")
    return path


def redis_url() -> str:
    """redis://, rediss:// (TLS) or unix:///path?db=0."""
    url = required("REDIS_URL", "give the address of a Redis server, like redis://127.0.0.1:6379/0")
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise ImproperlyConfigured(
            f"REDIS_URL begins with {url.split(':')[0]!r}: redis, rediss or unix works."
        )
    return url


def database() -> dict[str, Any]:
    """PostgreSQL by DATABASE_URL, with limits that let no forgotten lock or query stop the others."""
    url = required("DATABASE_URL", "give the address of a PostgreSQL database, like postgresql://ucs@db/ucs")
    if urlsplit(url).scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured("DATABASE_URL doesn't begin with postgresql://: only PostgreSQL works.")
    config: dict[str, Any] = env.db_url_config(url)
    options: dict[str, Any] = config.setdefault("OPTIONS", {})
    options.setdefault("connect_timeout", 5)
    if not {"migrate", "up"} & set(sys.argv[1:2]):  # building an index may take as long as it takes
        limits = {"statement_timeout": 30, "lock_timeout": 5, "idle_in_transaction_session_timeout": 30}
        options.setdefault("options", " ".join(f"-c {name}={value}s" for name, value in limits.items()))
    return config | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


def inbound_domain() -> str:
    """The domain of the addresses that mail is forwarded to; empty: this installation has none."""
    domain: str = env.str("UCS_INBOUND_DOMAIN", default="").strip().lower().rstrip(".")
    if domain and not DOMAIN.fullmatch(domain):
        raise ImproperlyConfigured(
            f"UCS_INBOUND_DOMAIN is {domain!r}: give a domain alone, like inbound.example.com (one with "
            "accents in its ASCII form, which begins with xn--)."
        )
    return domain


def intake_bind() -> tuple[Listener, ...]:
    """Where forwarded mail is handed over; none: nowhere."""
    try:
        return read_listeners(env.str("UCS_INTAKE_BIND", default=""))
    except ListenerError as error:
        raise ImproperlyConfigured(f"UCS_INTAKE_BIND: {error}") from error


def clamav() -> str:
    """Where ClamAV's daemon listens; empty: files are not scanned."""
    url: str = env.str("UCS_CLAMAV", default="").strip()
    try:
        parts = urlsplit(url)
        usable = (parts.scheme == "unix" and bool(parts.path)) or (
            parts.scheme == "tcp" and bool(parts.hostname and parts.port)
        )
    except ValueError:
        usable = False
    if url and not usable:
        raise ImproperlyConfigured(
            f"UCS_CLAMAV is {url!r}: write it like tcp://clamav:3310 or unix:///run/clamav/clamd.ctl."
        )
    return url


def one_of(name: str, *choices: str) -> str:
    """A word out of the environment, the first one by default."""
    raw: str = env.str(name, default="").strip().lower() or choices[0]
    if raw not in choices:
        raise ImproperlyConfigured(f"{name} is {raw!r}: write {' or '.join(choices)}.")
    return raw


def alerts() -> Alerts:
    """Who is told of alarms; none: only the owners of SSO providers, and the administration's pages."""
    try:
        return read_alerts(env.str("EMAIL_ALERTS_TO", default=""))
    except AlertsError as error:
        raise ImproperlyConfigured(f"EMAIL_ALERTS_TO: {error}") from error


def retry_ladder() -> list[int]:
    """Seconds until the next try after the 1st, 2nd … temporary refusal; the last one repeats."""
    raw = env.str("UCS_RETRY_LADDER", default="") or "60,300,900,1800,3600"
    steps = [part.strip() for part in raw.split(",")]
    if not all(step.isdigit() and int(step) > 0 for step in steps):
        raise ImproperlyConfigured(f"UCS_RETRY_LADDER is {raw!r}: give seconds separated by commas.")
    return [int(step) for step in steps]
