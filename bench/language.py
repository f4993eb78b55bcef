"""How often the language of a short mail is told rightly: python -m bench.language

Ten sentences each in eight languages, written for this. "Sure" is what the intake believes; of the rest it
takes the contact's language, then the queue's.
"""

from mailcore.language import detect

SURE = 0.8

SENTENCES = {
    "en": """Where is my parcel?|I would like to return the shoes.|Please send me the invoice again.
The lamp arrived broken.|When will it be delivered?|Thank you, that works now.|I cannot sign in to my account.
Can you change the address of my order?|We still wait for your answer.|The refund has not arrived yet.""",
    "de": """Wo ist mein Paket?|Ich möchte die Schuhe zurückgeben.
Bitte schicken Sie mir die Rechnung noch einmal.
Die Lampe kam zerbrochen an.|Wann wird geliefert?|Danke, jetzt geht es.|Ich kann mich nicht anmelden.
Können Sie die Adresse ändern?|Wir warten noch auf Ihre Antwort.|Das Geld ist noch nicht da.""",
    "cs": """Kde je můj balík?|Chtěl bych vrátit boty.|Pošlete mi prosím fakturu ještě jednou.
Lampa přišla rozbitá.|Kdy to doručíte?|Děkuji, už to funguje.|Nemohu se přihlásit ke svému účtu.
Můžete změnit adresu objednávky?|Stále čekáme na vaši odpověď.|Peníze ještě nepřišly.""",
    "sk": """Kde je môj balík?|Chcel by som vrátiť topánky.|Pošlite mi prosím faktúru ešte raz.
Lampa prišla rozbitá.|Kedy to doručíte?|Ďakujem, už to funguje.|Neviem sa prihlásiť do svojho účtu.
Môžete zmeniť adresu objednávky?|Stále čakáme na vašu odpoveď.|Peniaze ešte neprišli.""",
    "pl": """Gdzie jest moja paczka?|Chciałbym zwrócić buty.|Proszę przesłać fakturę jeszcze raz.
Lampa przyszła uszkodzona.|Kiedy będzie dostawa?|Dziękuję, teraz działa.|Nie mogę się zalogować na konto.
Czy możecie zmienić adres zamówienia?|Nadal czekamy na odpowiedź.|Pieniądze jeszcze nie przyszły.""",
    "es": """¿Dónde está mi paquete?|Quisiera devolver los zapatos.|Por favor, envíenme otra vez la factura.
La lámpara llegó rota.|¿Cuándo lo entregan?|Gracias, ahora funciona.|No puedo entrar en mi cuenta.
¿Pueden cambiar la dirección del pedido?|Seguimos esperando su respuesta.
El dinero todavía no ha llegado.""",
    "fr": """Où est mon colis ?|Je voudrais rendre les chaussures.
Merci de m'envoyer encore une fois la facture.
La lampe est arrivée cassée.|Quand sera-t-elle livrée ?|Merci, cela marche maintenant.
Je ne peux pas me connecter à mon compte.|Pouvez-vous changer l'adresse de la commande ?
Nous attendons toujours votre réponse.|L'argent n'est pas encore arrivé.""",
    "it": """Dov'è il mio pacco?|Vorrei restituire le scarpe.|Per favore mandatemi di nuovo la fattura.
La lampada è arrivata rotta.|Quando sarà consegnato?|Grazie, adesso funziona.
Non riesco ad accedere al mio conto.
Potete cambiare l'indirizzo dell'ordine?|Aspettiamo ancora la vostra risposta.
Il denaro non è ancora arrivato.""",
}


def sentences(tag: str) -> list[str]:
    """The ten of a language."""
    return [each.strip() for line in SENTENCES[tag].splitlines() for each in line.split("|") if each.strip()]


def told(tag: str, among: list[str]) -> tuple[int, int, int]:
    """Of a language's sentences: right at all, sure, and sure but wrong."""
    found = [detect(text, among) for text in sentences(tag)]
    sure = [seen for seen, confidence in found if confidence >= SURE]
    return sum(seen == tag for seen, _ in found), len(sure), sum(seen != tag for seen in sure)


def main() -> None:
    """Print the table."""
    print("| language | sentences | right | sure | sure but wrong |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for tag in SENTENCES:
        right, sure, wrong = told(tag, list(SENTENCES))
        print(f"| {tag} | {len(sentences(tag))} | {right} | {sure} | {wrong} |")


if __name__ == "__main__":
    main()
