"""Look and ☰ menu of the administration; read by the settings, so nothing of Django's admin is imported."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static


@dataclass(frozen=True)
class Entry:
    """A line of the menu: `model` as app.Model, `icon` of Material Symbols, `purpose` for the first page.

    `page`: the name of another page than the model's list, for who may see the model.
    """

    title: str
    model: str
    icon: str
    purpose: str
    page: str = ""


MENU: dict[str, list[Entry]] = {
    "☰ System": [
        Entry("SSO providers", "sso.SSOProvider", "key", "Sign-ins whose tokens open mailboxes"),
        Entry("Token servers", "sso.TokenServer", "dns", "Other servers whose tokens may be used"),
        Entry("Users", "auth.User", "person", "Who may sign in here"),
        Entry("Groups", "auth.Group", "group", "Rights that users share"),
        Entry("Sign-in rules", "staff.SignInRules", "shield_person", "What is demanded of who signs in"),
        Entry("API keys", "api.APIKey", "vpn_key", "Programs that act for a user"),
        Entry("API clients", "api.APIClient", "lan", "Programs that get their keys by themselves"),
        Entry("Webhooks", "webhooks.Webhook", "webhook", "Systems outside that are told what happens"),
        Entry(
            "CRM connections",
            "webhooks.CrmConnection",
            "sync_alt",
            "Systems that keep a record of each mail",
        ),
        Entry("Alarms", "alarms.Alarm", "notifications", "What needs a person, and which sign-in ends when"),
        Entry(
            "Communication log", "sso.ConnectionLog", "cable", "What was said to mail servers and providers"
        ),
        Entry("Privacy", "privacy.Erasure", "person_off", "Erase or export a person; how long mail is kept"),
        Entry("Audit log", "audit.AuditRow", "history", "Who did what, when and from where"),
    ],
    "☰ Messaging": [
        Entry("Email queues", "queues.EmailQueue", "inbox", "Where conversations wait for agents"),
        Entry("Email sources", "mailsources.EmailSource", "move_to_inbox", "Mailboxes whose mail comes in"),
        Entry("Email senders", "mailsenders.EmailSender", "outgoing_mail", "Addresses that answer"),
        Entry("Mail rules", "mailsources.RuleList", "rule", "What is done with which mail, and a lab for it"),
        Entry("Agents", "agents.Agent", "support_agent", "Who answers, and what they can do"),
        Entry(
            "Calendars", "agents.Calendar", "calendar_month", "Opening hours and holidays that queues share"
        ),
        Entry("Skills", "agents.Skill", "psychology", "What queues demand and agents offer"),
        Entry("Languages", "agents.Language", "translate", "What agents write and customers speak"),
        Entry("Away reasons", "agents.AwayReason", "coffee", "Why agents may be away"),
        Entry("Tags", "queues.Tag", "sell", "What conversations are marked with"),
        Entry("Snippets", "queues.Snippet", "short_text", "Texts to insert while writing"),
        Entry("Macros", "queues.Macro", "bolt", "Answers and what happens with them, at once"),
        Entry("Contacts", "crm.Contact", "contacts", "Who wrote, and all mail with them"),
        Entry("Organisations", "crm.Organisation", "domain", "Firms that contacts belong to"),
        Entry(
            "Contact fields", "crm.ContactField", "dynamic_form", "What else is known of contacts and firms"
        ),
        Entry("CRM links", "crm.CrmLink", "open_in_new", "From a contact to its page in another system"),
        Entry("Conversations", "queues.Conversation", "forum", "All matters, in every state"),
        Entry("Fetched mail", "mailsources.FetchedMail", "download", "The ledger of what mailboxes showed"),
        Entry("Outgoing mail", "mailsenders.OutgoingMail", "upload", "What leaves, and how far it got"),
        Entry("Moving in", "movein.Move", "drive_file_move", "Old mail from files and other systems"),
        Entry(
            "Mail trace", "mailsources.FetchedMail", "route", "Each step of one mail, in order", page="trace"
        ),
    ],
}


def file(name: str) -> Callable[[HttpRequest], str]:
    """The address of a static file, asked for when a page is made."""

    def address(request: HttpRequest) -> str:
        return static(name)

    return address


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "UCS Email",
    "SITE_HEADER": "UCS Email",
    "SITE_SUBHEADER": "Administration",
    "SITE_URL": "/",
    "SITE_ICON": file("desk/mark.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": file("desk/mark.svg")}],
    "SHOW_BACK_BUTTON": False,
    "BORDER_RADIUS": "7px",
    "STYLES": [file("admin_look.css")],
    "SCRIPTS": [file("admin_theme.js"), file("admin_forms.js")],
    "SIDEBAR": {"navigation": "ucs.sidebar.sidebar", "show_search": False, "show_all_applications": False},
    "ACCOUNT": {
        "navigation": [{"title": "Agent desk", "link": "/"}, {"title": "Account", "link": "/account/"}]
    },
    "COLORS": {
        "base": {
            "50": "#f6f7f9",
            "100": "#eef0f4",
            "200": "#e1e4ea",
            "300": "#c9ced8",
            "400": "#939cab",
            "500": "#667082",
            "600": "#4a5263",
            "700": "#353d4b",
            "800": "#232a34",
            "900": "#161b21",
            "950": "#0e1216",
        },
        "primary": {
            "50": "#f1f3fd",
            "100": "#e4e8fb",
            "200": "#cbd2f7",
            "300": "#a9b4f1",
            "400": "#8492ea",
            "500": "#6475e0",
            "600": "#3149c4",
            "700": "#2a3fae",
            "800": "#233389",
            "900": "#1e2b6c",
            "950": "#131b45",
        },
    },
}
