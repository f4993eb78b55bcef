"""django-mailbox and django-helpdesk as their manuals set them up, in the peers' Python.

Run by `bench/ingest.py`; reads "go PORT USER PASSWORD" lines, answers with one each.
"""

import os
import sys
import tempfile
from urllib.parse import parse_qs, quote, urlsplit

PEER = sys.argv[1]
APPS = {
    "mailbox": ["django_mailbox"],
    "helpdesk": [
        "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
        "django.contrib.sites", "django.contrib.humanize", "django.contrib.messages",
        "django.contrib.admin", "rest_framework", "helpdesk",
    ],
}  # fmt: skip
urlpatterns: list[object] = []  # of this module, as it plays the project


def configure() -> None:
    """A Django project of one application, with its tables made."""
    import django  # noqa: PLC0415 - this file is for two programs
    from django.conf import settings  # noqa: PLC0415 - after `configure`
    from django.core.management import call_command  # noqa: PLC0415 - after `configure`

    url = urlsplit(os.environ["BENCH_DATABASE"])
    settings.configure(
        INSTALLED_APPS=APPS[PEER],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": url.path.lstrip("/"),
                "USER": url.username,
                "HOST": parse_qs(url.query).get("host", [url.hostname])[0],
            }
        },
        SECRET_KEY="bench",
        USE_TZ=True,
        SITE_ID=1,
        ROOT_URLCONF=__name__,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        MEDIA_ROOT=tempfile.mkdtemp(),
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        HELPDESK_VALID_EXTENSIONS_VALIDATOR=False,
        HELPDESK_TEAMS_MODE_ENABLED=False,
        HELPDESK_KANBAN_BOARD_ENABLED=False,
    )
    django.setup()
    if PEER == "helpdesk":
        from django.urls import include, path  # noqa: PLC0415 - after `configure`

        urlpatterns.append(path("", include("helpdesk.urls", namespace="helpdesk")))
    call_command("migrate", verbosity=0)


def by_mailbox(port: int, user: str, password: str) -> int:
    """As its command `getmail` does."""
    from django_mailbox.models import Mailbox  # noqa: PLC0415 - after `configure`

    uri = f"imap+ssl://{quote(user, safe='')}:{quote(password)}@127.0.0.1:{port}"
    box = Mailbox.objects.create(name=user, uri=uri)
    return sum(1 for _ in box.get_new_mail())


def by_helpdesk(port: int, user: str, password: str) -> int:
    """As its command `get_email` does."""
    from helpdesk.email import process_email  # noqa: PLC0415 - after `configure`
    from helpdesk.models import FollowUp, Queue  # noqa: PLC0415 - after `configure`

    before = FollowUp.objects.count()
    Queue.objects.exclude(allow_email_submission=False).update(allow_email_submission=False)
    Queue.objects.create(
        title=user, slug=user.partition("@")[0], email_address=user, allow_email_submission=True,
        email_box_type="imap", email_box_host="127.0.0.1", email_box_port=port, email_box_ssl=True,
        email_box_user=user, email_box_pass=password, email_box_imap_folder="INBOX", email_box_interval=0,
    )  # fmt: skip
    process_email(quiet=True)
    return int(FollowUp.objects.count() - before)


def main() -> None:
    """Answer each line."""
    configure()
    take_in = {"mailbox": by_mailbox, "helpdesk": by_helpdesk}[PEER]
    print("ready", flush=True)
    for line in sys.stdin:
        _, port, user, password = line.split()
        print(take_in(int(port), user, password), flush=True)


if __name__ == "__main__":
    main()
