"""The JSON shapes of the API: what programs rely on."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import StringConstraints

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""A text that is looked up as it is: PostgreSQL has no NUL."""

CONTENT_ID = r"^([A-Za-z0-9._-]+@[A-Za-z0-9.-]+)?$"
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""The id of a row."""


class Person(Schema):
    """A name and an e-mail address."""

    name: str
    email: str


class ConversationOut(Schema):
    """A conversation as lists and detail show it."""

    id: int
    number: int
    subject: str
    state: str
    queue: str
    contact: Person
    contact_id: int
    agent: str | None
    language: str
    language_confidence: float
    skills: dict[str, int | bool]
    tags: list[str]
    priority: str
    due_at: datetime | None
    created_at: datetime
    last_message_at: datetime
    messages_count: int
    snoozed_until: datetime | None


class AttachmentOut(Schema):
    """A file of a message; `url` gives its bytes."""

    id: int
    name: str
    type: str
    size: int
    inline: bool
    scan: str = Field("", description="By the virus scanner: clean, infected, waiting, too_large or empty.")
    virus: str = ""
    url: str


class InvitationOut(Schema):
    """An appointment in a calendar part of a mail.

    `starts` and `ends` are ISO 8601 in the calendar's own zone, dates alone for whole days; then `ends` is
    the first day after. `method` is REQUEST, CANCEL, REPLY…; `answer` what a REPLY says.
    """

    method: str
    summary: str
    starts: str
    ends: str
    zone: str
    repeats: str
    location: str
    description: str
    organiser: Person
    attendees: list[Person]
    answer: str
    uid: str


class RecipientOut(Schema):
    """What became of a reply for one recipient."""

    email: str
    state: str
    answer: str
    reason: str
    returned_at: datetime | None
    delay: str


class DeliveryOut(Schema):
    """What became of a reply."""

    state: str
    attempts: int
    last_answer: str
    last_error: str
    copy_state: str = Field(
        description="In the Sent folder: wanted, done, failed; empty when none is wanted."
    )
    folder_note: str = Field(description="What came of looking into the Sent folder.")
    next_attempt_at: datetime | None
    waits_for: str
    recipients: list[RecipientOut]


class MessageOut(Schema):
    """One mail of a conversation."""

    id: int
    direction: str
    state: str
    automatic: str
    sent_at: datetime
    from_: Person = Field(serialization_alias="from")
    to: list[Person]
    cc: list[Person]
    subject: str
    text: str
    html: str
    attachments: list[AttachmentOut]
    invitations: list[InvitationOut]
    protection: str = Field(description="signed or encrypted (S/MIME, PGP), not checked; empty for neither.")
    outside: bool = Field(description="Between us and somebody who was asked; the customer never sees it.")
    message_id: str
    in_reply_to: str
    defects: list[str]
    agent: str | None
    delivery: DeliveryOut | None


class NoteOut(Schema):
    """An internal note."""

    id: int
    user: str | None
    text: str
    audience: str = Field(
        description="all, or holder: a whisper that only who holds the conversation and supervisors read."
    )
    mentions: list[str] = Field(description="User names of who is mentioned.")
    created_at: datetime


class HistoryOut(Schema):
    """One line of the history; `conversation` is the id of another one that it is about.

    If the key may not see that one, it is null, and the sentence names no number and no subject of it.
    """

    kind: str
    user: str | None
    sentence: str
    at: datetime
    conversation: int | None


class SiblingOut(Schema):
    """Another conversation that has the same mail; all but the queue is null if the key may not see it."""

    queue: str
    id: int | None
    number: int | None
    state: str | None
    agent: str | None


class TimedOut(Schema):
    """An answer that waits: for its time, or, if somebody wrote meanwhile, for a person."""

    id: int
    agent: str
    send_at: datetime | None
    held_why: str
    to: list[str]
    cc: list[str]
    text: str
    outside: bool


class RecipientsOut(Schema):
    """Who would get an answer, and from whom."""

    from_: Person = Field(serialization_alias="from")
    to: list[Person]
    cc: list[Person]
    warning: str


class ReturnedOut(Schema):
    """An address of an answer that did not take our last mail."""

    email: str
    at: datetime
    reason: str
    sentence: str


class ConversationDetail(ConversationOut):
    """A conversation with all that was said and done."""

    messages: list[MessageOut]
    notes: list[NoteOut]
    events: list[HistoryOut]
    returned: list[ReturnedOut] = Field(description="Of those who would get an answer.")
    siblings: list[SiblingOut]
    timed: list[TimedOut]
    following: bool = Field(description="Whether the key's user is told of what happens to it.")


class ConversationPage(Schema):
    """A page of conversations; `next` is the address of the following one."""

    results: list[ConversationOut]
    next: str | None


class ConversationFilter(Schema):
    """Which conversations; all filters that are given must hold."""

    queue: Text = Field("", description="Name of the queue.")
    state: Text = Field("", description="waiting, assigned, pending, snoozed, held or closed.")
    agent: Text = Field("", description="Username of the agent who has it.")
    contact: Text = Field("", description="Address or id of the contact.")
    tag: Text = Field("", description="Name of a tag.")
    mentioned: bool = Field(False, description="Only those with a note that mentions the key's user.")
    text: Text = Field("", description="A search as in the desk: words, “phrases”, operators, or a number.")
    limit: int = Field(50, ge=1, le=200)
    cursor: str = Field("", description="Comes with “next”; follow that as it is.")


class ObjectPage(Schema):
    """A page of plain objects."""

    results: list[dict[str, Any]]
    next: str | None


class FileIn(Schema):
    """A file to send; `content` is base64."""

    name: str = Field(min_length=1, max_length=300)
    type: str = "application/octet-stream"
    content: str
    content_id: str = Field(
        "", max_length=100, pattern=CONTENT_ID, description="Of a picture that the html shows as cid:…."
    )


class ReplyIn(Schema):
    """A reply; recipients that are left out are those of a plain answer to the last mail."""

    text: str = Field(min_length=1)
    html: str = ""
    to: list[str] = []
    cc: list[str] = []
    attachments: list[FileIn] = []
    close: bool = False
    mode: Literal["reply", "all"] = Field("all", description="Whom it goes to if `to` is left out.")
    undo: int | None = Field(None, ge=0, le=3600, description="Seconds in which it can be taken back.")


class AnswerIn(ReplyIn):
    """A reply to a conversation, now or later."""

    send_at: datetime | None = Field(None, description="When it is to leave, with its time zone.")


class ForwardIn(Schema):
    """A message for somebody who is not the customer."""

    to: list[str] = []
    cc: list[str] = []
    text: str = ""
    attachments: list[FileIn] = []
    enclosed: list[Id] = Field([], description="Ids of the message's own attachments that go along.")
    undo: int | None = Field(None, ge=0, le=3600, description="Seconds in which it can be taken back.")


class ConversationIn(ReplyIn):
    """A new conversation that begins with a mail from us."""

    queue: Text
    subject: str = Field(min_length=1, max_length=900)
    to: list[str] = Field(min_length=1)


class TagsIn(Schema):
    """Tags to put on and to take off, by name."""

    add: list[Text] = Field([], max_length=30)
    remove: list[Text] = Field([], max_length=30)


class NoteIn(Schema):
    """A note for colleagues; “@alice” in it mentions her, if she may read it."""

    text: str = Field(min_length=1)
    audience: Literal["all", "holder"] = Field("all", description="holder: a supervisor's whisper.")


class TakeIn(Schema):
    """Whether to take it from a colleague."""

    take_over: bool = False


class ReleaseIn(Schema):
    """A note for the colleagues there."""

    note: str = ""


class FollowIn(Schema):
    """Whether to be told of what happens."""

    follows: bool = True


class AssignIn(Schema):
    """Who is to have it, and a note for them."""

    agent: Text
    note: str = ""


class MergeIn(Schema):
    """The id of the conversation that is to have everything."""

    into: Id


class SplitIn(Schema):
    """The ids of the messages that are to be a conversation of their own."""

    messages: list[Id] = Field(min_length=1)
    subject: Text = Field(
        "", max_length=900, description="Of the new one; that of its first mail if left out."
    )


class MoveIn(Schema):
    """The id of the conversation that is to have the message."""

    to: Id


class TransferIn(Schema):
    """Where it is to go."""

    queue: Text
    note: str = ""


class DemandIn(Schema):
    """Skills that a conversation demands beyond its queue; {} for none.

    A level of 1 to 5, true for a yes/no skill, or the word of a choice.
    """

    skills: dict[str, int | bool | str]


class SnoozeIn(Schema):
    """Until when it sleeps."""

    until: datetime
