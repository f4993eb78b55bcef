"""Which domains are our own: providers limit recipients inside and outside of an organisation apart."""

from collections.abc import Iterable

from mailsenders.budget import Weight
from mailsenders.models import EmailSender
from sso.models import SSOProvider


def own_domains() -> frozenset[str]:
    """The domains of all senders and of all mailboxes that an SSO provider signs in."""
    senders = EmailSender.objects.order_by().values_list("email_address", flat=True)
    mailboxes = SSOProvider.objects.exclude(mailbox="").order_by().values_list("mailbox", flat=True)
    return frozenset(map(_domain, senders.union(mailboxes, all=True)))


def weigh(recipients: Iterable[str], own: frozenset[str]) -> Weight:
    """How a mail to these counts."""
    inside = [_domain(email) in own for email in recipients]
    return Weight(internal=sum(inside), external=len(inside) - sum(inside))


def _domain(email: str) -> str:
    return email.rpartition("@")[2].lower()
