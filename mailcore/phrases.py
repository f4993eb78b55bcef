"""What mail programs and people write around a text, in the languages our customers use.

Only data, as pieces of regular expressions; ``quoting``, ``forwarded`` and ``signature`` say what it means.
Apostrophes are given straight, the readers fold curly ones first.
"""

# The verb of "On 4 May, Bob wrote:".
WROTE = (
    "wrote|writes|schrieb|schreibt|hat geschrieben|a écrit|écrivait|escribió|escribio|ha escrito|escreveu|"
    "ha scritto|scrisse|napsal|napsala|napsal[/(]?a?[)]?|napísal|napísala|napísal[/(]?a?[)]?|pisze|"
    "napisał|napisała|napisał[/(]?a?[)]?|skrev|skreiv|schreef|geschreven|kirjoitti|kirjutas|írta|"
    "geschrieben|ezt írta|a scris|"
    "написал|написала|написал[/(]?а?[)]?|пишет|написав|написала|пише|yazdı|έγραψε|rašė|rakstīja|je napisao|"
    "je napisal|napisao|escrigué|va escriure|skrifaði"
)

# The names of header fields, as programs translate them above a quoted or forwarded mail.
FROM = (
    "from|von|de|da|message du|od|från|fra|van|mittente|lähettäjä|от|від|від кого|feladó|差出人|发件人|"
    "寄件者|寄件人|보낸 사람|보낸사람|kimden|gönderen|από|saatja|de la|expéditeur|remitente|odesílatel|"
    "odosielateľ|nadawca|отправитель|expeditorul?|nuo|no|pošiljatelj|šalje|absender"
)
SUBJECT = (
    "subject|betreff|objet|sujet|asunto|assunto|oggetto|předmět|predmet|temat|ämne|emne|onderwerp|aihe|"
    "тема|tárgy|件名|主题|主旨|제목|konu|teema|θέμα|subiect(?:ul)?|tema|naslov|zadeva"
)
OTHER_FIELDS = (
    "sent|date|to|cc|bcc|reply-to|reply to|importance|attachments|gesendet|datum|an|kopie|bis|antwort an|"
    "anhänge|wichtigkeit|envoyé|envoyé le|à|copie|copie à|pour|répondre à|pièces jointes|enviado|"
    "enviado el|enviado em|enviada em|enviada|para|fecha|responder a|datos adjuntos|data|inviato|a|"
    "rispondi a|allegati|odesláno|odoslané|komu|kópia|dátum|příloha|přílohy|wysłano|wysłane|do|kopia|dw|"
    "udw|załączniki|skickat|till|kopia|sendt|til|dato|kopi|verzonden|aan|lähetetty|vastaanottaja|kopio|"
    "päivämäärä|отправлено|кому|дата|копия|копія|надіслано|küldve|küldés ideje|címzett|másolat|dátum|"
    "送信日時|日時|宛先|发送时间|日期|收件人|抄送|收件者|副本|보낸 날짜|받는 사람|참조|gönderilme|tarih|"
    "kime|bilgi|saadetud|kuupäev|saaja|koopia|ημερομηνία|προς|κοιν|către|dată|trimis|prima|za|kopija|poslano"
)

