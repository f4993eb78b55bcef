"""The phrases of mail servers that could not deliver, by language. Only data; ``notices`` says what it means.

Literal, in lower case, apostrophes straight; separated by "|". They are what servers write (Postfix, Exim,
sendmail, qmail, Exchange and 365, Gmail, Yahoo, Domino, GroupWise, IMail, Mimecast, Proofpoint, carriers),
rather than what people write about it.
"""

from mailcore.wording import listed

SUBJECTS = listed(
    # English
    "undeliver|undelivrable|delivery status|delivery failure|delivery failed|delivery has failed|"
    "delivery problem|delivery report|delivery error|delivery notification|delivery unsuccessful|"
    "delivery delayed|failed delivery|failure delivery|failure notice|failure notification|"
    "returned mail|returned e-mail|returned message|mail returned|message returned|"
    "returned to sender|return to sender|returned due to|mail delivery fail|mail delivery problem|"
    "mail delivery error|mail delivery system|mail delivery subsystem|mail delivery|mail failure|"
    "mail system error|mail error|mail could not be delivered|could not be delivered|"
    "could not deliver|couldn't be delivered|cannot be delivered|can't be delivered|not deliver|"
    "unable to deliver|non delivery|non-delivery|nondeliver|non deliver|user unknown|unknown user|"
    "unknown recipient|unknown address|no such user|invalid recipient|invalid address|mailbox full|"
    "mailbox unavailable|over quota|rejected mail|rejected message|message rejected|mail rejected|"
    "e-mail rejected|message status|message delayed|message delivery|delayed mail|"
    "delay notification|warning: could not send|warning: message|error sending|send failure|"
    "sending failed|message not sent|could not send|cannot send message|loop alert|are not member|mail loop|"
    "bounce|deferred|considered unsolicited|permanent fail|permanent error|permanent delivery|"
    "transient failure|notification of failure|error condition re:|nachricht über|"
    "email address problem|bad address|quota warning|"
    # German
    "unzustellbar|nicht zustellbar|nicht zugestellt|zustellfehler|zustellung|unzustellbarkeit|"
    "zustellbericht|nicht übermittelt|übermittlungsstatus|übermittlung verzögert|"
    "fehler beim senden|"
    # French
    "non remis|non distribu|non délivr|échec de la remise|échec de remise|échec de l'envoi|"
    "échec d'envoi|remise impossible|remise retardée|notification d'état de remise|"
    "avis de non-remise|"
    # Spanish
    "no se puede entregar|no se pudo entregar|no se ha podido entregar|no entregado|no se entregó|"
    "error de entrega|entrega fallida|entrega retrasada|notificación de estado de entrega|"
    "fallo en la entrega|devuelto|no encontrado|imposible entregar|"
    # Italian
    "mancato recapito|non recapitabile|recapito non riuscito|recapito ritardato|mancata consegna|"
    "impossibile recapitare|consegna non riuscita|consegna ritardata|stato di consegna|"
    "non consegnat|"
    # Portuguese
    "não entregue|não é possível entregar|não foi possível entregar|falha na entrega|"
    "notificação de status de entrega|entrega atrasada|devolvid|não foi entregue|não é entregável|"
    # Dutch
    "onbestelbaar|niet bezorgd|kan niet worden bezorgd|bezorging mislukt|bezorging vertraagd|"
    "niet afgeleverd|bestelling mislukt|aflevering mislukt|"
    # Polish
    "niedostarczalne|nie dostarczono|nie można dostarczyć|niedostarczon|niepowodzenie dostarcz|"
    "nie można było dostarczyć|stan dostarczenia|opóźnienie dostarcz|zwrot poczty|zwrócon|"
    # Czech and Slovak
    "nedoručiteln|nedoručiteľn|nedoručen|nebylo možné doručit|nelze doručit|nepodařilo se doručit|"
    "nebolo možné doručiť|nedá sa doručiť|nepodarilo sa doručiť|stav doručen|zpoždění doručení|"
    "vrácená zpráva|vrátená správa|oneskorené doručenie|"
    # Nordic, Hungarian, Romanian, Turkish, Greek, Russian, Ukrainian
    "olevererbart|kunde inte leverera|kan ikke leveres|kunne ikke leveres|ikke levert|ikke leveret|"
    "ei voitu toimittaa|ei voi toimittaa|toimitus epäonnistui|kézbesíthetetlen|"
    "sikertelen kézbesítés|nu a putut fi livrat|nelivrat|teslim edilemedi|iletilemedi|"
    "δεν είναι δυνατή η παράδοση|αποτυχία παράδοσης|не удается доставить|не удалось доставить|"
    "недоставлен|не доставлен|не вдалося доставити|ошибка доставки|"
    # Japanese, Chinese, Korean
    "配信不能|配信エラー|送信エラー|メールエラー|エラー通知|不達|配信できません|送信できません|"
    "配信失敗|无法投递|无法送达|无法发送|退信|未送达|未能送达|投递失败|傳遞失敗|"
    "無法傳遞|無法傳送|未傳遞|系统退信|배달되지|전달되지|전송 실패|배달 실패|반송"
)

