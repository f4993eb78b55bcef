"""What the columns of a table of contacts may be, and how they are called elsewhere."""

from crm.fields import definitions
from crm.models import ContactField
from crm.names import fold

PLAIN = (
    *("email", "emails", "name", "first_name", "last_name", "phone", "organisation", "language"),
    *("time_zone", "priority", "standing", "external_id", "remark"),
)
OWN = "fields."
_CALLED = {
    "email": "e-mail, mail, email address, e-mail address, e-mailova adresa, e-mail-adresse, correo, "
    "correo electronico, primary email, hlavni e-mail",
    "emails": "e-mails, further addresses, other emails, all emails, dalsi e-maily, weitere adressen",
    "name": "full name, display name, contact, jmeno a prijmeni, cele jmeno, vollstandiger name, "
    "nombre completo, kontakt, ansprechpartner",
    "first_name": "first name, given name, jmeno, krestni jmeno, vorname, nombre",
    "last_name": "last name, surname, family name, prijmeni, nachname, apellido, apellidos",
    "phone": "phones, telephone, mobile, tel, telefon, mobil, telefono, handy, rufnummer",
    "organisation": "organization, company, firm, account, firma, spolecnost, unternehmen, empresa",
    "language": "lang, locale, jazyk, sprache, idioma",
    "time_zone": "timezone, zone, casove pasmo, zeitzone, zona horaria",
    "priority": "priorita, prioritat, prioridad",
    "standing": "stav, status",
    "external_id": "id, crm id, external id, customer id, customer number, cislo zakaznika, kundennummer, "
    "numero de cliente",
    "remark": "remarks, note, notes, comment, poznamka, bemerkung, notiz, nota, observaciones",
}


def _key(name: str) -> str:
    return " ".join(fold(name).replace("_", " ").replace("-", " ").split())


_TARGETS = {_key(each): target for target, names in _CALLED.items() for each in (target, *names.split(","))}


def offered() -> list[str]:
    """Everything that a column may be; own fields as "fields.key"."""
    return [*PLAIN, *(OWN + each.key for each in definitions())]


def guess(names: list[str]) -> list[str]:
    """What each column probably is, by its name; "" for who knows. Nothing is guessed twice."""
    own: dict[str, str] = {}
    for each in ContactField.objects.filter(of=ContactField.Of.CONTACT):
        own |= {_key(each.key): OWN + each.key, _key(each.label): OWN + each.key}
    found: list[str] = []
    for name in names:
        target = own.get(_key(name)) or _TARGETS.get(_key(name), "")
        found.append("" if target in found else target)
    return found
