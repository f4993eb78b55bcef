"""Settings: every environment variable is read and checked here, once.

A value that cannot be used stops the start with a sentence that names the variable and the remedy.
"""

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from cryptography.fernet import Fernet
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from alarms.address import Alerts, AlertsError
from alarms.address import read as read_alerts
from mailsources.listeners import Listener, ListenerError, read_listeners
from ucs.logs import is_told_at_a_terminal, logging_config
from ucs.menu import UNFOLD  # noqa: F401 - the look of the administration is a setting, too

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
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
    url = str(env.str("UCS_BASE_URL", default="") or "http://127.0.0.1:8080").rstrip("/")
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


DATA_DIR = Path(env.str("UCS_DATA_DIR", default="") or BASE_DIR / "data").resolve()
DEBUG = switch("DEBUG")
SECRET_KEY = required("SECRET_KEY", "give a long random text, the same on all machines")
ENCRYPTION_KEYS = encryption_keys()
TOKEN_KEYS = token_keys()
BASE_URL = base_url()
ALLOWED_HOSTS = allowed_hosts()
TIME_ZONE = time_zone()
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="") or "en"
CA_BUNDLE = ca_bundle()
ALLOW_PRIVATE_HOSTS = switch("UCS_ALLOW_PRIVATE_HOSTS")
SENTRY_DSN = env.str("SENTRY_DSN", default="")
INBOUND_DOMAIN = inbound_domain()
INTAKE_BIND = intake_bind()
ALERTS = alerts()

POLL_INTERVAL = seconds("UCS_POLL_INTERVAL", 60)
SWEEP_INTERVAL = seconds("UCS_SWEEP_INTERVAL", 30)
LEASE = seconds("UCS_LEASE", 300)
UNDO = seconds("UCS_UNDO", 10)
RETRY_LADDER = retry_ladder()
# Reading a mail takes some five times its size of memory; of a larger one only the headers are taken.
LARGEST_MAIL = megabytes("UCS_LARGEST_MAIL", 50)

SSO_PRESETS = BASE_DIR / "sso" / "presets.toml"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "axes",
    "mailstore",
    "sso",
    "agents",
    "staff",
    "crm",
    "mailsenders",
    "queues",
    "mailsources",
    "reports",
    "alarms",
    "api",
    "ucs",
]

MIDDLEWARE = [
    "ucs.probes.ProbeMiddleware",  # first: a probe has no host name, no session, and meets no redirect
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "ucs.policy.AdminPolicyMiddleware",  # inside of CSPMiddleware, which reads what this one sets
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "staff.middleware.SecondFactorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "ucs.urls"
# Not among the apps: of all processes only web needs it, and its import costs memory (api/urls.py).
NINJA = Path(str(find_spec("ninja").origin)).parent  # type: ignore[union-attr]
# Only its files for the browser are used: Tiptap, built (static/desk/rich.js).
PROSE = Path(str(find_spec("django_prose_editor").origin)).parent  # type: ignore[union-attr]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates", NINJA / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": database()}
REDIS_URL = redis_url()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
AXES_LOCKOUT_CALLABLE = "staff.lockout.locked"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "staff.lockout.place"
# What was sent is kept beside each wrong password, without these; `password` it leaves out by itself.
AXES_SENSITIVE_PARAMETERS = [
    *("username", "ip_address", "csrfmiddlewaretoken"),
    *("old_password", "new_password1", "new_password2", "code"),
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # so that the time that is told stays true
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False  # its lists would stand unstyled among ours

# A session is a row: Redis may be away, and nobody is signed out by that.
SESSION_COOKIE_NAME = "ucs_session"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
X_FRAME_OPTIONS = "SAMEORIGIN"  # the body of a mail is a page of ours in a frame of ours
if BASE_URL.startswith("https://"):
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 30 * 24 * 3600

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "frame-src": [SELF],
        "frame-ancestors": [SELF],
        "form-action": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
    }
}

USE_TZ = True
USE_I18N = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static", NINJA / "static", PROSE / "static"]
# An image collects its static files once and serves them for ever under hashed names;
# everywhere else they are served from where they lie.
COLLECTED_FILES = BASE_DIR / "staticfiles"
IS_COLLECTED = (COLLECTED_FILES / "staticfiles.json").exists() or "collectstatic" in sys.argv
STATIC_ROOT = COLLECTED_FILES if IS_COLLECTED else None
WHITENOISE_USE_FINDERS = not IS_COLLECTED
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

DEFAULT_EXCEPTION_REPORTER = "ucs.errorpages.QuietReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "ucs.errorpages.QuietFilter"

_at_terminal = sys.stderr.isatty()
LOGGING = logging_config(
    debug=DEBUG,
    as_json=not _at_terminal,
    quiet=is_told_at_a_terminal(sys.argv, at_terminal=_at_terminal),
)
