"""How sure it is who wrote a mail, in words: what the mail server found out, and what looks like a trick.

Pure: a message in, sentences out. What is stored is `keep`'s: the findings of the one server that is believed
(`mailcore.authentication`), {} when none told anything.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from mailcore.authentication import is_aligned
from mailcore.parsed import Check, Findings
from queues.models import Message

PASSED, FAILED = "pass", frozenset({"fail", "softfail", "permerror", "policy"})
_EMAIL = re.compile(r"[^\s<>()\[\],;:\"'@]{1,64}@([^\s<>()\[\],;:\"'@]{1,250}\.[^\s<>()\[\],;:\"'@.]{2,63})")
_ALIKE = str.maketrans("01|іӏаеорсху", "olliiaeopcxy")
SHORTEST = 6  # of a name whose neighbours by one letter are called alike


@dataclass(frozen=True, slots=True)
class Standing:
    """What to make of a sender: `level` is good, warn, bad or "" when nothing is known.

    `label` is a word for the head of the mail, "" where it needs none; `cautions` are said beside the mail.
    """

    level: str
    label: str
    sentence: str
    cautions: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


def keep(found: Findings | None) -> dict[str, Any]:
    """Findings as they are stored."""
    if found is None:
        return {}
    return {"by": found.by, "checks": [[each.method, each.result, each.domain] for each in found.checks]}


def standing(message: Message, houses: Collection[str] = ()) -> Standing | None:
    """How sure the sender of a mail is; None for a mail of ours, and for one without a sender.

    :param houses: the domains that are ours alone, in lower case.
    """
    domain = message.from_email.rpartition("@")[2].lower()
    if message.direction != "in" or not domain:
        return None
    checks = [Check(*each) for each in message.authentication.get("checks", [])]
    level, label, sentence = _verdict(checks, domain, message.from_email)
    if not message.authentication:
        level, label, sentence = "", "", _("The mail server told nothing about who sent it.")
    cautions = tuple(_cautions(message, domain, houses, is_sure=level == "good"))
    if cautions and level != "bad":
        level, label = "warn", _("Look closely")
    return Standing(level, label, sentence, cautions, tuple(_told(each) for each in checks))


def _verdict(checks: Iterable[Check], domain: str, email: str) -> tuple[str, str, str]:
    by = {method: [each for each in checks if each.method == method] for method in ("dmarc", "dkim", "spf")}
    speaks = {method: _speaking(found, domain) for method, found in by.items()}
    names = {"domain": domain, "email": email}
    if any(each.result == "fail" for each in by["dmarc"]):
        sentence = _(
            "It claims to be from %(email)s, but the check that %(domain)s asks for failed (DMARC): somebody "
            "else may have written it."
        )
        return "bad", _("Sender not genuine"), sentence % names
    if signed := speaks["dkim"]:
        sentence = _("The sender’s domain confirms it: DKIM by %(by)s.")
        return "good", "", sentence % {"by": signed.domain}
    if speaks["spf"]:
        sentence = _("The sender’s domain confirms it: it came from a server of %(domain)s (SPF).")
        return "good", "", sentence % names
    if speaks["dmarc"]:
        return "good", "", _("The sender’s domain confirms it: DMARC of %(domain)s.") % names
    if any(each.result in FAILED for each in (*by["spf"], *by["dkim"])):
        sentence = _("Nobody confirms this sender: what %(domain)s lets be checked (SPF, DKIM) failed.")
        return "warn", _("Sender not confirmed"), sentence % names
    sentence = _("Nobody confirms this sender: %(domain)s lets nothing be checked that speaks for this mail.")
    return "warn", _("Sender not confirmed"), sentence % names


def _speaking(checks: list[Check], domain: str) -> Check | None:
    passed = (each for each in checks if each.result == PASSED)
    return next((each for each in passed if is_aligned(each.domain, domain)), None)


def _cautions(message: Message, domain: str, houses: Collection[str], *, is_sure: bool) -> Iterable[str]:
    shown = _EMAIL.search(message.from_name)
    if shown is not None and not is_aligned(shown[1], domain):
        yield _("The name says %(shown)s, but the address is %(email)s.") % {
            "shown": shown[0],
            "email": message.from_email,
        }
    if domain in houses and not is_sure and message.authentication:
        yield _("It claims to come from our own house, which the mail server could not confirm.")
    alike = next((house for house in houses if house != domain and is_alike(domain, house)), None)
    if alike and not is_aligned(domain, alike):
        yield _("%(domain)s only looks like %(house)s.") % {"domain": domain, "house": alike}
    elif _is_mixed(domain):
        yield _("%(domain)s is written with letters of several alphabets: some look like others.") % {
            "domain": _decoded(domain)
        }


def _told(check: Check) -> str:
    """One check in the words of mail administrators."""
    of = f" ({check.domain})" if check.domain else ""
    return f"{check.method.upper()}: {check.result}{of}"


def is_alike(domain: str, house: str) -> bool:
    """Whether one may be taken for the other: look-alike letters, or one letter more, less or other."""
    first, second = _skeleton(domain), _skeleton(house)
    return first == second or (len(house) >= SHORTEST and _is_one_off(first, second))


def _skeleton(domain: str) -> str:
    folded = unicodedata.normalize("NFKD", _decoded(domain)).casefold()
    plain = "".join(each for each in folded if not unicodedata.combining(each)).translate(_ALIKE)
    return plain.replace("rn", "m").replace("vv", "w").replace("-", "")


def _decoded(domain: str) -> str:
    try:
        return domain.encode("ascii").decode("idna") if "xn--" in domain else domain
    except UnicodeError:
        return domain


def _is_mixed(domain: str) -> bool:
    """Whether a name mixes Latin letters with those of another alphabet that has its own."""
    if "xn--" not in domain and domain.isascii():
        return False
    for label in _decoded(domain).split("."):
        scripts = {unicodedata.name(each, "?").split(" ")[0] for each in label if each.isalpha()}
        if len(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}) > 1:
            return True
    return False


def _is_one_off(first: str, second: str) -> bool:
    if abs(len(first) - len(second)) > 1 or first == second:
        return False
    start = next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    if start is None:
        return True
    rest, other = first[start:], second[start:]
    swapped = rest[:2] == other[:2][::-1] and rest[2:] == other[2:]
    return rest[1:] == other or rest == other[1:] or rest[1:] == other[1:] or swapped