FAILURES = listed(
    "could not be delivered|could not be sent|couldn't be delivered|couldn't deliver|"
    "could not deliver|cannot be delivered|can not be delivered|can't be delivered|can't deliver|"
    "cannot deliver|not be delivered|not delivered|wasn't delivered|weren't delivered|undelivered|"
    "was not able to deliver|wasn't able to deliver|not able to be delivered|unable to deliver|"
    "unable to be delivered|undeliverable|not able to deliver|did not like|did not reach|"
    "did not receive|couldn't be found|was aborted|were aborted|error delivering|error sending|"
    "error while delivering|error occurred while|error was detected while|following error|"
    "error message below|failed permanently|permanent error|permanent fatal error|"
    "permanent delivery error|permanent failure|permanent fail|fatal error|no such user|"
    "no such person|no such recipient|no such mailbox|no such address|delivery failed|"
    "delivery has failed|delivery failure|delivery to the following recipient failed|"
    "delivery to the following recipients failed|failed recipient|failed address|failed to deliver|"
    "failed delivery|mail failed|failed addresses follow|delivery attempts|delivery attempt|"
    "user unknown|unknown user|unknown recipient|unknown address|invalid recipient|invalid address|"
    "invalid user|invalid final delivery|mailbox full|mailbox is full|mailbox unavailable|"
    "over quota|overquota|quota exceeded|exceeded quota|exceeded their quota|recipient rejected|"
    "recipient address rejected|address rejected|does not exist|doesn't exist|"
    "does not like recipient|addresses had|address had|address(es) had|returned to you|"
    "returned to sender|returned because|is being returned|being returned to|has been rejected|"
    "was rejected|been blocked|was refused|not listed in|host unknown|host not found|unroutable|"
    "unrouteable|duplicated message-id|mail loop|too many hops|user account is|giving up|given up|"
    "retry time|timed out|bounced|the mail was not|non-deliver|nondeliver|"
    "recipients of this message|was not sent to|error occurred|has been delayed|"
    "not yet been delivered|account is not active|no longer available|is not a valid|"
    "account that you tried to reach|konnte nicht|konnten nicht|nicht zugestellt|nicht zustellbar|"
    "unzustellbar|kann nicht zugestellt|n'a pas pu|n'ont pas pu|n'a pas été|non remis|"
    "non distribué|impossible de remettre|échec|no se pudo|no se ha podido|no se puede|no pudo|"
    "no ha podido|no se encontró|no ha sido entregado|non è stato possibile|non è possibile|"
    "impossibile recapitare|non recapit|non consegn|não foi possível|não pôde ser|não pode ser|"
    "não foi entregue|kan niet worden|kon niet worden|niet bezorgd|niet afgeleverd|nie można|"
    "nie dostarczono|nie została dostarczona|nie mogła zostać|nie udało się|nelze doručit|"
    "nemohla být doručena|nebylo možné|nepodařilo se|nebyla doručena|nedoručiteln|"
    "nemohla byť doručená|nebolo možné|nepodarilo sa|nebola doručená|kunde inte|kan inte|"
    "kunne ikke|kan ikke|ei voitu|nem sikerült|nu a putut|teslim edilemedi|iletilemedi|"
    "δεν ήταν δυνατή|не удалось|не может быть доставлено|не было доставлено|не доставлено|配信できません|"
    "送信できません|届けることができません|お届けできません|送信できませんでした|配信に失敗|"
    "見つかりません|无法投递|无法送达|无法发送|未能送达|投递失败|無法傳遞|無法傳送|退回|"
    "배달할 수 없|전달할 수 없|배달되지|전송하지 못"
)

DELAYS = listed(
    "delayed|(delay)|delay in|not yet been delivered|not yet received|"
    "could not send message for past|still being retried|will be retried|will keep trying|"
    "will continue to try|will continue trying|continue to retry|will retry|do not need to resend|"
    "do not need to re-send|no need to resend|temporarily deferred|warning message only|"
    "this is a warning|temporary failure report|this is only a warning|still trying|not given up|"
    "verzögert|verzögerung|verspätet|weiterhin versucht|retardé|différé|sera renouvel|retrasad|"
    "demorad|se volverá a intentar|ritardat|in ritardo|verrà ritentat|atrasad|vertraag|uitgesteld|"
    "opóźnion|opóźnieni|zpožděn|zdržen|opožděn|oneskoren|omeškan|försenad|försenat|forsinket|"
    "viivästy|késik|întârziat|gecik|καθυστερ|задерж|затрим|отложен|遅延|遅れて|延迟|延遲|延後|지연"
)

FINAL = listed(
    "permanent|given up|giving up.|has given up|not going to try|undeliverable|has failed|"
    "delivery failed|failed to deliver|returned|rejected|fatal error|failure|endgültig|définitiv|"
    "definitiv|will not be retried|cannot send message for"
)
