"""What mail programs put between an answer and the mail it answers, and below an answer: by language.

Written for the tests from what the programs show; one line of answer, one line of quoted mail.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language in the programs.

    ``gmail`` … ``samsung`` stand above a quote, ``fields`` are From, Sent, To and Subject in Outlook,
    ``original`` and ``forwarded`` stand between dashes, ``apple_forwarded`` alone.
    """

    answer: str
    quoted: str
    gmail: str
    apple: str
    thunderbird: str
    yahoo: str
    fields: tuple[str, str, str, str]
    original: str
    forwarded: str
    apple_forwarded: str
    closing: str
    thanks: str
    phones: tuple[str, ...]
    disclaimer: str


WHO = "Alice Agent <alice@example.com>"
LANGUAGES = {
    "en": Language(
        answer="The parcel has not come yet.",
        quoted="Where did you order it?",
        gmail=f"On Tue, Mar 5, 2024 at 10:11 AM {WHO} wrote:",
        apple=f"On 5 Mar 2024, at 10:11, {WHO} wrote:",
        thunderbird="On 05/03/2024 10:11, Alice Agent wrote:",
        yahoo=f"On Tuesday, March 5, 2024, 10:11:12 AM GMT+1, {WHO} wrote:",
        fields=("From", "Sent", "To", "Subject"),
        original="Original Message",
        forwarded="Forwarded message",
        apple_forwarded="Begin forwarded message:",
        closing="Kind regards,",
        thanks="Many thanks,",
        phones=("Sent from my iPhone", "Get Outlook for Android", "Sent from my Galaxy"),
        disclaimer="This e-mail and any attachments are confidential and intended only for the addressee. "
        "If you are not the intended recipient, please delete it.",
    ),
    "de": Language(
        answer="Das Paket ist noch nicht da.",
        quoted="Wo haben Sie bestellt?",
        gmail=f"Am Di., 5. März 2024 um 10:11 Uhr schrieb {WHO}:",
        apple=f"Am 05.03.2024 um 10:11 schrieb {WHO}:",
        thunderbird="Am 05.03.24 um 10:11 schrieb Alice Agent:",
        yahoo=f"Am Dienstag, 5. März 2024 um 10:11:12 MEZ hat {WHO} Folgendes geschrieben:",
        fields=("Von", "Gesendet", "An", "Betreff"),
        original="Ursprüngliche Nachricht",
        forwarded="Weitergeleitete Nachricht",
        apple_forwarded="Anfang der weitergeleiteten Nachricht:",
        closing="Mit freundlichen Grüßen",
        thanks="Vielen Dank im Voraus",
        phones=(
            "Von meinem iPhone gesendet",
            "Diese Nachricht wurde von meinem Android Mobiltelefon mit GMX Mail gesendet.",
            "Gesendet mit der mobilen Mail App",
            "Gesendet von Outlook für Android",
        ),
        disclaimer="Diese E-Mail enthält vertrauliche oder rechtlich geschützte Informationen. Wenn Sie "
        "nicht der richtige Adressat sind, löschen Sie sie bitte.",
    ),
    "fr": Language(
        answer="Le colis n'est pas encore arrivé.",
        quoted="Où avez-vous commandé ?",
        gmail=f"Le mar. 5 mars 2024 à 10:11, {WHO} a écrit :",
        apple=f"Le 5 mars 2024 à 10:11, {WHO} a écrit :",
        thunderbird="Le 05/03/2024 à 10:11, Alice Agent a écrit :",
        yahoo=f"Le mardi 5 mars 2024 à 10:11:12 UTC+1, {WHO} a écrit :",
        fields=("De", "Envoyé", "À", "Objet"),
        original="Message d'origine",
        forwarded="Message transféré",
        apple_forwarded="Début du message réexpédié :",
        closing="Cordialement,",
        thanks="Merci d'avance,",
        phones=("Envoyé de mon iPhone", "Télécharger Outlook pour iOS", "Envoyé depuis mon appareil Galaxy"),
        disclaimer="Ce message et ses pièces jointes sont confidentiels et destinés à l'usage exclusif de "
        "leurs destinataires.",
    ),
    "es": Language(
        answer="El paquete todavía no ha llegado.",
        quoted="¿Dónde lo pidió?",
        gmail=f"El mar, 5 mar 2024 a las 10:11, {WHO} escribió:",
        apple=f"El 5 mar 2024, a las 10:11, {WHO} escribió:",
        thunderbird="El 05/03/2024 a las 10:11, Alice Agent escribió:",
        yahoo=f"En martes, 5 de marzo de 2024, 10:11:12 CET, {WHO} escribió:",
        fields=("De", "Enviado", "Para", "Asunto"),
        original="Mensaje original",
        forwarded="Mensaje reenviado",
        apple_forwarded="Inicio del mensaje reenviado:",
        closing="Un cordial saludo,",
        thanks="Muchas gracias,",
        phones=("Enviado desde mi iPhone", "Obtener Outlook para Android", "Enviado desde mi Galaxy"),
        disclaimer="Este mensaje y sus archivos son confidenciales y van dirigidos a su destinatario. "
        "Si lo ha recibido por error, elimínelo.",
    ),
    "it": Language(
        answer="Il pacco non è ancora arrivato.",
        quoted="Dove l'ha ordinato?",
        gmail=f"Il giorno mar 5 mar 2024 alle ore 10:11 {WHO} ha scritto:",
        apple=f"Il giorno 5 mar 2024, alle ore 10:11, {WHO} ha scritto:",
        thunderbird="Il 05/03/2024 10:11, Alice Agent ha scritto:",
        yahoo=f"Il martedì 5 marzo 2024 alle ore 10:11:12 CET, {WHO} ha scritto:",
        fields=("Da", "Inviato", "A", "Oggetto"),
        original="Messaggio originale",
        forwarded="Messaggio inoltrato",
        apple_forwarded="Inizio messaggio inoltrato:",
        closing="Cordiali saluti",
        thanks="Grazie mille,",
        phones=("Inviato da iPhone", "Ottieni Outlook per Android", "Inviato dal mio Galaxy"),
        disclaimer="Questo messaggio contiene informazioni riservate ed è destinato esclusivamente al "
        "destinatario.",
    ),
    "pl": Language(
        answer="Paczka jeszcze nie dotarła.",
        quoted="Gdzie została zamówiona?",
        gmail=f"wt., 5 mar 2024 o 10:11 {WHO} napisał(a):",
        apple=f"Wiadomość napisana przez {WHO} w dniu 05.03.2024, o godz. 10:11:",
        thunderbird="W dniu 5.03.2024 o 10:11, Alice Agent pisze:",
        yahoo=f"W dniu wtorek, 5 marca 2024 10:11:12 CET użytkownik {WHO} napisał:",
        fields=("Od", "Wysłane", "Do", "Temat"),
        original="Oryginalna wiadomość",
        forwarded="Przekazana wiadomość",
        apple_forwarded="Początek przekazywanej wiadomości:",
        closing="Z poważaniem",
        thanks="Z góry dziękuję",
        phones=(
            "Wysłane z iPhone'a",
            "Pobierz aplikację Outlook dla systemu Android",
            "Wysłane z mojego Galaxy",
        ),
        disclaimer="Niniejsza wiadomość jest poufna i przeznaczona wyłącznie dla adresata.",
    ),
    "cs": Language(
        answer="Balík ještě nedorazil.",
        quoted="Kde jste jej objednal?",
        gmail=f"út 5. 3. 2024 v 10:11 odesílatel {WHO} napsal:",
        apple=f"5. 3. 2024 v 10:11, {WHO}:",
        thunderbird="Dne 05. 03. 24 v 10:11 Alice Agent napsal(a):",
        yahoo=f"V úterý 5. března 2024 10:11:12 SEČ, {WHO} napsal(a):",
        fields=("Od", "Odesláno", "Komu", "Předmět"),
        original="Původní zpráva",
        forwarded="Přeposlaná zpráva",
        apple_forwarded="Začátek přeposlané zprávy:",
        closing="S pozdravem",
        thanks="Předem děkuji",
        phones=("Odesláno z iPhonu", "Získat Outlook pro Android", "Odesláno z mého telefonu Galaxy"),
        disclaimer="Tato zpráva je důvěrná a je určena výhradně jejímu adresátovi.",
    ),
    "sk": Language(
        answer="Balík ešte neprišiel.",
        quoted="Kde ste ho objednali?",
        gmail=f"ut 5. 3. 2024 o 10:11 {WHO} napísal(a):",
        apple=f"Dňa 5. 3. 2024 o 10:11 používateľ {WHO} napísal:",
        thunderbird="Dňa 5. 3. 2024 o 10:11 Alice Agent napísal(a):",
        yahoo=f"V utorok 5. marca 2024, 10:11:12 SEČ, {WHO} napísal/a:",
        fields=("Od", "Odoslané", "Komu", "Predmet"),
        original="Pôvodná správa",
        forwarded="Preposlaná správa",
        apple_forwarded="Začiatok preposlanej správy:",
        closing="S pozdravom",
        thanks="Vopred ďakujem",
        phones=("Odoslané z iPhonu", "Získajte Outlook pre Android", "Odoslané z môjho telefónu Galaxy"),
        disclaimer="Táto správa je dôverná a je určená výlučne jej adresátovi.",
    ),
}


