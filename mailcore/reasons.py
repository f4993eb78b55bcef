"""Why a mail did not arrive: the words of mail servers → one of few reasons, and each reason in our words.

The table is read from top to bottom and the first row that fits decides, so the telling words stand before
the general ones. Servers' codes come last: many give 5.0.0 or 5.7.1 to everything (RFC 3463, RFC 7505).
"""

import re
from functools import lru_cache

from mailcore.parsed import DEAD_ADDRESS, Reason

_MOST_WORDS = 3000  # characters

WORDS = {
    Reason.UNKNOWN: "",
    Reason.NO_SUCH_USER: "the address does not exist",
    Reason.NO_SUCH_DOMAIN: "the domain of the address does not exist",
    Reason.MOVED: "the recipient has another address now",
    Reason.TAKES_NO_MAIL: "the domain of the address takes no mail at all",
    Reason.MAILBOX_FULL: "the recipient's mailbox is full",
    Reason.SUSPENDED: "the recipient's mailbox is switched off",
    Reason.NOT_ACCEPTED: "the recipient does not accept the mail",
    Reason.SENDER_REFUSED: "the recipient's server does not accept our sender address",
    Reason.BLOCKED: "the recipient's server blocks our server",
    Reason.REPUTATION: "the recipient's server thinks badly of our server or domain",
    Reason.NO_REVERSE_NAME: "our server's address has no proper name in the DNS",
    Reason.NOT_AUTHENTICATED: "SPF, DKIM or DMARC of our domain failed",
    Reason.POLICY: "a rule of the recipient's server forbids it",
    Reason.SPAM: "it was taken for spam",
    Reason.VIRUS: "it was taken for a virus",
    Reason.CONTENT: "its content or a file in it was not accepted",
    Reason.FORMAT: "its form was not accepted",
    Reason.TOO_BIG: "it is too big for the recipient",
    Reason.RELAYING: "the server asked is not in charge of the address",
    Reason.SECURITY: "the server wants a sign-in or encryption",
    Reason.THROTTLED: "too many mails or connections in a short time",
    Reason.EXPIRED: "it could not be delivered in time",
    Reason.NETWORK: "the recipient's server could not be reached",
    Reason.SYSTEM: "the recipient's server is out of order",
    Reason.PROGRAM: "a program on the recipient's server failed",
}

_PASSING = frozenset(
    {Reason.MAILBOX_FULL, Reason.THROTTLED, Reason.EXPIRED, Reason.NETWORK, Reason.SYSTEM, Reason.PROGRAM}
)


def advice(reason: Reason) -> str:
    """Return the reason in words with what to do about it, "" when it is unknown."""
    if reason in DEAD_ADDRESS:
        return f"{WORDS[reason]}, so another try is useless"
    return f"{WORDS[reason]}; a later try may work" if reason in _PASSING else WORDS[reason]


