"""Where the new text of a mail ends and the quoted earlier correspondence begins.

Line by line, with what the common mail programs put above a quote in some twenty languages. Every pattern
is tried
on at most a few hundred characters, so the time is linear in the length of the text.
"""

import re
from collections.abc import Iterator

_MOST_LINES = 5_000
_LONGEST_LINE = 400
_MOST_ATTRIBUTION_LINES = 4
_MOST_GAP = 3

_WROTE = (
    "wrote|writes|schrieb|hat geschrieben|a écrit|écrivait|escribió|escribio|ha escrito|escreveu|"
    "ha scritto|scrisse|napsal|napsala|napsal[/(]?a?[)]?|napísal|napísala|napísal[/(]?a?[)]?|pisze|"
    "napisał|napisała|napisał[/(]?a?[)]?|skrev|skreiv|schreef|kirjoitti|kirjutas|írta|ezt írta|a scris|"
    "написал|написала|написал[/(]?а?[)]?|пишет|написав|пише|yazdı|έγραψε|rašė|rakstīja|je napisao|"
    "je napisal|napisao|escrigué|va escriure|skrifaði"
)
_ATTRIBUTION = re.compile(rf"(?:^|[\s,>\])])(?:{_WROTE})(?:$|[\s,:：;(\[])", re.I)
_ENDS_ATTRIBUTION = re.compile(r"(?:[:：]|\bwrote)\s*[*_]{0,2}\s*(?:-{2,8}|>)?\s*$", re.I)
_BARE_ATTRIBUTION = re.compile(
    # "2024-05-01 10:00 GMT+02:00 Bob <bob@example.com>:", and the East Asian ones, which have no verb
    # in the middle.
    r"^(?:[>\s]*\d{4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}.{0,200}(?:<[^<>\s]+@[^<>\s]+>|"
    r"@[^\s]+)\s*[:：]?|.{0,300}(?:写道|寫道|のメール|書きました|작성)\s*[:：]?)\s*$"
)
_STARTER = re.compile(
    r"[>\s*_-]{0,12}(?:On|Am|Le|El|Il|Dne|Dňa|Den|Dnia|W dniu|Op|Em|Pe|Den|På|Ved|Vào|Στις|Dana|"
    r"Kuupäeval|Kl|El dia|Le|Mon|Tue|Wed|Thu|Fri|Sat|Sun|Mo|Di|Mi|Do|Fr|Sa|So|po|út|st|čt|pá|so|ne|пн|"
    r"вт|ср|чт|пт|сб|вс|"
    r"\d{1,2}[./ ]|\d{4}[-/.])[\s.,]?",
    re.I,
)
_TIME = re.compile(r"\b\d{1,2}[:.h]\d{2}\b")
_EMAIL = re.compile(r"[^\s<>@]{1,64}@[\w-]")
_NUMBER = re.compile(r"\d")
_ANGLE_AT_END = re.compile(r"<[^<>\s]{3,254}>\s?[:：]\s*$")
_YEAR_THEN_VERB = re.compile(
    rf"^\w{{2,20}}, \d{{1,2}}\.? .{{0,200}}\b\d{{4}}\b.{{0,200}}\s(?:{_WROTE})\s?[:：]\s*$", re.I
)

