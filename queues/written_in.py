"""Which language a mail is written in, of those that agents write; asked once for each mail of a batch."""

from agents.models import Language
from mailcore import language
from mailcore.parsed import ParsedMail
from mailstore.batch import note, noted, once, standing
from queues.models import EmailQueue

SURE = 0.8
ENOUGH_TEXT = 60  # characters; shorter mails are helped by their subject


def language_of(mail: ParsedMail) -> str:
    """The language that it is surely written in, "" else: as rules ask for it."""
    return seen_language(mail)[0]


def seen_language(mail: ParsedMail) -> tuple[str, float]:
    """The language that the new text is surely written in, of those that agents write; ("", 0.0) else."""
    topic = f"queues.intake: language of {id(mail)}"
    known: tuple[str, float] | None = noted(topic)
    if known is None:
        text = mail.new_text
        if len(text) < ENOUGH_TEXT:
            text = f"{mail.subject}\n{text}"
        tag, confidence = language.detect(text, written_languages())
        known = (tag, confidence) if confidence >= SURE else ("", 0.0)
        note(topic, known)
    return known


@once
def written_languages() -> list[str]:
    """Those that agents write."""
    return list(Language.objects.values_list("tag", flat=True))


def assumed_language(queue: EmailQueue) -> str:
    """The language of mails in the queue that can't be told."""
    if queue.default_language_id:
        return queue.default_language_id

    def ask() -> str:
        return queue.languages.order_by("tag").values_list("tag", flat=True).first() or ""

    return standing(("queues.intake: first language", queue.pk), ask)
