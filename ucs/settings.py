"""Settings: every environment variable is named here, once; `reads` checks what it says."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF

from agents.interface import CODES, LANGUAGES  # noqa: F401 - the languages are a setting, too
from ucs import reads
from ucs.logs import is_told_at_a_terminal, logging_config
from ucs.menu import UNFOLD  # noqa: F401 - the look of the administration is a setting, too
from ucs.reads import env

BASE_DIR = Path(__file__).resolve().parent.parent

DATA_DIR = Path(env.str("UCS_DATA_DIR", default="") or BASE_DIR / "data").resolve()
IMPORTS_DIR = Path(env.str("UCS_IMPORTS_DIR", default="") or DATA_DIR / "imports").resolve()
DEBUG = reads.switch("DEBUG")
SECRET_KEY = reads.required("SECRET_KEY", "give a long random text, the same on all machines")
ENCRYPTION_KEYS = reads.encryption_keys()
TOKEN_KEYS = reads.token_keys()
BASE_URL = reads.base_url()
ALLOWED_HOSTS = reads.allowed_hosts()
TIME_ZONE = reads.time_zone()
LANGUAGE_CODE = reads.language_code()
CA_BUNDLE = reads.ca_bundle()
ALLOW_PRIVATE_HOSTS = reads.switch("UCS_ALLOW_PRIVATE_HOSTS")
# Senders without encryption to servers outside of private networks; tokens never travel that way.
ALLOW_CLEAR_TEXT_OUTSIDE = reads.switch("UCS_ALLOW_CLEAR_TEXT_OUTSIDE")
SENTRY_DSN = env.str("SENTRY_DSN", default="")
INBOUND_DOMAIN = reads.inbound_domain()
INTAKE_BIND = reads.intake_bind()
ALERTS = reads.alerts()

POLL_INTERVAL = reads.seconds("UCS_POLL_INTERVAL", 60)
SWEEP_INTERVAL = reads.seconds("UCS_SWEEP_INTERVAL", 30)
LEASE = reads.seconds("UCS_LEASE", 300)
UNDO = reads.seconds("UCS_UNDO", 10)
BULK_AT_ONCE = 1.5  # seconds that a page does such an act itself; workers do the rest
RETRY_LADDER = reads.retry_ladder()
# Reading a mail takes some five times its size of memory; of a larger one only the headers are taken.
LARGEST_MAIL = reads.megabytes("UCS_LARGEST_MAIL", 50)
# How long the communication log tells what was said on connections.
COMMUNICATION_DAYS = reads.days("UCS_COMMUNICATION_DAYS", 14)
CLAMAV = reads.clamav()
INFECTED_FILES = reads.one_of("UCS_INFECTED_FILES", "never", "supervisor")
SCANNER_AWAY = reads.one_of("UCS_SCANNER_AWAY", "wait", "warn")

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
    "audit",
    "mailstore",
    "sso",
    "agents",
    "staff",
    "crm",
    "mailsenders",
    "queues",
    "mailsources",
    "reports",
    "privacy",
    "webhooks",
    "movein",
    "alarms",
    "api",
    "ucs",
]

MIDDLEWARE = [
    "ucs.probes.ProbeMiddleware",  # first: a probe has no host name, no session, and meets no redirect
    "ucs.no_text.NulMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "ucs.policy.AdminPolicyMiddleware",  # inside of CSPMiddleware, which reads what this one sets
    "django.contrib.sessions.middleware.SessionMiddleware",
    "staff.language.LanguageMiddleware",
    "staff.zone.ZoneMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "audit.actors.PlaceMiddleware",  # before whatever may write a row of the audit log
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
            ],
            "builtins": ["django.templatetags.i18n"],  # each page has words
        },
    }
]

DATABASES = {"default": reads.database()}
REDIS_URL = reads.redis_url()
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
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
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
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["ucs.formats"]
LANGUAGE_COOKIE_NAME = "ucs_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
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