# What stands between dashes above it: an answer, or a forwarded mail.
ORIGINAL = (
    "original (?:message|e-?mail|appointment)|reply message|reply to message|"
    "(?:ursprüngliche|original|antwort)[ -]?(?:nachricht|e-?mail)|originalnachricht|urspr\\. nachricht|"
    "message (?:d'origine|original|initial|suivi)|courriel original|mensaje original|mensagem original|"
    "messaggio originale|původní (?:zpráva|e-?mail)|pôvodn(?:á správa|ý e-?mail)|oryginalna wiadomość|"
    "wiadomość oryginalna|oprindelig (?:meddelelse|besked)|original ?meddelande|ursprungligt meddelande|"
    "opprinnelig melding|oorspronkelijk(?:e)? bericht|alkuperäinen viesti|исходное сообщение|"
    "вихідне повідомлення|eredeti üzenet|orijinal (?:ileti|mesaj)|algne (?:kiri|sõnum)|"
    "mesaj original|izvorna poruka|originalna poruka|izvirno sporočilo|原始邮件|原始郵件|元のメッセージ|"
    "원본 메시지"
)
FORWARDED = (
    "(?:re)?forwarded (?:message|by|mail|e-?mail|conversation)|"
    "weitergeleitete (?:nachricht|e-?mail)|message (?:transf[ée]r[ée]|réexpédié)|"
    "courriel transf[ée]r[ée]|mensaje reenviado|mensagem (?:re)?encaminhada|messaggio inoltrato|"
    "(?:přeposlaná|předaná|přeposlaný|předaný) (?:zpráva|e-?mail)|"
    "(?:preposlaná|odovzdaná|preposlaný|preposlan[ée]) (?:správa|e-?mail)|"
    "(?:treść )?(?:przekazan|przesłan)(?:a|ej) (?:dalej )?wiadomo(?:ść|ści)|"
    "wiadomość przekazana(?: dalej)?|videresendt (?:meddelelse|besked|melding|e-?mail)|"
    "vidarebefordrat (?:meddelande|mail|mejl|brev)|doorgestuurd bericht|"
    "(?:edelleen|uudelleen)\\s?(?:lähetetty|välitetty) viesti|välitetty viesti|"
    "(?:пересылаемое|пересланное|перенаправленное) сообщение|переслане повідомлення|"
    "továbbított (?:üzenet|levél)|(?:iletilen|iletilmiş|yönlendirilmiş) (?:ileti|mesaj|posta)|"
    "edastatud (?:kiri|sõnum)|mesaj (?:redirecționat|redirectat|transmis)|mesajul redirecționat|"
    "pro[sš]lijeđena poruka|prosleđena poruka|posredovano sporočilo|转发的邮件|轉寄郵件|轉寄的郵件|"
    "転送されたメッセージ|전달된 메시지|προωθημένο μήνυμα"
)
# Apple Mail has a sentence instead.
BEGIN_FORWARDED = (
    "begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-mail)|"
    "début du (?:message|courriel|e-mail) (?:réexpédié|transféré)|inicio del mensaje reenviado|"
    "inizio (?:del )?messaggio inoltrato|začátek přeposlané zprávy|začiatok preposlanej správy|"
    "začiatok preposlaného e-?mailu|początek (?:przekazywanej|przekazanej) wiadomości|"
    "início da mensagem (?:re)?encaminhada|begin doorgestuurd bericht|vidarebefordrat (?:brev|"
    "mejl|meddelande)|start på videresendt (?:besked|melding|e-mail)|videresendt melding|"
    "начало переадресованного (?:сообщения|письма)|початок листа, що пересилається|"
    "välitetty viesti alkaa|továbbított levél kezdete|iletilen ileti başlangıcı|i̇leti başlangıcı|"
    "ileti başlangıcı|edastatud kirja algus|(?:începe mesajul|început mesaj) redirec.ionat|"
    "početak prosljeđene poruke"
)
# In front of the subject of a forwarded mail.
FORWARD_MARKS = (
    "fwd?|wg|wtr|tr|rv|enc|enc\\.|i|pd|doorst|vs|vb|vl|vls|videresendt|vidarebefordrat|továbbítás|ilt|"
    "i̇lt|iletilen|пересл|отв|fs|转发|轉寄|전달|pr|edt|πρθ|prev|předat"
)

