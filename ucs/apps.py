"""The wiring becomes an app, so that its commands and checks are found."""

import importlib

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ucs.celery import app as celery_app

__all__ = ["UcsConfig", "celery_app"]


class UcsConfig(AppConfig):
    """Loads the Celery app wherever Django runs: `.delay()` must know its broker."""

    name = "ucs"
    verbose_name = "UCS Email"

    def ready(self) -> None:
        """Register our checks; report errors to Sentry when an address is set."""
        importlib.import_module("ucs.keys")
        if not settings.SENTRY_DSN:
            return
        try:
            sentry = importlib.import_module("sentry_sdk")
        except ImportError as error:
            raise ImproperlyConfigured(
                "SENTRY_DSN is set, but the package sentry-sdk is not installed: install ucs-email[sentry]."
            ) from error
        # Variables and bodies hold mail and secrets: they stay here.
        sentry.init(
            dsn=settings.SENTRY_DSN,
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
        )