_TELLING: tuple[tuple[Reason, str], ...] = (
    (
        Reason.TAKES_NO_MAIL,
        r"null ?mx|does not accept (?:any )?(?:e-?)?mail\b|no mx found for domain|"
        r"domain does not (?:receive|accept)|smtp protocol returned a permanent error",
    ),
    (
        Reason.FORMAT,
        r"(?:not|non-?) ?(?:rfc ?[\d, ]{0,12})?complian",
    ),
    (
        Reason.NOT_AUTHENTICATED,
        r"\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated (?:e-?)?mail|sender policy framework|"
        r"sender id \(pra\)|domainkeys|not authori[sz]ed to send (?:e-?)?mail from|"
        r"fails? (?:sender )?authentication check|email (?:could not|cannot) be authenticated",
    ),
    (
        Reason.NO_REVERSE_NAME,
        r"reverse[- ]?(?:dns|lookup|name|hostname|ip)|\bptr\b|\brdns\b|fcrdns|"
        r"cannot find your (?:reverse )?hostname|unverif[iy]{1,2}able sending|no (?:valid )?dns name|"
        r"dns .{0,40}not match|hostname lookup failed|unresolvable relay|must resolve",
    ),
    (
        Reason.VIRUS,
        r"virus|malware|infected|trojan|malicious code",
    ),
    (
        Reason.REPUTATION,
        r"reputation|user complaints|sender ?score|\btss0\d\b",
    ),
    (
        Reason.SPAM,
        r"\bspam\b(?!cop|haus)|spam (?:message|mail|content|score|filter|detected)|junk ?mail|"
        r"unsolicited (?:bulk )?(?:e-?)?mail|bulk (?:e-?)?mail|looks like spam|considered spam|spammy|"
        r"\buce\b",
    ),
    (
        Reason.MAILBOX_FULL,
        r"(?:number of messages|mailbox) .{0,60}exceed|(?:mail ?box|inbox|mail account|account|user|"
        r"maildir).{0,40}(?:is |was |are )?(?:full\b|over ?quota|out of space|exceed)|over (?:disk |"
        r"storage |his |their |the )?quota|overquota|quota (?:exceed|full|violation|is full)|"
        r"exceed\w{0,3}.{0,40}(?:quota|storage|mailbox size|space)|disk (?:quota|full|space)|"
        r"(?:insufficient|not enough) .{0,20}(?:space|storage|quota)|mailfolder is full|"
        r"storage (?:is )?full|mailbox size limit|no space left|quota|容量|いっぱい|一杯|überfüllt|ist voll|"
        r"boîte .{0,30}pleine|buzón .{0,20}lleno|casella .{0,20}piena|skrzynka .{0,30}pełna|"
        r"schránka .{0,30}pln",
    ),
    (
        Reason.TOO_BIG,
        r"(?:message|mail|attachment|size|it is|file).{0,40}too (?:big|large)|(?:message|mail) (?:size|"
        r"length).{0,40}(?:exceed|limit|larger)|size exceed|exceed\w{0,3}.{0,40}(?:maximum|message|"
        r"size)|larger than the (?:current )?system limit|too big for system",
    ),
    (
        Reason.NO_REVERSE_NAME,
        r"helo (?:command )?reject|invalid helo|ehlo.{0,20}(?:invalid|reject)",
    ),
    (
        Reason.RELAYING,
        r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not|prohibited)|unable to relay|(?:not|"
        r"to) (?:permitted|allowed) to relay|rcpthosts|not (?:allowed|permitted) .{0,20}relay|no relay|"
        r"cannot relay|relay (?:operation )?reject|we do not relay|domain isn't (?:in my|allowed)|"
        r"does not relay",
    ),
    (
        Reason.BLOCKED,
        r"black ?list|block ?list|deny ?list|\brbl\b|dnsbl|spamhaus|spamcop|barracuda|\bsorbs\b|"
        r"blocked (?:using|by|for|because)|(?:is|are|been|was) (?:currently )?(?:blocked|banned|denied)|"
        r"client host .{0,60}(?:reject|denied|block)|access denied|access from .{0,60}(?:denied|reject)|"
        r"(?<!not )listed (?:in|on|at)\b|connect(?:ion)? (?:refused|dropped) (?:due|by polic)|"
        r"not permitted from your (?:ip|host)|your (?:ip|host|server|"
        r"network)\b.{0,60}(?:block|ban|reject|den[iy]|refus)|s=bl\b|dynamic(?:ally)? .{0,30}ip|dialup|"
        r"dial-up|connection (?:not authorized|rejected|filtered)",
    ),
    (
        Reason.THROTTLED,
        r"too many (?:connection|session|message|mail|recipient|e-?mail|error|concurrent|smtp)|"
        r"rate[- ]?limit|throttl|concurren(?:t|cy)|connection limit|too (?:much|fast)|sent too|"
        r"exceeded .{0,30}(?:rate|sending|per (?:hour|day|minute))|daily .{0,20}(?:limit|quota)|"
        r"frequency|unusual rate|volume",
    ),
    (
        Reason.MOVED,
        r"\bhas moved\b|user (?:has )?moved|moved to|address (?:has )?changed|changed (?:his|her|their|"
        r"my) (?:e-?mail )?address|new (?:e-?mail )?address (?:is|:)|(?:has been|was) replaced by|"
        r"forward(?:ing)? (?:path|address) (?:is|to)|use the new address|user not local; please try",
    ),
    (
        Reason.SUSPENDED,
        r"suspend|(?:account|mailbox|user|recipient|address|e-?mail|invalid/).{0,40}(?:disabled|"
        r"deactivated|inactive|locked|closed|not active|expired|blocked|discontinued|terminated|frozen)|"
        r"(?:disabled|inactive|deactivated|closed|expired) (?:account|mailbox|user|recipient|address)|"
        r"temporarily (?:locked|disabled)|boite du destinataire archivee",
    ),
    (
        Reason.NO_SUCH_DOMAIN,
        r"host (?:or domain(?: name)? )?not found|host [\w.-]{1,80} not found|domain is not reachable|"
        r"domain (?:name )?(?:is )?(?:not found|does (?:not|n't) exist|unknown|not exist)|"
        r"no such (?:domain|host)|unroute?able (?:mail )?domain|unknown (?:host|domain|mail host)|"
        r"(?:host|domain) (?:name )?(?:is )?unknown|name (?:service error|server: .{0,60}not found)|"
        r"couldn't find any host|nxdomain|domain .{0,60}(?:not|n't) (?:be )?(?:found|resolve)|"
        r"bad destination (?:system|host)|(?:is |was )?not a (?:valid|known) (?:domain|host)|"
        r"all relevant mx records point to non-existent|illegal host|invalid (?:domain|host)|"
        r"no dns (?:entr|rec)|mail domain mentioned|cannot resolve|dns (?:soft )?error|"
        r"no mail exchangers",
    ),
    (
        Reason.SENDER_REFUSED,
        r"sender (?:address |e-?mail |domain )?(?:is )?(?:rejected|refused|denied|not|invalid|verif)|"
        r"(?:invalid|bad|unknown|unresolvable|rejected|unrecognized|malformed) (?:return|sender|"
        r"envelope sender|mail from)|(?:reject|refus|not accept|denied).{0,60}(?:sender|mail from|"
        r"from address)|domain of sender|from (?:address|domain).{0,40}(?:not|reject|must|invalid)|"
        r"no third-party dsns|empty (?:envelope )?(?:sender|senders)|<> (?:invalid|sender)|null sender|"
        r"invalid ip for sending|server does not accept mail from|mail from not owned|send (?:as|"
        r"mail) .{0,20}denied|email address is on senderfilter|you are not allowed to send",
    ),
    (
        Reason.NO_SUCH_USER,
        r"user (?:name |account |is )*(?:unknown|invalid|not (?:found|known|exist|listed)|doesn't|"
        r"does not)|unknown (?:user|recipient|account|local|address|mailbox|e-?mail|or illegal|"
        r"to address|virtual)|no[- ]such (?:user|recipient|address|mailbox|person|account|name|e-?mail|"
        r"local|box|user_id|id)|(?:do(?:es)?|did) ?(?:not|n't) (?:exist|have an? (?:account|e-?mail|"
        r"mailbox|user)|match)|not exist|(?:no|not) (?:a )?(?:valid |known |local )?(?:mailbox|account|"
        r"recipient|user)\b|(?:invalid|bad|incorrect|illegal|non-?existent|nonexistent) (?:or |e-?mail |"
        r"final |to |destination |mailbox |user |recipient |delivery |local )*(?:recipient|address|"
        r"mailbox|user|account|local part|userid)|(?:recipient|address|account|mailbox|user|"
        r"alias)\w{0,2} .{0,60}(?:not (?:found|known|valid|recogni|listed|exist|on this|registered)|"
        r"unknown|invalid|no longer|is unavailable|not (?:be )?found|couldn't be found)|"
        r"mailbox unavailable|unroute?able address|not (?:listed|found) in|no longer (?:available|valid|"
        r"works|on (?:the )?server|in use|here|employed|with|active|exist)|name is not recogni[sz]ed|"
        r"mailbox not found|isn't (?:a )?(?:valid|known)|unrouted? address|(?:wurde|"
        r"konnte) nicht gefunden|existiert nicht|n'existe pas|introuvable|no existe|"
        r"no se (?:ha )?encontr|inesistente|non (?:è stato )?trovat|neexistuje|nie istnieje|"
        r"nie znaleziono|nebyla? nalezen|bestaat niet|não existe|não foi encontrad|"
        r"宛先.{0,20}(?:見つかり|存在)|"
        r"ユーザ.{0,10}(?:不明|存在)|address error|(?:nobody|no one) (?:here )?by that|"
        r"no matches to nameserver|no account by that|we don't handle mail|"
        r"delivery to the following recipients? failed permanently: \* no|\bunknown\b[.]?\Z",
    ),
    (
        Reason.SECURITY,
        r"authentication (?:is )?(?:required|fail|credential)|must (?:issue|authenticate|"
        r"use).{0,20}(?:starttls|auth|login|tls)|encryption (?:required|needed)|tls (?:is )?required|"
        r"certificate|smtp auth|log ?in (?:first|fail)|insecure (?:mail )?relay|credentials",
    ),
    (
        Reason.FORMAT,
        r"malformed|violat\w{1,4} (?:of )?rfc|(?:missing|multiple|duplicate|invalid) .{0,20}(?:header|"
        r"from|date|message-id)|bare (?:lf|cr)|8-?bit|syntax error|7[- ]bit",
    ),
    (
        Reason.NETWORK,
        r"too many hops|hop count|mail (?:forwarding )?loop|\bloop(?:ing|s|ed)?\b|routing loop|"
        r"loops back",
    ),
    (
        Reason.CONTENT,
        r"content (?:reject|filter|restrict|not|den|was)|message content|attachment.{0,40}(?:reject|not|"
        r"block|den|prohib|forbid)|phish|suspicious|(?:blocked|improper|forbidden|banned) (?:content|"
        r"attachment|file|url|ip/url)|executable|\burl\b.{0,40}(?:block|reject)|improper use of 8-bit|"
        r"dangerous",
    ),
    (
        Reason.PROGRAM,
        r"(?:command|program|script|process).{0,60}(?:died|failed|status|exit|error|output|timed out)|"
        r"exit (?:status|code)|exited with|procmail|x-unix; \d|mailer error|cannot execute|mail ?drop|"
        r"local delivery (?:agent|failed)|return code|can't create (?:user )?output",
    ),
    (
        Reason.EXPIRED,
        r"expired|too (?:old|long)|retry time|giving up|gave up|for a long time|(?:delivery |retry |"
        r"queue |message )?time ?(?:out )?(?:limit|exceed)|could ?(?:not|n't) be delivered (?:for|"
        r"within|in)|(?:in|on) the queue|unable to deliver (?:this|the) message (?:after|for|within)|"
        r"delivery attempts|has been delayed|delayed|still being retried|attempts? (?:have|to deliver)|"
        r"will be retried|zeit(?:limit|über)|délai",
    ),
    (
        Reason.NETWORK,
        r"timed? ?out|connection (?:was )?(?:refused|reset|lost|closed|dropped|failed|attempt|could|"
        r"with)|no route|(?:network|host|server) (?:is |was )?(?:unreachable|down|not respond|not reach|"
        r"did not)|(?:could|can) ?(?:not|n't) (?:connect|reach|contact|be reached|be contacted|"
        r"open connection)|broken pipe|lost connection|conversation with|socket error|"
        r"unable to (?:connect|contact)|no (?:response|answer) from|name ?server (?:loop|timeout)|"
        r"dns (?:query|lookup|timeout)|host name lookup|unreachable|didn't accept our requests|"
        r"did not accept our requests|interrupted|established|all (?:hosts|servers).{0,30}(?:fail|down)|"
        r"network",
    ),
)
# Words that everybody uses for everything: asked when the code says nothing either.
_VAGUE: tuple[tuple[Reason, str], ...] = (
    (
        Reason.POLICY,
        r"polic(?:y|ies)|prohibited|restrict|not (?:allowed|permitted|authori[sz]ed)|violat|"
        r"administrative(?:ly)? (?:prohib|den|reject)|protocol violation|you (?:must|have to)|"
        r"compliance|due to security|terms of service|delivery not authori[sz]ed|permission",
    ),
    (
        Reason.SYSTEM,
        r"(?:system|internal|server|local|software|configuration|resource|database|disk|i/o|unexpected|"
        r"storage|backend) ?(?:error|problem|failure|trouble|config|limit|busy|shut)|service (?:is |"
        r"was )?(?:currently |temporarily )?(?:not available|unavailable)|temporar|try again later|"
        r"service unavailable|out of memory|insufficient (?:system )?(?:resource|storage|memory)|"
        r"operating system|not (?:available|operational)|cannot (?:open|create|write)|can't open|"
        r"shutting down|too busy|overload",
    ),
    (
        Reason.NOT_ACCEPTED,
        r"(?:refuses|not accepting|rejects?|doesn't (?:want|accept|like)|does not (?:want|accept|like)|"
        r"blocked).{0,60}(?:mail|message|you)|by (?:the )?(?:recipient|user|addressee)|"
        r"because the (?:recipient|addressee) (?:is|has|does)|not accept .{0,30}(?:message|mail)|"
        r"recipient (?:address )?(?:reject|refus)|refused|rejected|受信拒否|指定受信|拒否",
    ),
)