_ORIGINAL = re.compile(
    r"[>\s]*[-_=*~]{1,40}\s?>?\s?(?:original (?:message|e-?mail|appointment)|reply message|"
    r"(?:re)?forwarded (?:message|by)|(?:ursprüngliche|original|weitergeleitete|antwort)[ -]?nachricht|"
    r"originalnachricht|message (?:d'origine|original|transf[ée]r[ée]|initial|suivi)|"
    r"mensaje (?:original|reenviado)|mensagem (?:original|encaminhada)|messaggio (?:originale|"
    r"inoltrato)|původní (?:zpráva|e-?mail)|přeposlaná zpráva|pôvodná správa|preposlaná správa|"
    r"oryginalna wiadomość|wiadomość oryginalna|(?:treść )?przekazan(?:a|ej) wiadomo(?:ść|ści)|"
    r"oprindelig (?:meddelelse|besked)|videresendt (?:meddelelse|besked)|original ?meddelande|"
    r"ursprungligt meddelande|vidarebefordrat meddelande|opprinnelig melding|"
    r"oorspronkelijk(?:e)? bericht|doorgestuurd bericht|alkuperäinen viesti|edelleenlähetetty viesti|"
    r"исходное сообщение|пересылаемое сообщение|пересланное сообщение|eredeti üzenet|orijinal (?:ileti|"
    r"mesaj)|algne (?:kiri|sõnum)|edastatud (?:kiri|sõnum)|izvorna poruka|原始邮件|原始郵件|转发的邮件|"
    r"元のメッセージ|원본 메시지)"
    r".{0,60}?[-_=*~<\s]{0,60}$",
    re.I,
)
_BEGIN_FORWARDED = re.compile(
    r"[>\s]*(?:begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-mail)|"
    r"début du message (?:réexpédié|transféré)|inicio del mensaje reenviado|inizio messaggio inoltrato|"
    r"začátek přeposlané zprávy|początek przekazywanej wiadomości|"
    r"início da mensagem (?:re)?encaminhada|begin doorgestuurd bericht|vidarebefordrat (?:brev|"
    r"meddelande)|start på videresendt (?:besked|melding)|начало переадресованного "
    r"(?:сообщения|письма)|välitetty viesti alkaa)\s*[:：]?\s*$",
    re.I,
)
_RULE = re.compile(r"[>\s]*[-_=*]{2,200}\s*$")
_FROM = (
    "from|von|de|da|message du|od|från|fra|van|mittente|lähettäjä|от|від|від кого|feladó|差出人|发件人|"
    "寄件者|寄件人|보낸 사람|보낸사람|kimden|gönderen|από|saatja|de la|expéditeur|remitente|odesílatel|"
    "odosielateľ|отправитель|nuo|no|pošiljatelj"
)
_FIELD = (
    "sent|date|to|cc|bcc|subject|reply-to|importance|attachments|gesendet|datum|an|kopie|betreff|"
    "envoyé|envoyé le|à|copie à|objet|sujet|pour|répondre à|enviado|enviado el|enviada em|enviada|para|"
    "asunto|assunto|fecha|data|inviato|a|oggetto|odesláno|komu|předmět|kopia|wysłano|wysłane|do|temat|"
    "dw|skickat|till|ämne|sendt|til|emne|dato|verzonden|aan|onderwerp|lähetetty|vastaanottaja|aihe|"
    "päivämäärä|отправлено|кому|тема|дата|копия|надіслано|küldve|címzett|tárgy|odoslané|predmet|dátum|"
    "送信日時|日時|宛先|件名|发送时间|日期|收件人|主题|收件者|主旨|보낸 날짜|받는 사람|제목|gönderilme|"
    "tarih|kime|konu|saadetud|kuupäev|saaja|teema|ημερομηνία|προς|θέμα"
)
_FROM_LINE = re.compile(rf"[>\s|]*[*_]{{0,2}}(?:{_FROM})[*_]{{0,2}}\s?[:：]", re.I)
_FIELD_LINE = re.compile(rf"[>\s|]*[*_]{{0,2}}(?:{_FROM}|{_FIELD})[*_]{{0,2}}\s?[:：]", re.I)
_LIST_FOOTER = re.compile(r"mailing list|to unsubscribe|unsubscribe from this", re.IGNORECASE)
_QUOTED = re.compile(r"\s{0,3}>")
_FOOTER = re.compile(r"\s*(?:[-_=—–]{2,}|sent from my |get outlook for )", re.I)


def quote_at(text: str) -> int:
    """Return the offset where quoted correspondence or a forwarded mail starts, ``len(text)`` if none does.

    A signature is not a quote. What has new text below it is no tail and stays, as in answers between the
    lines;
    a mail that would have nothing left keeps everything.
    """
    lines = text.split("\n", _MOST_LINES)[:_MOST_LINES]
    offset, has_text = 0, False
    tail = _quoted_tail(lines)
    for number, line in enumerate(lines):
        if number == tail or (line and _opens_quote(lines, number)):
            return offset if has_text else len(text)
        has_text = has_text or bool(line.strip())
        offset += len(line) + 1
    return len(text)


