"""“Test connection” of a forwarding source: has it an address, does the intake listen and take it?

Whether the provider forwards is another question, which “Test forwarding” answers with a mail.
"""

import smtplib
import socket

from django.conf import settings

from mailsources import addressing
from mailsources.listeners import Listener
from mailsources.models import EmailSource
from mailstore.workers import INTAKE, worker_states
from sso import causes
from sso.badges import moment
from sso.causes import named
from sso.steps import Step, StepFailed, timed

SECONDS = 10
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to be called, not to be listened on


def test_forwarding(source: EmailSource) -> list[Step]:
    """The steps; when one fails, it is the last."""
    steps = [timed("Address", lambda: _address(source))]
    for name, work in (("Intake", _intake), ("Recipient", lambda: _recipient(source))):
        if steps[-1].ok:
            steps.append(timed(name, work))
    if steps[-1].ok:
        steps.append(timed("Mail", lambda: _mail(source)))
    return steps


def _address(source: EmailSource) -> str:
    if not settings.INBOUND_DOMAIN:
        raise StepFailed(addressing.NO_DOMAIN, named("forwarding_domain"))
    if not source.address:
        return f"its address at {settings.INBOUND_DOMAIN} is made when you click Insert"
    return f"{source.address} stands for {source.public_address}"


def _intake() -> str:
    """Some process, perhaps on another machine, has said lately that it takes mail."""
    if not all(row.alive for row in worker_states((INTAKE,))):
        raise StepFailed(str(causes.tables("policy")["intake_silent"]["sentence"]), named("intake_silent"))
    return "a process takes forwarded mail"


def _recipient(source: EmailSource) -> str:
    """Ask the first listener that is reachable from here, as a mail server would, and take it back."""
    if not source.address or not source.pk:
        return "asked when the source is saved"
    if not source.is_active:
        return "it is taken as soon as the source is active"
    for listener in settings.INTAKE_BIND:
        try:
            code, said = _ask(listener, source.address)
        except (OSError, smtplib.SMTPException):
            continue
        if code != 250:
            text = f"{code} {said.decode(errors='replace')}"
            raise StepFailed(
                f"The intake at {listener} does not take {source.address} ({text[:200]}): is it active?"
            )
        return f"{listener} takes it"
    return "the intake listens on another machine, so it was not asked from here"


def _ask(listener: Listener, address: str) -> tuple[int, bytes]:
    with _line(listener) as line:
        line.ehlo_or_helo_if_needed()
        line.mail("")
        answer = line.rcpt(address)
        line.rset()
        return answer


def _line(listener: Listener) -> smtplib.SMTP:
    if listener.path:
        line: smtplib.SMTP = smtplib.LMTP(listener.path, 0, timeout=SECONDS)
        return line
    host = ANYWHERE.get(listener.host, listener.host)
    kind = smtplib.LMTP if listener.is_lmtp else smtplib.SMTP
    return kind(host, listener.port, local_hostname=socket.gethostname() or "localhost", timeout=SECONDS)


def _mail(source: EmailSource) -> str:
    if not source.pk:
        return "none yet"
    waiting = source.confirmations.first()
    last = source.state.last_mail_at
    if last:
        return f"the last mail came {moment(last)}"
    if waiting:
        return f"none yet; {waiting.provider} asks to confirm the forwarding, see the page of the source"
    return "none yet: have the provider forward, then click “Test forwarding” on the page of the source"