Rows = tuple[tuple[Reason, re.Pattern[str]], ...]


def _compiled(table: tuple[tuple[Reason, str], ...]) -> Rows:
    return tuple((reason, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for reason, pattern in table)


_TELLING_ROWS, _VAGUE_ROWS = _compiled(_TELLING), _compiled(_VAGUE)

# RFC 3463 and what the big providers made of it: the longest beginning of the code that stands here decides.
_STATUS: tuple[tuple[str, Reason], ...] = (
    ("5.1.10", Reason.NO_SUCH_USER),
    ("5.1.0", Reason.NO_SUCH_USER),
    ("5.1.1", Reason.NO_SUCH_USER),
    (".1.2", Reason.NO_SUCH_DOMAIN),
    ("5.1.3", Reason.NO_SUCH_USER),
    ("5.1.4", Reason.NO_SUCH_USER),
    (".1.6", Reason.MOVED),
    (".1.7", Reason.SENDER_REFUSED),
    (".1.8", Reason.SENDER_REFUSED),
    (".2.1", Reason.SUSPENDED),
    (".2.2", Reason.MAILBOX_FULL),
    (".2.3", Reason.TOO_BIG),
    (".3.1", Reason.SYSTEM),
    (".3.2", Reason.SYSTEM),
    (".3.4", Reason.TOO_BIG),
    (".3.5", Reason.SYSTEM),
    (".3.", Reason.SYSTEM),
    (".4.4", Reason.NO_SUCH_DOMAIN),
    (".4.7", Reason.EXPIRED),
    (".4.", Reason.NETWORK),
    (".5.3", Reason.THROTTLED),
    (".5.", Reason.SYSTEM),
    (".6.", Reason.CONTENT),
    (".7.23", Reason.NOT_AUTHENTICATED),
    (".7.20", Reason.NOT_AUTHENTICATED),
    (".7.25", Reason.NO_REVERSE_NAME),
    (".7.26", Reason.NOT_AUTHENTICATED),
    (".7.27", Reason.TAKES_NO_MAIL),
    (".7.", Reason.POLICY),
)


@lru_cache(maxsize=16)  # one report asks again and again, about its whole text
def reason_of(words: str, status: str = "") -> Reason:
    """Return why a mail was not taken.

    Args:
        words: what the server or the report said.
        status: the enhanced code if one is known.
    """
    words = " ".join(words[:_MOST_WORDS].split())
    return _first(_TELLING_ROWS, words) or _of_status(status) or _first(_VAGUE_ROWS, words)


def _first(rows: Rows, words: str) -> Reason:
    return next((reason for reason, pattern in rows if pattern.search(words)), Reason.UNKNOWN)


def _of_status(status: str) -> Reason:
    for code, reason in _STATUS:
        if status == code or (code[0] == "." and status[1:].startswith(code)):
            return reason
    return Reason.UNKNOWN
