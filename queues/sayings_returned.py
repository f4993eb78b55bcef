"""Why a mail of ours came back, or is late: the words of `mailcore.reasons`, and what stands around them."""

from django.utils.translation import gettext_noop as _

RETURNED = (
    _("the address does not exist"),
    _("the domain of the address does not exist"),
    _("the recipient has another address now"),
    _("the domain of the address takes no mail at all"),
    _("the recipient's mailbox is full"),
    _("the recipient's mailbox is switched off"),
    _("the recipient does not accept the mail"),
    _("the recipient's server does not accept our sender address"),
    _("the recipient's server blocks our server"),
    _("the recipient's server thinks badly of our server or domain"),
    _("our server's address has no proper name in the DNS"),
    _("SPF, DKIM or DMARC of our domain failed"),
    _("a rule of the recipient's server forbids it"),
    _("it was taken for spam"),
    _("it was taken for a virus"),
    _("its content or a file in it was not accepted"),
    _("its form was not accepted"),
    _("it is too big for the recipient"),
    _("the server asked is not in charge of the address"),
    _("the server wants a sign-in or encryption"),
    _("too many mails or connections in a short time"),
    _("it could not be delivered in time"),
    _("the recipient's server could not be reached"),
    _("the recipient's server is out of order"),
    _("a program on the recipient's server failed"),
    _("%(reason)s, so another try is useless"),
    _("%(reason)s; a later try may work"),
    _("a later try may work"),
    _("%(answer)s – %(reason)s"),
    _("it asks whether a person wrote, and holds the mail until then: open its mail and follow it"),
    _("the mail system gave no reason"),
    _("the server gave no reason"),
    _("the recipient"),
)
"""The server's own answer stands before the dash and stays as it is. Between several recipients there are
semicolons, so what follows the semicolon of one may come alone.
"""
