"""What answers look like, as a settings file says it."""

from pathlib import Path

import pytest

from agents.models import Agent
from mailsenders.models import EmailSender
from mailsources.models import EmailSource, SentFolder
from queues.models import AcknowledgementText, EmailQueue
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export

pytestmark = pytest.mark.django_db

FILE = """\
languages: [cs, de]
agents:
  - {username: alice, signature: "{{ agent.name }}"}
senders:
  - {name: out, server_type: STARTTLS, server_address: smtp.example.com, email_address: support@example.com,
     aliases: [sales@example.com, "@example.net"]}
queues:
  - name: Support
    sender: out
    from_name: both
    quoted: thread
    undo: 30
    signature: "{{ agent.signature }}"
    acknowledgement: We have got it.
    acknowledgement_outside_hours: We are closed.
    acknowledgements: {cs: "Máme to: {{ conversation.number }}.", de: "Ist da."}
    acknowledgements_outside_hours: {cs: "Máme zavřeno."}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "settings.yml"
    file.write_text(FILE)
    return file


def test_there_and_back(path: Path) -> None:
    apply_file(path)
    queue = EmailQueue.objects.get()
    assert (queue.from_name, queue.quoted, queue.undo_seconds) == ("both", "thread", 30)
    assert queue.acknowledgement_outside == "We are closed."
    texts = AcknowledgementText.objects.order_by("language")
    assert [(each.language_id, each.text, each.outside_text) for each in texts] == [
        ("cs", "Máme to: {{ conversation.number }}.", "Máme zavřeno."),
        ("de", "Ist da.", ""),
    ]
    assert EmailSender.objects.get().aliases.split() == ["sales@example.com", "@example.net"]
    assert Agent.objects.get().signature == "{{ agent.name }}"
    path.write_text(export())
    assert apply_file(path).lines == []


SENT = """\
senders:
  - {name: out, server_type: STARTTLS, server_address: smtp.example.com, email_address: support@example.com,
     return_path: plus, sent_copy: all, sent_mailbox: box}
queues:
  - {name: Support, sender: out}
sources:
  - {name: box, server_type: IMAP, server_address: imap.example.com, username: support, password: x,
     queue: Support}
  - {name: pop, server_type: POP3, server_address: pop.example.com, username: other, password: x,
     queue: Support}
"""


def test_the_mailbox_of_the_sent_folder_and_the_return_path(path: Path) -> None:
    """A sender names a source that stands below it."""
    path.write_text(SENT)
    apply_file(path)
    sender, box = EmailSender.objects.get(), EmailSource.objects.get(name="box")
    assert sender.return_path == "plus"
    assert SentFolder.objects.get(sender=sender).source == box
    assert apply_file(path).lines == []
    path.write_text(SENT.replace(", sent_mailbox: box", ""))  # what isn't said stays
    assert apply_file(path).lines == []
    exported = export()
    assert "sent_mailbox: box" in exported
    assert "return_path: plus" in exported
    path.write_text(SENT.replace("sent_mailbox: box", "sent_mailbox: ''"))
    assert apply_file(path).lines == ["changed Sent folder of out: mailbox: none"]
    assert SentFolder.objects.get().source is None


@pytest.mark.parametrize(
    ("name", "words"), [("pop", "no IMAP mailbox"), ("bag", "there is no email source “bag”")]
)
def test_a_sent_folder_that_cannot_be(path: Path, name: str, words: str) -> None:
    path.write_text(SENT.replace("sent_mailbox: box", f"sent_mailbox: {name}"))
    with pytest.raises(BadFile, match=f":2: .*{words}|:3: .*{words}"):
        apply_file(path)
    assert not EmailSource.objects.exists()


def test_a_language_that_is_left_out_is_taken_away(path: Path) -> None:
    apply_file(path)
    path.write_text(FILE.replace(', de: "Ist da."', ""))
    assert any("acknowledgement de" in line for line in apply_file(path).lines)
    assert AcknowledgementText.objects.get().language_id == "cs"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("{{ agent.signature }}", "{{ agent.password }}", "“{{ agent.password }}” is not known"),
        ("Máme to: {{ conversation.number }}.", "{{ agent.name }}", "“{{ agent.name }}” is not known"),
        ("sales@example.com", "sales", "“sales” is neither an address nor a domain"),
        ("from_name: both", "from_name: nobody", "from_name"),
        ('cs: "Máme zavřeno."', 'fr: "Fermé."', "add it under languages"),
        ("undo: 30", "undo: 9999", "undo"),
    ],
)
def test_what_is_wrong_is_said(path: Path, before: str, after: str, words: str) -> None:
    assert before in FILE
    path.write_text(FILE.replace(before, after))
    with pytest.raises(BadFile, match=words):
        apply_file(path)
    assert not EmailQueue.objects.exists()