def _quoted_tail(lines: list[str]) -> int:
    """Return the first line of the ``>`` block that ends the text, -1 when there is none."""
    number = _last_quoted(lines, 0)
    if number < 0 or _has_new_text(lines, number + 1):
        return -1
    while number and (_QUOTED.match(lines[number - 1]) or not lines[number - 1].strip()):
        number -= 1
    while not lines[number].strip():
        number += 1
    return number


def _last_quoted(lines: list[str], first: int) -> int:
    for number in range(len(lines) - 1, first - 1, -1):
        if _QUOTED.match(lines[number]):
            return number
    return -1


def _has_new_text(lines: list[str], first: int) -> bool:
    """Whether something follows that is neither empty nor the footer of a list or a phone."""
    for line in lines[first:]:
        if _FOOTER.match(line):
            return False
        if line.strip():
            return True
    return False


def _opens_quote(lines: list[str], number: int) -> bool:
    line = lines[number]
    if len(line) > _LONGEST_LINE:
        return False
    if _ORIGINAL.match(line) or _BEGIN_FORWARDED.match(line):
        return True
    if _RULE.match(line):
        return any(
            _is_header_block(lines, after, _FIELD_LINE) or _LIST_FOOTER.search(lines[after][:_LONGEST_LINE])
            for after in _next_filled(lines, number + 1, 1)
        )
    if _is_header_block(lines, number, _FROM_LINE):
        return True
    end = _attribution_end(lines, number)
    if end < 0:
        return False
    last = _last_quoted(lines, end)
    return last < 0 or not _has_new_text(lines, last + 1)


def _next_filled(lines: list[str], first: int, most: int) -> Iterator[int]:
    """Yield the numbers of the next ``most`` lines that are not empty, looking a few lines ahead."""
    for number in range(first, min(first + most + _MOST_GAP * 2, len(lines))):
        if lines[number].strip():
            yield number
            most -= 1
            if not most:
                return


def _is_header_block(lines: list[str], number: int, opening: re.Pattern[str]) -> bool:
    """Outlook and others: "From: … Sent: … To: … Subject: …" in many languages, in some order."""
    if not opening.match(lines[number][:_LONGEST_LINE]):
        return False
    followers = [lines[each][:_LONGEST_LINE] for each in _next_filled(lines, number + 1, 5)]
    fields = sum(bool(_FIELD_LINE.match(line)) for line in followers)
    return fields >= 2 and any(map(_FROM_LINE.match, [lines[number], *followers]))


def _attribution_end(lines: list[str], number: int) -> int:
    """Return the line after an attribution ("On 4 May, Bob wrote:") that begins here, or -1."""
    joined = ""
    for count, line in enumerate(lines[number : number + _MOST_ATTRIBUTION_LINES], start=1):
        joined = f"{joined} {line.strip()}".strip()
        if len(joined) > _LONGEST_LINE or not line.strip():
            return -1
        if _is_attribution(joined):
            return number + count
        if count == 1 and not (_STARTER.match(joined) or ("<" in joined and _EMAIL.search(joined))):
            return -1
    return -1


def _is_attribution(text: str) -> bool:
    if _BARE_ATTRIBUTION.match(text):
        return True
    if not _ENDS_ATTRIBUTION.search(text):
        return False
    if not _ATTRIBUTION.search(text):
        # Without a verb: Wed, 30 Apr 2025 at 15:19, Bob <bob@example.com>
        return bool(_TIME.search(text) and _ANGLE_AT_END.search(text))
    if _TIME.search(text) or ("@" in text and _EMAIL.search(text)):
        return True
    return bool(_STARTER.match(text) and _NUMBER.search(text)) or bool(_YEAR_THEN_VERB.search(text))
