"""“Test connection” of a sender: name, TCP, TLS, token, login, MAIL FROM, rights, policy. Sends nothing."""

from collections.abc import Callable
from typing import Literal

from mailcore.writing import ComposeError, wire_email
from mailsenders import abilities, background, connections, sending
from mailsenders.answers import Answer, Phase, classify
from mailsenders.models import EmailSender
from mailsenders.smtp import Line, Refused, Server, SmtpError
from sso import ladder, secrets
from sso.causes import named
from sso.ladder import SignIn
from sso.oauth import SignInError
from sso.steps import Place, Step, StepFailed, reach, timed

MODES: dict[str, Literal["tls", "starttls", "none"]] = {"STARTTLS": "starttls", "SSL": "tls", "NONE": "none"}


NO_TLS = "none: password and mail travel in clear text, readable by anyone on the way"


def test_connection(sender: EmailSender) -> list[Step]:
    """Climb the ladder with a sender, saved or not; when a step fails, it is the last one."""
    server = Server.of(sender)
    steps = reach(Place(server.host, server.port, "SMTP", MODES[server.server_type]))
    if steps[-1].ok and server.server_type == EmailSender.ServerType.NONE:
        steps.append(timed("TLS", lambda: NO_TLS))
    sign_in = sign_in_of(sender)
    token = ladder.token_step(sign_in) if steps[-1].ok and server.username else None
    steps += [token] if token else []
    if not steps[-1].ok:
        return steps
    lines: list[Line] = []
    steps.append(ladder.explained(timed("Login", lambda: _sign_in(sender, server, lines)), sign_in))
    try:
        if steps[-1].ok:
            steps.append(timed("MAIL\u00a0FROM", lambda: _name_sender(sender, lines[0])))
        if steps[-1].ok:
            steps.append(timed("Rights", lambda: _write_to_itself(sender, lines[0])))
    finally:
        for line in lines:
            connections.close(line)
    if steps[-1].ok:
        steps.append(ladder.policy_step(ladder.policy_notes(sign_in)))
    return steps


def sign_in_of(sender: EmailSender) -> SignIn:
    """Who signs in where."""
    return SignIn("SMTP", sender.server_address, sender.service_port, sender.username, sender.password)


def _worded(sender: EmailSender, work: Callable[[], None]) -> None:
    try:
        work()
    except SignInError as error:
        raise StepFailed(error.sentence, error.cause) from error
    except ComposeError as error:
        raise StepFailed(str(error), named("send_as")) from error
    except SmtpError as error:
        raise StepFailed(sending.why_not(sender, error)[0], named(sending.cause_of(error))) from error


def _sign_in(sender: EmailSender, server: Server, lines: list[Line]) -> str:
    def connect() -> None:
        line = connections.connect(server)
        lines.append(line)
        if sender.pk:
            abilities.note(sender.pk, line)

    _worded(sender, connect)
    if not server.username:
        return "the server takes mail without a sign-in"
    return f"signed in as {server.username}, {secrets.describe(server.password)}"


def _name_sender(sender: EmailSender, line: Line) -> str:
    _worded(sender, lambda: background.run(line.try_sender(wire_email(sender.email_address))))
    size = line.largest_mail()
    limit = f"; it takes mails of up to {size / 1_000_000:.0f} MB" if size else ""
    return f"the server lets {sender.email_address} send{limit}"


def _write_to_itself(sender: EmailSender, line: Line) -> str:
    """Many servers look only at the first recipient whether the login may send as the address."""
    address = wire_email(sender.email_address)
    refusals: list[Answer] = []

    def ask() -> None:
        refused = background.run(line.try_recipient(address, address))
        if refused is not None and classify(refused, Phase.RCPT).name == "send_as":
            raise Refused(Phase.RCPT, refused)
        refusals.extend([refused] if refused else [])

    _worded(sender, ask)
    if refusals:
        return f"it may send as {sender.email_address}, but takes no mail for it ({refusals[0]})"
    return f"it may send as {sender.email_address}; some servers look again at each mail"
