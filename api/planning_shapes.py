"""The JSON shapes of what programs of workforce planning write."""

from datetime import date, datetime
from typing import Literal

from ninja import Field, Schema

from api.shapes import Text

MOST_STEPS = 50


class PresenceIn(Schema):
    """Whether the caller is there."""

    presence: Literal["available", "away", "offline"]
    reason: Text = Field("", max_length=100, description="Why one is away, such as Lunch.")
    lease_seconds: int | None = Field(
        None, ge=30, le=604_800, description="Offline after so long unless said again; null for never."
    )


class PresenceOut(Schema):
    """Whether an agent counts as there; `until` is when the word of a program runs out."""

    presence: str
    reason: str
    by_program: bool
    until: datetime | None


class ShiftsIn(Schema):
    """The usual week of an agent, in the time zone of the agent."""

    shifts: Text = Field(max_length=500, description="Such as Mo-Fr 08:00-16:30; empty for no plan.")
    was: Text | None = Field(None, description="What it has to be now for this to be written.")


class AbsenceIn(Schema):
    """Days on which an agent is away, or works at other hours."""

    first_date: date
    last_date: date
    kind: Literal["holiday", "sick", "training", "changed", "other"] = "holiday"
    hours: Text = Field("", max_length=100, description="Worked instead, such as 08:00-12:00.")


class AbsenceOut(AbsenceIn):
    """An absence with its id."""

    id: int


class ShiftsOut(Schema):
    """The usual week as text and by day, and the absences from today on."""

    agent: str
    shifts: str
    time_zone: str | None
    days: dict[str, str]
    absences: list[AbsenceOut]


class StepIn(Schema):
    """A step of escalation: what a queue does by itself when an answer threatens to be late, or is."""

    when: Literal["used", "before", "after"] = Field(
        description="percent of the target used; minutes of opening hours before, or after it is due."
    )
    amount: int = Field(ge=0, le=100_000)
    act: Literal["priority", "members", "supervisor", "move", "note"]
    to_queue: Text = Field("", description="For “move”.")
    text: Text = Field("", max_length=500, description="For “note”.")


class StepOut(StepIn):
    """A step with its id, and in words."""

    id: int
    sentence: str


class EscalationIn(Schema):
    """All steps that a queue is to have."""

    steps: list[StepIn] = Field(max_length=MOST_STEPS)


class EscalationOut(Schema):
    """The steps of a queue."""

    queue: str
    steps: list[StepOut]


class ContactPriorityIn(Schema):
    """How urgent new conversations with a contact are."""

    priority: Literal["none", "urgent", "high", "low"]


class ContactPriorityOut(Schema):
    """The same, with the contact."""

    contact_id: int
    priority: str
