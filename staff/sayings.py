"""Why somebody isn't let in, for `agents.retelling`: the log has it in English."""

from django.utils.translation import gettext_noop as _

from agents.retelling import Sayings

CODES = (
    _("There is no authenticator app any more."),
    _("Codes can't be checked here now: use a recovery code, or ask an administrator to look into the log."),
    _("Two-factor sign-in is switched on already, or its page was open too long."),
    _("That recovery code is not right, or was used already."),
    _("Too many wrong codes: wait %(time)s, then type the code of that moment."),
    _(
        "That code is not right, or was used already: type the one that your app shows now. If none ever "
        "fits, set the clock of your phone."
    ),
)
"""Of the second step."""

ACCOUNTS = (
    _("The provider sends the browser back to %(place)s: open that address and sign in there."),
    _("The sign-in was cancelled at the provider: begin it again, if you want to come in."),
    _("%(provider)s refused the sign-in. (It said “%(answer)s”.)"),
    _(
        "The user with the address %(email)s is linked with another account of that provider: ask an "
        "administrator to unlink it."
    ),
    _("The user of %(email)s is switched off: ask an administrator."),
    _("%(email)s may not sign in here: only accounts of %(domains)s may. Choose another account."),
    _(
        "The provider does not vouch for the address %(email)s, so nobody is signed in by it: confirm the "
        "address there, or ask an administrator."
    ),
    _("Several users have the address %(email)s: ask an administrator to give it to one of them."),
    _("There is no account for %(email)s here: ask an administrator for one."),
    _("The user name %(email)s is taken by another user: ask an administrator."),
)
"""Of accounts at providers."""

told = Sayings(*CODES, *ACCOUNTS).told
