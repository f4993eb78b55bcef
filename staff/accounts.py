"""An account at a provider into a user of ours, or a sentence why not.

The account is known by issuer and subject, which never change. Its address finds the user only once, at the
first sign-in, and only if the provider vouches for it: elsewhere an address can be given to somebody else.
"""

import logging

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from agents.models import Agent
from audit.actors import SYSTEM
from audit.acts import Act
from audit.log import record
from sso.models import SSOProvider
from sso.openid import NotThisPerson, Person
from staff.models import LinkedAccount

logger = logging.getLogger(__name__)

ASK = "ask an administrator"


def user_of(provider: SSOProvider, person: Person) -> User:
    """The active user whose account this is; linked or made now if the provider's settings say so.

    :raises NotThisPerson: nobody, in words for who tried.
    """
    _check_domain(provider, person)
    try:
        with transaction.atomic():
            user = _linked(provider, person) or _link(provider, person)
    except IntegrityError as error:
        found = _linked(provider, person)  # two tabs at once: the other one has linked it
        if found is None:
            raise NotThisPerson(
                f"The user with the address {person.email} is linked with another account of that provider: "
                f"{ASK} to unlink it."
            ) from error
        user = found
    if not user.is_active:
        raise NotThisPerson(f"The user of {person.email} is switched off: {ASK}.")
    return user


def _check_domain(provider: SSOProvider, person: Person) -> None:
    if not person.email or person.domain not in provider.domains:
        raise NotThisPerson(
            f"{person.email or 'This account'} may not sign in here: only accounts of "
            f"{' or '.join(provider.domains)} may. Choose another account."
        )


def _linked(provider: SSOProvider, person: Person) -> User | None:
    found = LinkedAccount.objects.select_related("user").filter(issuer=person.issuer, subject=person.subject)
    account = found.first()
    if account is None:
        return None
    found.update(provider=provider, email=person.email, last_used_at=timezone.now())
    return account.user


def _link(provider: SSOProvider, person: Person) -> User:
    if not person.is_verified:
        raise NotThisPerson(
            f"The provider does not vouch for the address {person.email}, so nobody is signed in by it: "
            f"confirm the address there, or {ASK}."
        )
    # What the database takes for the same in other letters need not be: to it, ı and i are both an I.
    rows = User.objects.filter(email__iexact=person.email)
    found = [user for user in rows if user.email.lower() == person.email]
    if len(found) > 1:
        raise NotThisPerson(
            f"Several users have the address {person.email}: {ASK} to give it to one of them."
        )
    if not found and not provider.create_people:
        raise NotThisPerson(f"There is no account for {person.email} here: {ASK} for one.")
    user = found[0] if found else _new_user(person)
    if user.is_active:
        LinkedAccount.objects.create(
            user=user,
            provider=provider,
            issuer=person.issuer,
            subject=person.subject,
            email=person.email,
            last_used_at=timezone.now(),
        )
        record(user, Act.DID, user, note=f"Linked with an account of {provider}, {person.email}.")
        logger.info("Linked user %s with an account of provider %s", user.pk, provider.pk)
    return user


def _new_user(person: Person) -> User:
    """An agent without queues, who has no password."""
    if User.objects.filter(username__iexact=person.email).exists():
        raise NotThisPerson(f"The user name {person.email} is taken by another user: {ASK}.")
    first, _, last = person.name.partition(" ")
    user = User(username=person.email, email=person.email, first_name=first, last_name=last)
    user.set_unusable_password()
    user.save()
    Agent.objects.create(user=user, role=Agent.Role.AGENT)
    record(SYSTEM, Act.INSERTED, user, note="Made at the first sign-in.")
    logger.info("Made user %s at the first sign-in", user.pk)
    return user
