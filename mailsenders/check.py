"""“Test connection” of a sender: name, TCP, TLS, login, MAIL FROM. Sends nothing."""

from typing import Literal

from mailcore.writing import ComposeError, wire_email
from mailsenders import abilities, background, connections
from mailsenders.models import EmailSender
from mailsenders.sending import why_not
from mailsenders.smtp import Line, Server, SmtpError
from sso import secrets
from sso.oauth import SignInError
from sso.steps import Place, Step, StepFailed, reach, timed

MODES: dict[str, Literal["tls", "starttls", "none"]] = {"STARTTLS": "starttls", "SSL": "tls", "NONE": "none"}


def test_connection(sender: EmailSender) -> list[Step]:
    """Climb the ladder with a sender, saved or not; when a step fails, it is the last one."""
    server = Server.of(sender)
    steps = reach(Place(server.host, server.port, "SMTP", MODES[server.server_type]))
    if not steps[-1].ok:
        return steps
    lines: list[Line] = []
    steps.append(timed("Login", lambda: _sign_in(sender, server, lines)))
    try:
        if steps[-1].ok:
            steps.append(timed("MAIL\u00a0FROM", lambda: _name_sender(sender, lines[0])))
    finally:
        for line in lines:
            connections.close(line)
    return steps


def _sign_in(sender: EmailSender, server: Server, lines: list[Line]) -> str:
    try:
        line = connections.connect(server)
        lines.append(line)
        if sender.pk:
            abilities.note(sender.pk, line)
    except SignInError as error:
        raise StepFailed(error.sentence) from error
    except SmtpError as error:
        raise StepFailed(why_not(sender, error)[0]) from error
    if not server.username:
        return "the server takes mail without a sign-in"
    return f"signed in as {server.username}, {secrets.describe(server.password)}"


def _name_sender(sender: EmailSender, line: Line) -> str:
    try:
        background.run(line.try_sender(wire_email(sender.email_address)))
    except ComposeError as error:
        raise StepFailed(str(error)) from error
    except SmtpError as error:
        raise StepFailed(why_not(sender, error)[0]) from error
    size = line.largest_mail()
    limit = f"; it takes mails of up to {size / 1_000_000:.0f} MB" if size else ""
    return f"the server lets {sender.email_address} send{limit}"