# Footers that phones, apps and scanners of viruses put below a mail, each a whole line from its beginning.
FOOTERS = (
    "sent from (?:my |mail for |outlook for |yahoo mail|proton mail|samsung|the |a |aol |gmail )|"
    "sent (?:via|with|using) (?:my |the )?(?:proton ?mail|iphone|ipad|android|samsung|blackberry|airmail|"
    "spark|gmail|yahoo|bluemail|outlook|mobile|k-9|mailbird|superhuman|mobile device)|"
    "get outlook for |sent from outlook|sent by my |sent with (?:spark|mailspring)|"
    "von meinem .{2,60} gesendet|von (?:meinem )?(?:iphone|ipad|android|samsung|smartphone|handy).{0,40}"
    "gesendet|gesendet (?:mit|von|aus|über|via) (?:der |dem |meinem |meiner |mein |outlook|mail für|iphone|"
    "yahoo|gmx|web\\.de|telekom|proton|samsung|spark|k-9|freenet)|"
    "diese (?:nachricht|e-?mail) wurde von (?:meinem|einem) .{2,60} gesendet|outlook für .{2,20} "
    "(?:beziehen|herunterladen|abrufen)|holen sie sich outlook|"
    "envoyé (?:de|depuis|à partir de|avec|par|via) (?:mon |ma |l'|la |outlook|yahoo|mail|proton|iphone|un |"
    "courrier|gmail|orange)|"
    "obtenez outlook|télécharger outlook|téléchargez outlook|"
    "enviado (?:desde|de|do|a partir do|com|con|via) (?:mi |meu |minha |yahoo|outlook|correo|el |o |iphone|"
    "dispositivo|proton|email|gmail|samsung)|(?:obtener|obtenga|obtén|obter|baixe o|descarga) outlook|"
    "inviato (?:da|dal|dall'|con|tramite) ?(?:il |la |mio |mia |iphone|ipad|yahoo|outlook|posta|libero|"
    "dispositivo|smartphone|android|samsung|proton|gmail|email|cellulare)|"
    "(?:ottieni|scarica) outlook|"
    "wysłan[eoya] (?:z|ze|za pomocą|przy użyciu|przez) (?:mojego |mój |programu |aplikacji |iphone|ipad|"
    "telefonu|smartfon|urządzenia|outlook|poczty|yahoo|androida|samsung|proton|gmail|tableta)|"
    "(?:pobierz|uzyskaj) (?:aplikację )?(?:program )?outlook|"
    "(?:odesláno|odesláná|posláno|odeslané) (?:z|ze|pomocí|prostřednictvím|přes|aplikací) "
    "(?:mého |mojí |mobil|iphon|ipad|outlook|"
    "telefonu|chytrého|tabletu|zařízení|emailu|e-mailu|seznam|pošty|pošta|yahoo|androidu|samsung|aplikace|"
    "programu|proton|gmail|huawei|xiaomi)|(?:získejte|získat|stáhněte si) (?:aplikaci )?outlook|"
    "(?:odoslané|odoslaná|poslané|odoslaný) (?:z|zo|pomocou|cez|prostredníctvom) (?:môjho |mojej |mobil|"
    "iphon|ipad|outlook|telefónu|smartfónu|tabletu|zariadenia|aplikácie|programu|yahoo|android|samsung|"
    "proton|gmail|pošty|e-?mailu)|(?:získajte|získať|stiahnite si) (?:aplikáciu )?outlook|"
    "verzonden (?:vanaf|vanuit|met|via) (?:mijn |outlook|mail|yahoo|proton|samsung|iphone)|"
    "(?:outlook voor .{2,20} downloaden|download outlook)|"
    "sendt fra (?:min |mit |mail|outlook|yahoo|iphone)|skickat från (?:min |mitt |mail|outlook|yahoo|"
    "iphone)|hämta outlook|hent outlook|lähetetty (?:iphon|ipad|android|outlook|puhelim|samsung)\\w*|"
    "(?:отправлено|отправлена) (?:с|из|через) (?:моего |iphone|ipad|устройства|яндекс|почты|мобильн|"
    "outlook|android|samsung)|надіслано з |küldve (?:az |a )?(?:iphone|samsung|android)\\w*|"
    "(?:az|a) .{2,30} küldve|trimis (?:de pe|din) |saadetud minu |i?phone'?umdan gönderildi|"
    "iphone'?(?:umdan|dan)? gönderildi|"
    "virus-?free\\.|virenfrei\\.|sans virus\\.|libre de virus\\.|privo di virus\\.|wolne od wirusów\\.|"
    "bez virů\\.|bez vírusov\\.|"
    "(?:this e-?mail has been checked for viruses|diese e-?mail wurde .{0,40}auf viren (?:ge|über)prüft|"
    "l'absence de virus|este correo electrónico ha sido comprobado|el software de antivirus avast|"
    "questa e-?mail è stata controllata|ta wiadomość e-?mail została sprawdzona|tento e-?mail byl "
    "zkontrolován|táto e-?mailová správa bola skontrolovaná)"
)