def marked(text: str) -> str:
    """Return the text as quotations are marked."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def fields(language: Language, *, bold: str = "", rule: str = "") -> str:
    """Return Outlook's block above a quoted mail."""
    values = (WHO, "5. 3. 2024 10:11", "Carla Client <carla@customer.example>", "Re: Parcel 17")
    lines = [f"{bold}{name}:{bold} {value}" for name, value in zip(language.fields, values, strict=True)]
    return "\n".join([*([rule] if rule else []), *lines])


def plain_styles(language: Language) -> dict[str, str]:
    """Return what each program puts below an answer written as plain text."""
    quoted = marked(language.quoted)
    dashes = f"-----{language.original}-----"
    return {
        "gmail": f"{language.gmail}\n\n{quoted}",
        "gmail, wrapped": f"{language.gmail.replace(' <', chr(10) + '<', 1)}\n\n{quoted}",
        "apple": f"{language.apple}\n> \n{quoted}",
        "thunderbird": f"{language.thunderbird}\n{quoted}",
        "yahoo": f" {language.yahoo}\n \n {language.quoted}",
        "outlook": f"{fields(language)}\n\n{language.quoted}",
        "outlook web": f"{fields(language, rule='_' * 32)}\n\n{language.quoted}",
        "outlook, bold": f"{fields(language, bold='*')}\n\n{language.quoted}",
        "outlook express": f"{dashes}\n{fields(language)}\n\n{language.quoted}",
        "gmx": f"{fields(language, rule='')}\n{language.quoted}",
        "samsung": f"-------- {language.original} --------\n{fields(language)}\n{language.quoted}",
        "android": f"{language.original.join(['-------- ', ' --------'])}\n{language.quoted}",
    }


