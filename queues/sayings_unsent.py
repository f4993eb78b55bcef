"""Why a mail of ours has not left, as `mailsenders` writes it down; several sentences may stand together.

What makes a sender pause is for who administers it, and stays in the English of these pages.
"""

from django.utils.translation import gettext_noop as _

from agents.retelling import Sayings

PHASES = (
    _("connecting"),
    _("greeting"),
    _("starting TLS"),
    _("signing in"),
    _("naming the sender"),
    _("naming a recipient"),
    _("asking to send"),
    _("sending the text"),
)

UNSENT = Sayings(
    *PHASES,
    _(
        "%(server)s does not pass mail on to other domains for us (%(answer)s): give sender “%(sender)s” a "
        "username and password, or have the server's operator allow this machine."
    ),
    _(
        "%(server)s does not let this organisation forward mail outside (%(answer)s): in the Microsoft "
        "Defender portal open Anti-spam policies → outbound policy and set automatic forwarding to On for "
        "this mailbox."
    ),
    _(
        "%(server)s takes no mail of this size (%(answer)s): send smaller attachments, or a link to the "
        "files."
    ),
    _("%(server)s does not know this address (%(answer)s): check it for a typing error and write again."),
    _(
        "%(server)s refused this recipient for good (%(answer)s): read the answer; another address of this "
        "person may work."
    ),
    _("%(server)s refused the mail for good (%(answer)s): read the answer, mend its cause and send again."),
    _("%(server)s refused for now (%(answer)s): nothing needs to be done, it is tried again."),
    _(
        "%(server)s gave an answer that is not SMTP (%(answer)s): check server address and port of "
        "“%(sender)s”."
    ),
    _(
        "%(server)s has the text, but did not say whether it took the mail (%(said)s): ask the recipient or "
        "look into the Sent folder, then choose “Resend” or “Was sent”."
    ),
    _(
        "%(server)s allows no more connections at once (%(answer)s): “%(sender)s” pauses; if it lasts, lower "
        "the limits of this sender or end other programs that send by it."
    ),
    _(
        "%(server)s asks us to wait (%(answer)s): “%(sender)s” pauses; if it lasts, lower the limits of this "
        "sender."
    ),
    _("no answer from %(server)s while %(what)s"),
    _("%(server)s closed the connection while %(what)s"),
    _("no answer from %(server)s while %(what)s: it is tried again."),
    _("%(server)s closed the connection while %(what)s: it is tried again."),
    _("%(server)s took too long while %(what)s: it is tried again."),
    _("%(server)s closed the connection before the text: it is tried again."),
    _(
        "The virus scanner found %(virus)s in a file of this mail, so nothing was sent: write again without "
        "it."
    ),
    _(
        "Sending broke off after the text had begun to leave, so it may have arrived: ask the recipient or "
        "look into the Sent folder, then choose “Resend” or “Was sent”."
    ),
    _("The process that was sending this mail ended before the text left; it is tried again."),
    _("The server takes nothing without a return path: the sender's address is put in."),
    _(
        "The server refused the signed return path: the sender's address is put in. If that happens with "
        "each mail, choose another return path at the sender; its test mail shows what the server says."
    ),
    _(
        "The Sent folder “%(folder)s” was looked through once, and the mail is not in it; it is looked for "
        "again at %(time)s."
    ),
    _(
        "The Sent folder “%(folder)s” was looked through %(number)s times, and the mail is not in it; it is "
        "looked for again at %(time)s."
    ),
    _(
        "The Sent folder “%(folder)s” was looked through once, and the mail is not in it; it is not looked "
        "for any more. That proves nothing: ask the recipient."
    ),
    _(
        "The Sent folder “%(folder)s” was looked through %(number)s times, and the mail is not in it; it is "
        "not looked for any more. That proves nothing: ask the recipient."
    ),
)