# How a letter closes. These stand alone or with a name …
CLOSINGS = (
    # en
    "(?:(?:with )?(?:my |our )?(?:(?:very )?best|kind|kindest|warm|warmest|many)(?: (?:and|&) (?:best|"
    "kind|warm))? (?:regards|wishes)|regards|best|all the best|cheers|(?:yours )?(?:sincerely|faithfully|"
    "truly|respectfully)(?: yours)?|rgds|br|kr|respectfully|cordially|with (?:best|kind) regards)|"
    # de
    "(?:(?:mit|viele|vielen|liebe|lieben|beste|besten|freundliche|freundlichen|herzliche|herzlichen|"
    "schöne|schönen|sonnige|sonnigen|beste und|ganz)[ -]{1,2}){1,3}(?:grüße|grüßen|grüsse|grüssen|gruss|"
    "gruß|grusse|gruessen|gruesse|grüßle)|(?:freundliche|beste|liebe|viele|herzliche|schöne) (?:grüße|"
    "grüsse|gruesse)|gruß|gruss|grüße|grüsse|lieber gruß|mit freundlichem gru(?:ß|ss)|hochachtungsvoll|"
    "mfg|m\\.f\\.g\\.|lg|vg|bg|hg|schönen (?:tag|abend|gruß) (?:noch)?|"
    # fr
    "(?:bien |très )?(?:cordialement|cdt|cdlt|sincèrement|respectueusement|amicalement)(?: à vous)?|"
    "(?:meilleures|sincères|cordiales|respectueuses) salutations|salutations(?: distinguées| cordiales)?|"
    "bien à (?:vous|toi)|bonne (?:journée|soirée|réception|fin de journée)|à bientôt|"
    "(?:veuillez|je vous prie|nous vous prions|recevez)[^.?]{0,80}(?:salutations|sentiments|"
    "considération)[^.?]{0,40}|"
    # es
    "(?:un )?(?:cordial |atento |afectuoso )?saludos?(?: cordial(?:es)?| atentos?)?|(?:muy )?atentamente|"
    "(?:reciban?|reciba usted) un (?:cordial )?saludo|cordialmente|un abrazo|atte\\.?|"
    # it
    "(?:cordiali|distinti|cari|migliori|i migliori|i più cordiali) saluti|saluti(?: cordiali)?|"
    "cordialmente|un (?:cordiale |caro )?saluto|buona (?:giornata|serata)|in fede|a presto|"
    # pt
    "(?:com os )?(?:melhores|atenciosos) cumprimentos|cumprimentos|atenciosamente|att\\.?|abraços?|"
    # pl
    "(?:z |łączę |przesyłam )?(?:poważaniem|wyrazami szacunku|pozdrowieniami|pozdrowienia|wyrazy szacunku)|"
    "(?:serdecznie |gorąco )?pozdrawiam(?: serdecznie)?|miłego dnia|pozdr\\.?|"
    # cs, sk
    "(?:s|se srdečným|s přátelským|s úctou a|s pozdravom a) ?(?:přátelským |srdečným |priateľským |"
    "srdečným )?(?:pozdravem|pozdravom)|s (?:úctou|přáním (?:hezkého|pěkného|krásného) dne|pozdravy)|"
    "(?:srdečně )?zdraví(?:m|me)?|(?:srdečne )?pozdravuj(?:em|eme|i)|(?:přeji|prajem|přejeme|prajeme) "
    "(?:vám )?(?:hezký|pěkný|krásný|príjemný|pekný|krásny) (?:den|zbytek dne|deň|večer|zvyšok dňa)|"
    "(?:hezký|pěkný|pekný|príjemný) (?:den|deň|večer)|mějte se(?: hezky| krásně)?|majte sa(?: pekne)?|"
    # nl, da, no, sv, fi
    "(?:met )?(?:vriendelijke|hartelijke) groet(?:en)?|groet(?:en|jes)?|mvg|hoogachtend|"
    "(?:med )?(?:venlig|de bedste|bedste|beste|vennlig|vennlige|mange|kærlig|vänlig|vänliga|bästa) "
    "(?:hilsen|hilsner|hälsning|hälsningar)|mvh|hilsen|hälsningar|"
    "(?:ystävällisin |parhain )?terveisin|terv\\.?|"
    # hu, ro, ru, uk, hr, sl, tr
    "(?:tisztelettel|üdvözlettel|üdv)|(?:cu (?:stimă|respect)|o zi bună)|"
    "с уважением|с наилучшими пожеланиями|всего доброго|з повагою|"
    "(?:srdačan|lijep|lep) pozdrav|s (?:poštovanjem|spoštovanjem)|saygılarımla|(?:iyi çalışmalar)"
)
# … and these only with more than a name below, for they are words to the reader.
THANKS = (
    "(?:many |kind )?thanks(?: (?:again|in advance|so much|a lot|and (?:best|kind) regards|and regards|"
    "for your (?:help|time|support)))?|thank you(?: (?:very much|so much|in advance|for your (?:help|time|"
    "support)|and (?:best|kind) regards))?|thx|ty|"
    "(?:vielen |besten |herzlichen |lieben |schon mal )?dank(?:e)?(?: (?:im voraus|vorab|ihnen|schön|und "
    "(?:viele|beste|freundliche|liebe) grüße))?|danke (?:im voraus|ihnen|und (?:lg|gruß|viele grüße))|"
    "merci(?: (?:d'avance|beaucoup|par avance|bien|à vous))?|(?:en )?(?:vous )?remerciant[^.]{0,40}|"
    "(?:muchas |mil )?gracias(?: (?:de antemano|por (?:todo|su ayuda)|y (?:un )?saludos?))?|"
    "(?:molte |mille |tante )?grazie(?: (?:mille|in anticipo|e (?:cordiali )?saluti))?|"
    "(?:muito )?obrigad[oa]|(?:z góry )?dziękuj(?:ę|emy)(?: z góry| bardzo| za pomoc)?|dzięki|"
    "(?:předem )?děkuj(?:i|u|eme)(?: předem| moc| za (?:pomoc|odpověď))?|(?:předem )?díky(?: moc| předem)?|"
    "(?:vopred )?ďakuj(?:em|eme)(?: vopred| pekne| za (?:pomoc|odpoveď))?|vďaka|"
    "(?:alvast )?bedankt|(?:på forhånd )?tak|tack(?: på förhand)?|takk|kiitos|köszönöm|спасибо|дякую|"
    "mulțumesc|hvala|teşekkürler"
)