def html_styles(language: Language) -> dict[str, str]:
    """Return the same as HTML, in the programs' own tags."""
    block = fields(language).replace("<", "&lt;").replace(">", "&gt;")
    bold = "<br>".join(
        f"<b>{name}:</b>{rest}" for name, rest in (line.split(":", 1) for line in block.split("\n"))
    )
    old = f"<p>{language.quoted}</p>"
    gmail, apple, yahoo = (
        each.replace("<", "&lt;").replace(">", "&gt;")
        for each in (language.gmail, language.apple, language.yahoo)
    )
    return {
        "gmail": f'<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">{gmail}<br></div>'
        f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px #ccc solid">{old}'
        "</blockquote></div>",
        "apple": f'<div><br><blockquote type="cite"><div>{apple}</div><br>{old}</blockquote></div>',
        "apple, above": f"<div><br><div>{apple}</div><br><blockquote type='cite'>{old}</blockquote></div>",
        "thunderbird": f'<div class="moz-cite-prefix">{language.thunderbird}<br></div>'
        f'<blockquote type="cite" cite="mid:1@example.com">{old}</blockquote>',
        "yahoo": f'<div id="yahoo_quoted_1" class="yahoo_quoted"><div><div>{yahoo}</div><div><br></div>'
        f"<div>{old}</div></div></div>",
        "outlook": "<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
        f"<p class=MsoNormal>{bold}</p></div><p class=MsoNormal><o:p>&nbsp;</o:p></p>{old}",
        "outlook web": "<div id=appendonsend></div><hr style='display:inline-block;width:98%' tabindex=-1>"
        f"<div id=divRplyFwdMsg dir=ltr><font face=Calibri>{bold}</font><div>&nbsp;</div></div>{old}",
        "outlook mobile": "<div id=ms-outlook-mobile-signature><br></div><hr>"
        f"<div id=divRplyFwdMsg>{bold}</div>{old}",
        "gmx": "<div style='margin:10px 5px;padding:10px 0 10px 10px;border-left:2px solid #C3D9E5'>"
        f"<div style='margin:0 0 10px 0'>{bold}</div>{old}</div>",
        "samsung": f"<div>-------- {language.original} --------</div><div>{bold}</div><div><br></div>{old}",
    }
