"""Words beside a long number that say what it is: a payment card, its code, or something else entirely.

In the languages of our interface and their neighbours: en, de, cs, sk, pl, es, fr, it.
"""

import re

_CARD = (
    "visa|master ?card|maestro|amex|american express|discover|diners(?: club)?|jcb|union ?pay|rupay|"
    "credit ?card|debit ?card|bank ?card|payment card|card(?: ?number| ?no| ?nr)?|cards|pan|cc|"
    "kreditkarten?|debitkarten?|bankkarten?|zahlkarten?|karten?|kartennummer|kreditkartennummer|"
    "kart[aouyě]|kartou|kreditní|debetní|platební|čísl[oa] karty|kreditn[áú]|platobn[áúe]|číslo karty|"
    "kart[aąęyo]|kartą|karty|numer karty|tarjetas?|carte|cartes|carte bancaire|cart[ae] di credito|bancomat"
)
_CODE = (
    "cvv2?|cvc2?|cid|cvn|security code|card code|verification code|prüf(?:ziffer|nummer|zahl)|"
    "sicherheitscode|kartenprüfnummer|bezpečnostní kód|bezpečnostný kód|kod bezpieczeństwa|"
    "código de seguridad|code de sécurité|cryptogramme|codice di sicurezza"
)
_EXPIRY = (
    "exp(?:iry|ires|iration)?(?: date)?|valid (?:thru|until|till)|good thru|gültig(?: bis)?|ablauf(?:datum)?|"
    "platnost|platnosť|ważn[ay]|vence|caduca|caducidad|expire|expiration|scadenza|valable"
)
_OTHER = (
    "order|orders|tracking|track|parcel|shipment|consignment|awb|waybill|invoice|receipt|ticket|case|customer|"
    "client|account|reference|ref|serial|imei|meid|iccid|sim|iban|bic|sepa|mandate|ean|gtin|upc|sku|isbn|barcode|"
    "article|item|phone|tel|fax|mobile|transaction|policy|contract|booking|voucher|rma|return|meter|"
    "bestell(?:ung|nummer|nr)?|auftrags?(?:nummer|nr)?|sendung(?:s(?:nummer|verfolgung|nr))?|paket(?:nummer|nr)?|"
    "rechnung(?:s(?:nummer|nr))?|kunden(?:nummer|nr)?|konto(?:nummer|nr)?|vertrag(?:s(?:nummer|nr))?|"
    "artikel(?:nummer|nr)?|seriennummer|zähler(?:nummer|nr)?|telefon|handy|buchungs(?:nummer|nr)?|vorgang(?:snummer)?|"
    "referenz|aktenzeichen|gutschein|retoure|"
    "objednávk[aouy]|objednávce|zásilk[aouy]|zásilce|balík[ue]?|faktur[aouy]|faktuře|zákazník|účet|účtu|smlouv[ay]|"
    "variabilní symbol|vs|objednávky|zásielk[ay]|"
    "zamówieni[ae]|przesyłk[ai]|faktury|paczk[ai]|konta|"
    "pedido|envío|seguimiento|factura|cliente|cuenta|paquete|"
    "commande|colis|suivi|facture|compte|dossier|"
    "ordine|spedizione|fattura|pacco|conto"
)
_FILLER = (
    r"(?:number|num|no|nr|n°|nº|n|nummer|číslo|č|čís|numer|número|numéro|numero|code|id|is|ist|lautet|je|jest|"
    r"es|est|è|of|with|the|your|my|mit|der|die|dhl|ups|dpd|gls|fedex|usps|ppl|hermes)"
)
_MARKS = r"[\s#:.,=()\[\]\"'/*_-]"

_NAMES_OTHER = re.compile(
    rf"(?<![^\W_])(?:{_OTHER})(?![^\W_]){_MARKS}{{0,4}}(?:{_FILLER}(?![^\W_]){_MARKS}{{0,4}}){{0,3}}\Z",
    re.IGNORECASE,
)
_NAMES_CARD = re.compile(rf"(?<![^\W_])(?:{_CARD}|{_CODE}|{_EXPIRY})(?![^\W_])", re.IGNORECASE)
_GLUED_CARD = re.compile(rf"(?<![^\W_])(?:{_CARD})\Z", re.IGNORECASE)
_CODE_AFTER = re.compile(
    rf"(?<![^\W_])(?:{_CODE})[^\w\n]{{0,4}}(?:is|ist|je|jest|es|est|è)?\W{{0,3}}(\d{{3,4}})(?!\d)",
    re.IGNORECASE,
)
_BEGINS_CODE = re.compile(rf"(?:{_CODE}|{_EXPIRY})", re.IGNORECASE)

BEFORE, AFTER, CODE_WITHIN = 60, 40, 120
"""Characters in which a word counts: before a number, after it, and for a card's code after it."""


def names_other(before: str) -> bool:
    """Whether the text right before a number says that it is something else: "Order no.: "."""
    return bool(_NAMES_OTHER.search(before[-BEFORE:]))


def names_card(before: str, after: str) -> bool:
    """Whether a word near a number says that it is a card's."""
    return bool(_NAMES_CARD.search(before[-BEFORE:]) or _NAMES_CARD.search(after[:AFTER]))


def is_glued_to_card(before: str) -> bool:
    """Whether the letters that a number follows without a gap name a card: "Visa4111…"."""
    return bool(_GLUED_CARD.search(before[-BEFORE:]))


def codes(text: str, start: int) -> list[tuple[int, int]]:
    """Where the codes printed on a card stand in the text after its number ended at `start`."""
    return [each.span(1) for each in _CODE_AFTER.finditer(text, start, start + CODE_WITHIN)]


def begins_with_code(after: str) -> bool:
    """Whether the letters that follow a number without a gap name its code or its end: "…1111exp"."""
    return bool(_BEGINS_CODE.match(after))
