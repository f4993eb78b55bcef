"""Settings: every environment variable is read and checked here, once.

A value that cannot be used stops the start with a sentence that names the variable and the remedy.
"""

from pathlib import Path
from typing import Any

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent


def seconds(name: str, default: int) -> int:
    """A positive number of seconds out of the environment."""
    raw = env.str(name, default=str(default))
    if not raw.isdigit() or int(raw) == 0:
        raise ImproperlyConfigured(f"{name} is {raw!r}: give a whole number of seconds above 0.")
    return int(raw)


def encryption_keys() -> list[str]:
    """Fernet keys, the first encrypts and all decrypt."""
    keys = env.list("UCS_ENCRYPTION_KEYS", default=[])
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


def base_url() -> str:
    """The public address without a trailing slash: the form in which OAuth providers want origins."""
    url = env.str("UCS_BASE_URL", default="http://127.0.0.1:8080").rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise ImproperlyConfigured(f"UCS_BASE_URL is {url!r}: begin it with http:// or https://.")
    return url


def retry_ladder() -> list[int]:
    """Seconds until the next try after the 1st, 2nd … temporary refusal; the last one repeats."""
    raw = env.str("UCS_RETRY_LADDER", default="60,300,900,1800,3600")
    steps = [part.strip() for part in raw.split(",")]
    if not all(step.isdigit() and int(step) > 0 for step in steps):
        raise ImproperlyConfigured(f"UCS_RETRY_LADDER is {raw!r}: give seconds separated by commas.")
    return [int(step) for step in steps]


DATA_DIR = Path(env.str("UCS_DATA_DIR", default=str(BASE_DIR / "data"))).resolve()
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
ENCRYPTION_KEYS = encryption_keys()
BASE_URL = base_url()
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [BASE_URL]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
CA_BUNDLE = env.str("UCS_CA_BUNDLE", default="")
ALLOW_PRIVATE_HOSTS = env.bool("UCS_ALLOW_PRIVATE_HOSTS", default=False)
TOKEN_KEYS = env.list("UCS_TOKEN_KEYS", default=[])
EMAIL_ALERTS_TO = env.list("EMAIL_ALERTS_TO", default=[])

POLL_INTERVAL = seconds("UCS_POLL_INTERVAL", 60)
SWEEP_INTERVAL = seconds("UCS_SWEEP_INTERVAL", 30)
LEASE = seconds("UCS_LEASE", 300)
UNDO = seconds("UCS_UNDO", 10)
RETRY_LADDER = retry_ladder()

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
    "ninja",
    "mailstore",
    "sso",
    "agents",
    "crm",
    "mailsenders",
    "queues",
    "mailsources",
    "api",
    "ucs",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "ucs.urls"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

DATABASES = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
REDIS_URL = env.str("REDIS_URL")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25

USE_TZ = True
USE_I18N = True
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]

