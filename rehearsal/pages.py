"""The world's own pages: what it is, what to type where, and what the customers see.

They run in the web server's threads; whatever touches a mailbox is done in the world's event loop.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from rehearsal.customers.crowd import Crowd, Customer
from rehearsal.mail import forwarding
from rehearsal.mail.forwarding import Forwarder
from rehearsal.mail.imap import ImapHost
from rehearsal.people import COMPANY_MAILBOXES, GOOGLE_IMAP, GOOGLE_SMTP, CompanyMailbox

Result = TypeVar("Result")
PATIENCE = 10


@dataclass(frozen=True)
class Sight:
    """What the pages look at.

    :param host_of: where a company mailbox lives.
    :param product: the address of the program that is rehearsed, for the values to type.
    """

    crowd: Crowd
    host_of: Callable[[str], ImapHost]
    forwarder: Forwarder
    loop: asyncio.AbstractEventLoop
    product: str

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do something in the world's loop and wait for it.

        :raises TimeoutError: the world is busy or stopping.
        """
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def count(self, mailbox: CompanyMailbox) -> int:
        return self.run(self.host_of(mailbox.address).count(mailbox.address))

    def counts(self) -> dict[str, int]:
        """The numbers on the pages that change by themselves, by their place on the page."""
        numbers = {f"in:{one.address}": self.count(one) for one in COMPANY_MAILBOXES}
        numbers |= {"forwarder:in": self.forwarder.received, "forwarder:out": self.forwarder.forwarded}
        numbers |= {f"open:{address}": len(ids) for address, ids in self.crowd.unanswered.items()}
        return numbers | {f"mails:{who}": one.received for who, one in self.crowd.customers.items()}


def make_blueprint(sight: Sight) -> Blueprint:
    """The routes of the pages."""
    pages = Blueprint("world", __name__)
    _add_world(pages, sight)
    _add_forwarding(pages, sight)
    _add_customers(pages, sight)
    return pages


def _add_world(pages: Blueprint, sight: Sight) -> None:
    @pages.get("/")
    def world() -> str:
        return render_template(
            "world.html",
            mailboxes=COMPANY_MAILBOXES,
            counts=sight.counts(),
            languages=sight.crowd.library.languages,
            customers=_by_latest_mail(sight.crowd),
            told=request.args.get("told", ""),
            product=sight.product,
            google=_google_values(sight.product),
            forwarder=sight.forwarder,
            forwards=forwarding.ADDRESS,
        )

    @pages.get("/counts.json")
    def counts() -> Response:
        return jsonify(sight.counts())

    @pages.post("/send")
    def send() -> AnyResponse:
        mailbox, language = request.form.get("mailbox", ""), request.form.get("language", "")
        if mailbox not in sight.crowd.unanswered or language not in sight.crowd.library.languages:
            abort(400, "There is no such mailbox or language here.")
        mail = sight.run(sight.crowd.write_to(mailbox, language))
        told = f"{mail['From'].addresses[0].display_name} wrote to {mailbox}: {mail['Subject']}"
        return redirect(url_for("world.world", told=told))


def _add_forwarding(pages: Blueprint, sight: Sight) -> None:
    @pages.post("/forwarding")
    def forward() -> AnyResponse:
        target = request.form.get("target", "").strip()
        if not forwarding.is_address(target):
            abort(400, "Give one address to forward to: copy it from the page of the email source.")
        sight.run(sight.forwarder.ask(target))
        wrong = sight.forwarder.trouble
        told = f"The question could not be sent: {wrong}." if wrong else f"A code was sent to {target}."
        return redirect(url_for("world.world", told=told, _anchor="forwarding"))

    @pages.post("/forwarding/code")
    def confirm() -> AnyResponse:
        good = sight.forwarder.confirm(request.form.get("code", ""))
        told = f"{forwarding.ADDRESS} forwards from now on." if good else "That is not the code."
        return redirect(url_for("world.world", told=told, _anchor="forwarding"))

    @pages.post("/forwarding/send")
    def send_forwarded() -> AnyResponse:
        box, language = COMPANY_MAILBOXES[0].address, request.form.get("language", "")
        if language not in sight.crowd.library.languages:
            abort(400, "There is no such language here.")
        mail = sight.run(sight.crowd.write_to(box, language, forwarding.ADDRESS))
        told = f"{mail['From'].addresses[0].display_name} wrote to {forwarding.ADDRESS}: {mail['Subject']}"
        return redirect(url_for("world.world", told=told, _anchor="forwarding"))


def _add_customers(pages: Blueprint, sight: Sight) -> None:
    @pages.get("/customers/<address>")
    def customer(address: str) -> str:
        found = sight.crowd.customers.get(address)
        if found is None:
            abort(404, "There is no such customer here.")
        return render_template("customer.html", customer=found, mails=list(found.mails)[::-1])

    @pages.get("/customers/<address>/<int:number>.eml")
    def raw(address: str, number: int) -> Response:
        found = sight.crowd.customers.get(address)
        mails = [mail for mail in found.mails if mail.number == number] if found else []
        if not mails:
            abort(404, "There is no such mail here any more.")
        # As text, so that a browser shows the source and runs nothing.
        return Response(mails[0].raw, mimetype="text/plain", headers={"X-Content-Type-Options": "nosniff"})


def _by_latest_mail(crowd: Crowd) -> list[Customer]:
    """Who got an answer comes first, then who wrote; the silent ones last."""

    def rank(one: Customer) -> tuple[bool, float]:
        return one.received > 0, one.mails[-1].at.timestamp() if one.mails else 0.0

    return sorted(crowd.customers.values(), key=rank, reverse=True)


def _google_values(product: str) -> dict[str, list[tuple[str, str]]]:
    """The reference steps for a Google mailbox, dialog by dialog: label and value."""
    mailbox = next(one.address for one in COMPANY_MAILBOXES if one.at_google)
    token_url = f"{product}/api/v1.0/auth/token/2"  # 1 is the demo's own, with which people sign in
    return {
        "☰ System → SSO providers → + add SSO provider": [
            ("Type", "Google OAuth"),
            ("Client ID", "123456789-copiedClientId.apps.googleusercontent.com"),
            ("Client secret", "GABCDEF-copiedClientSecretFromGoogleCloudConsole"),
            ("Scope", "https://mail.google.com/"),
        ],
        "☰ Messaging → Email sources → + add email source": [
            ("Server type", "IMAP"),
            ("Server address", GOOGLE_IMAP),
            ("Service port", "993"),
            ("Use SSL connection", "☑"),
            ("Username", mailbox),
            ("Password", token_url),
            ("Queue", "Google mailbox"),
        ],
        "☰ Messaging → Email senders → + add email sender": [
            ("Server type", "STARTTLS"),
            ("Server address", GOOGLE_SMTP),
            ("Service port", "587"),
            ("Sender username", mailbox),
            ("Sender password", token_url),
            ("Sender e-mail address", mailbox),
        ],
    }
