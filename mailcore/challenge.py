"""Mail filters that hold our mail until a person has clicked a link (challenge and response)."""

from mailcore.parsed import Automatic
from mailcore.wording import listed, plain, says

CHALLENGERS = frozenset({Automatic.AUTO_REPLY, Automatic.LIST, Automatic.BOUNCE})
"""As what a challenge comes along; the text of people is not even looked at."""

_MOST_TEXT = 6000  # characters

_PHRASES = listed(
    "boxbe|spamarrest|spam arrest|mailinblack|sender not pre-approved|guest list|waitlisted|"
    "requires confirmation|requires your confirmation|sender verification|sender confirmation|"
    "sender authentication|verify that you are a human|verify that you're a human|"
    "prove that you are human|prove you are human|confirm that you are a person|"
    "confirm that you are not a|confirm you are not a|message is being held|held for confirmation|"
    "awaiting your confirmation|to release your message|to have your message delivered|"
    "your message will be delivered once|add you to my approved|approved senders list|"
    "list of approved senders|request to be added to|challenge-response|challenge/response|"
    "bestätigen sie, dass sie ein mensch|absender bestätigen|authentifier votre|vous authentifier|"
    "merci de vous identifier|expéditeur non reconnu|confirme que es una persona|"
    "conferma del mittente|potwierdź, że jesteś|potvrďte, že jste člověk|potvrďte, že ste človek"
)


def is_challenge(subject: str, text: str) -> bool:
    """Whether a mail that is a machine's asks us to confirm that a person sent ours."""
    return says(_PHRASES, plain(f"{subject} {text[:_MOST_TEXT]}"))