# How a paragraph of legal words begins or what it cannot do without.
DISCLAIMERS = (
    "(?:confidentiality|legal|privacy|data protection) (?:notice|note|warning|disclaimer|statement)|"
    "disclaimer\\b|important notice|"
    "(?:this|the (?:information|content|contents)(?: contained)?(?: in this)?) (?:e-?mail|message|"
    "transmission|communication)[^.]{0,200}(?:confidential|privileged|intended (?:only|solely)|addressee)|"
    "the information (?:contained )?in this[^.]{0,120}(?:confidential|privileged|intended)|"
    "if you (?:are not the intended|have received this)|"
    "(?:please |before printing|think )[^.]{0,60}(?:environment|print this e-?mail)|"
    "(?:vertraulichkeitshinweis|haftungsausschluss|datenschutzhinweis)|"
    "(?:diese (?:e-?mail|nachricht|mail)|der inhalt dieser e-?mail|die information(?:en)? in dieser)"
    "[^.]{0,200}(?:vertraulich|rechtlich geschützt|ausschließlich für)|"
    "(?:bitte )?(?:denken sie an|bevor sie)[^.]{0,80}(?:umwelt|ausdrucken|drucken)|"
    "(?:avis|clause) de confidentialité|"
    "(?:ce (?:message|courriel|mail)|cet? e-?mail|les informations contenues)[^.]{0,200}(?:confidentiel|"
    "usage exclusif|strictement réservé)|(?:pensez à|avant d'imprimer)[^.]{0,80}(?:environnement|imprim)|"
    "aviso (?:legal|de confidencialidad(?:e)?)|"
    "(?:este (?:mensaje|correo|e-?mail)|la información contenida|esta mensagem)[^.]{0,200}(?:confidencia|"
    "privilegiad|destinatari)|antes de imprimir|"
    "(?:avviso di riservatezza|nota di riservatezza)|"
    "(?:questo messaggio|questa e-?mail|il presente messaggio|la presente (?:e-?mail|comunicazione)|"
    "le informazioni contenute)[^.]{0,200}(?:riservat|confidenzial|destinatari)|prima di stampare|"
    "(?:ta wiadomość|niniejsza wiadomość|treść tej wiadomości|informacje zawarte|wiadomość ta|niniejszy "
    "e-?mail)[^.]{0,200}(?:poufn|wyłącznie|adresat)|(?:zanim wydrukujesz|pomyśl o środowisku)|"
    "(?:tento e-?mail|tato zpráva|obsah tohoto e-?mailu|tato e-?mailová zpráva|informace obsažené)"
    "[^.]{0,200}(?:důvěrn|výhradně|určen)|(?:než vytisknete|myslete na (?:životní )?prostředí)|"
    "(?:táto (?:e-?mailová )?správa|tento e-?mail|obsah tohto e-?mailu|informácie obsiahnuté)[^.]{0,200}"
    "(?:dôvern|výlučne|určen)|(?:skôr (?:ako|než) vytlačíte)|"
    "(?:dit bericht|deze e-?mail)[^.]{0,200}(?:vertrouwelijk|uitsluitend)|"
    "(?:denne (?:e-?mail|besked|melding)|detta (?:e-?post|meddelande))[^.]{0,200}(?:fortrolig|konfidenti)"
)
