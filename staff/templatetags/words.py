"""`{% words_url %}`: where the words are that pages’ scripts write; `{% own_names %}`: of the languages."""

from django import template
from django.urls import reverse
from django.utils.translation import get_language

from agents.interface import CODES, LANGUAGES
from staff.words import words

register = template.Library()
ENGLISH = "en"


@register.simple_tag
def words_url() -> str:
    """An address that changes when the words do; "" for English, which stands in the scripts."""
    language = (get_language() or ENGLISH).split("-")[0]
    if language == ENGLISH or language not in CODES:
        return ""
    return reverse("words", args=[language, words(language).digest])


@register.simple_tag
def own_names() -> tuple[tuple[str, str], ...]:
    """Each language by its own name: Django's own tag translates them, and nobody looks for “Englisch”."""
    return LANGUAGES
