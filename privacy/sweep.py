"""The last look: every column with text of every table that holds people's words, for an address.

Tables are read in runs of rows by id, so that nothing runs long, and an interruption loses one run at most.
What is set up by administrators (mailboxes, users) is theirs and left alone.
"""

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.db.models import Max

from crm.models import ContactImport
from privacy.stripping import keep_without
from privacy.words import Words
from queues.models import Message
from sso.communication_models import ConnectionLog
from sso.fields import SecretUnreadable

APPS = ("crm", "queues", "mailsenders", "mailsources", "reports", "alarms", "movein")
SETTINGS = frozenset(
    (
        *("crm.organisation", "crm.organisationdomain", "crm.contactfield", "crm.crmlink"),
        *("queues.emailqueue", "queues.tag", "queues.acknowledgementtext", "queues.macro"),
        *("mailsenders.emailsender", "mailsources.emailsource", "privacy.erasure"),
        *("mailsources.mailboxsetup", "mailsources.ruleaction", "movein.move", "movein.moved"),
    )
)
OTHERS = frozenset(("sso.connectionlog", "mailstore.mailtry", "webhooks.delivery", "admin.logentry"))
"""Tables of other apps that hold what was said about people."""

AT_ONCE = 5000
ID = "id"


def tables() -> list[type[models.Model]]:
    """Every table that is read, in an order that stays."""
    found = [
        model
        for model in apps.get_models()
        if (model._meta.app_label in APPS or model._meta.label_lower in OTHERS)
        and model._meta.label_lower not in SETTINGS
        and columns(model)
    ]
    return sorted(found, key=lambda model: model._meta.db_table)


def columns(model: type[models.Model]) -> list["models.Field[object, object]"]:
    """Its columns that hold words."""
    kinds = (models.CharField, models.TextField, models.JSONField, ArrayField)
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, kinds) and not field.primary_key and not field.choices
        and not hasattr(field, "fingerprint")
    ]  # fmt: skip


def ends() -> dict[str, int]:
    """The last id of each table: what comes later is no part of the past of who is erased now."""
    found = ((model, model._base_manager.aggregate(last=Max("pk"))["last"]) for model in tables())
    return {model._meta.db_table: last or 0 for model, last in found}


def sweep(model: type[models.Model], after: int, words: Words, end: int | None = None) -> int:
    """Take the words out of one run of rows; returns the last id of it, 0 when no row is left.

    :param end: the last id that is looked at; None for all.
    """
    rows = model._base_manager.filter(pk__gt=after).order_by("pk")
    rows = rows if end is None else rows.filter(pk__lte=end)
    last = rows.filter(pk__in=rows.values("pk")[:AT_ONCE]).aggregate(last=Max("pk"))["last"]
    if last is None or not words.written:
        return 0
    hits = _hits(model, after, last, words)
    for pk in hits:
        with transaction.atomic():
            _clean(model, pk, words)
    return int(last)


def _hits(model: type[models.Model], after: int, last: int, words: Words) -> list[int]:
    quote = connection.ops.quote_name
    likes = ["%" + _escaped(word) + "%" for word in words.written]
    where = " OR ".join(f"{quote(str(field.column))}::text ILIKE ANY(%s)" for field in columns(model))
    pk, table = quote(ID), quote(model._meta.db_table)
    sql = f"SELECT {pk} FROM {table} WHERE {pk} > %s AND {pk} <= %s AND ({where})"  # noqa: S608 - names of ours
    with connection.cursor() as cursor:
        cursor.execute(sql, [after, last, *([likes] * len(columns(model)))])
        return [found for (found,) in cursor.fetchall()]


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _clean(model: type[models.Model], pk: int, words: Words) -> None:
    row = model._base_manager.filter(pk=pk).first()
    if row is None:
        return
    if isinstance(row, Message):
        keep_without(row, words)
    changed = {}
    for field in columns(model):
        value = getattr(row, field.attname)
        clean = words.out_of(value)
        if clean != value:
            longest = getattr(field, "max_length", None)
            is_key = field.unique or field.name == "email"
            clean = f"erased-{pk}" if is_key and isinstance(clean, str) else clean
            changed[field.attname] = clean[:longest] if longest and isinstance(clean, str) else clean
    if changed:
        model._base_manager.filter(pk=pk).update(**changed)


def clean_imports(words: Words) -> None:
    """Tables that were sent in: one that names the person is thrown away, its figures stay."""
    for row in ContactImport.objects.exclude(content=b"").only("pk", "content", "encoding"):
        text = bytes(row.content).decode(row.encoding or "utf-8", "replace")
        if words.are_in(text):
            ContactImport.objects.filter(pk=row.pk).update(content=b"")
            row.faults.all().delete()


def open_sealed(words: Words) -> None:
    """What was said on connections in full is sealed; who is named in it is thrown away with it."""
    for pk in ConnectionLog.objects.filter(is_sealed=True).order_by("pk").values_list("pk", flat=True):
        try:
            sealed = ConnectionLog.objects.values_list("sealed", flat=True).get(pk=pk)
        except SecretUnreadable:
            sealed = ""  # nobody can read it any more
        if words.are_in(sealed) or not sealed:
            ConnectionLog.objects.filter(pk=pk).update(sealed="", is_sealed=False)
