"""Who owns a mailbox in this world: the company. The customers are in :mod:`rehearsal.customers`."""

from dataclasses import dataclass

GOOGLE_IMAP, GOOGLE_SMTP, COMPANY = "imap.gmail.com", "smtp.gmail.com", "mail.company.example"
#: The names that get a certificate.
NAMES = (GOOGLE_IMAP, GOOGLE_SMTP, COMPANY, "localhost", "127.0.0.1")


@dataclass(frozen=True)
class CompanyMailbox:
    """A mailbox of the company. Without password it lives at Google and opens to a token only."""

    address: str
    name: str
    password: str | None = None

    @property
    def at_google(self) -> bool:
        return self.password is None


#: The company's people, who have accounts at Google as well; their mail is in nobody's mailbox here.
STAFF = (
    ("alice@company.example", "Alice Agent"),
    ("bob@company.example", "Bob Supervisor"),
    ("charlie@company.example", "Charlie Colleague"),
)
COMPANY_MAILBOXES = (
    CompanyMailbox("support@company.example", "Support", "rehearsal"),
    CompanyMailbox("billing@company.example", "Billing", "rehearsal"),
    CompanyMailbox("mailbox.email@company.com", "Company mailbox"),
    CompanyMailbox("returns@company.com", "Returns"),
)
