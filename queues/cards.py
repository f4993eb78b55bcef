"""Numbers of payment cards in a queue's conversations: what its rule does to what people write.

Mail that comes in was masked before it came here (`mailsources.guarding`); what goes out passes `guarded` as
it is written, and `sent` as it leaves.
"""

from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from mailcore.card_markup import find_in_markup, mask_markup
from mailcore.cards import find, mask
from mailcore.compose import OutFile
from mailcore.masking import in_file
from mailcore.text import sanitise
from queues.letters import Letter, Reply
from queues.models import EmailQueue
from queues.refusals import ActionRefused

Rule = EmailQueue.PaymentCards
CHANGING = (Rule.MASK, Rule.REJECT)
STRICTER = (Rule.OFF, Rule.FLAG, Rule.MASK, Rule.REJECT)

FOUND: dict[str, str] = {
    Rule.OFF: "A mail held the number of a payment card.",
    Rule.FLAG: "A mail held the number of a payment card.",
    Rule.MASK: "A mail held the number of a payment card, which was masked: it is not kept as it came.",
    Rule.REJECT: "A mail was refused, as it held the number of a payment card; its content was not kept.",
}
REFUSED = {
    "en": "Your mail was not accepted, as it holds the number of a payment card, and none of it was kept. "
    "Please send it again without the number; we never ask for it by mail.",
    "de": "Ihre Nachricht wurde nicht angenommen, weil sie die Nummer einer Zahlungskarte enthält; nichts "
    "davon wurde gespeichert. Bitte senden Sie sie ohne die Nummer noch einmal; wir fragen nie danach.",
    "cs": "Vaše zpráva nebyla přijata, protože obsahuje číslo platební karty, a nic z ní jsme neuložili. "
    "Pošlete ji prosím znovu bez tohoto čísla; e-mailem se na ně nikdy neptáme.",
    "es": "Su mensaje no se ha aceptado porque contiene el número de una tarjeta de pago, y no se ha "
    "guardado nada de él. Envíelo de nuevo sin el número, por favor; nunca lo pedimos por correo.",
}


def stricter(*queues: EmailQueue) -> str:
    """The strictest rule of some queues."""
    return max((each.pci for each in queues), key=STRICTER.index)


def refusal(language: str) -> str:
    """What the sender of a refused mail is told."""
    return REFUSED.get(language, REFUSED["en"])


def holds(answer: Reply) -> bool:
    """Whether what an agent sends holds a card number, in its text or its files."""
    is_written = find(answer.text) or (answer.html and find_in_markup(sanitise(answer.html)))
    return bool(is_written) or any(_in_file(file) for file in answer.files)


def guarded(queue: EmailQueue, answer: Reply) -> Reply:
    """The answer as the queue's rule lets it go out.

    Raises:
        ActionRefused: the rule is to refuse, or the number is in a file, which can't be masked.
    """
    if queue.pci not in CHANGING:
        return answer
    check_files(queue, answer.files)
    if not holds(answer):
        return answer
    if queue.pci == Rule.REJECT:
        raise ActionRefused(
            _(
                "The text holds the number of a payment card, which the queue “%(queue)s” never sends: "
                "take it out."
            )
            % {"queue": queue.name}
        )
    html = mask_markup(sanitise(answer.html)) if answer.html else ""
    return replace(answer, text=mask(answer.text), html=html)


def sent(queue: EmailQueue, letter: Letter) -> Letter:
    """A mail of ours as the rule lets it leave, with what it quotes: that may have come before the rule."""
    if queue.pci not in CHANGING:
        return letter
    return replace(
        letter, subject=mask(letter.subject), text=mask(letter.text), html=mask_markup(letter.html)
    )


def check_files(queue: EmailQueue, files: Sequence[OutFile]) -> None:
    """Refuse files with card numbers where the rule keeps none.

    Raises:
        ActionRefused: one has; the text names it.
    """
    if queue.pci not in CHANGING:
        return
    for file in files:
        if _in_file(file):
            raise ActionRefused(
                _("“%(file)s” holds the number of a payment card, which the queue “%(queue)s” never keeps.")
                % {"file": file.name, "queue": queue.name}
            )


def kept(queue: EmailQueue, text: str) -> str:
    """A text that only we read (a draft, a note), as the rule lets it be kept."""
    return mask(text) if queue.pci in CHANGING else text


def kept_markup(queue: EmailQueue, html: str) -> str:
    """The same for what is written with formatting."""
    if queue.pci not in CHANGING or not html or not find_in_markup(sanitise(html)):
        return html
    return mask_markup(sanitise(html))


def _in_file(file: OutFile) -> bool:
    return bool(find(file.name)) or in_file(file.name, file.type, file.data)
