"""What the editor says of languages: which one the customer writes, and when the answer is in another."""

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from mailcore import language
from queues.models import Conversation
from queues.presentation import language_name
from queues.written_in import ENOUGH_TEXT, SURE, written_languages


def foreign(row: Conversation) -> str:
    """The name of the language that the customer writes, if it was recognised and is not that of the page."""
    if not row.language_confidence or _first(row.language) == _first(get_language() or ""):
        return ""
    return language_name(row.language)


def otherwise(row: Conversation, text: str) -> str:
    """A sentence when a text is evidently in another language than the customer writes; "" else."""
    if not row.language_confidence or len(text) < ENOUGH_TEXT:
        return ""
    tag, confidence = language.detect(text, [*written_languages(), row.language])
    if confidence < SURE or _first(tag) == _first(row.language):
        return ""
    names = {"typed": language_name(tag), "language": language_name(row.language)}
    return _("This is in %(typed)s; the customer writes in %(language)s.") % names


def _first(tag: str) -> str:
    return tag.replace("_", "-").partition("-")[0].lower()
