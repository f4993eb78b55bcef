"""What mail rules want done with a mail, done while it comes in; each of it is told in the history.

Which rules hold is decided above, by `mailcore.rule_engine`; here rows are written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from agents.models import Skill
from agents.skillwords import demand_words
from crm.models import Contact
from mailcore.parsed import ParsedMail
from mailcore.rule_engine import Decision, Effect
from mailcore.rule_terms import Do
from mailstore.batch import flush, note, noted, write
from mailstore.models import RawMail
from queues import matching, nudges, passed_on, states
from queues.history import Kind, note_event
from queues.matching import Match
from queues.models import Conversation, ConversationSkill, EmailQueue, EscalationStep, Message, Tag

State = Conversation.State
CERTAIN = 1.0


@dataclass(frozen=True, slots=True)
class Ruled:
    """Where a mail belongs, and what rules want done with it.

    :param may_forward: not what lay in the mailbox before we came.
    """

    match: Match = field(default_factory=Match)
    decision: Decision = field(default_factory=Decision)
    may_forward: bool = False

    @property
    def language(self) -> str:
        """The language that a rule says it is written in; "" when none does."""
        effect = self.decision.first(Do.LANGUAGE)
        return effect.action.text if effect else ""

    @property
    def priority(self) -> int | None:
        """The priority that a rule sets."""
        effect = self.decision.first(Do.PRIORITY)
        return effect.action.number if effect else None

    @property
    def demands(self) -> bool:
        """Whether skills are demanded."""
        return self.decision.first(Do.SKILL) is not None

    @property
    def is_acknowledged(self) -> bool:
        """Whether an acknowledgement may be sent."""
        effect = self.decision.first(Do.ACKNOWLEDGE)
        return effect is None or bool(effect.action.number)

    @property
    def held(self) -> str:
        """Why it is held; "" when no rule says so."""
        effect = self.decision.first(Do.HOLD)
        return f"The rule “{effect.rule.name}” holds it until somebody lets it go." if effect else ""


def discarded(decision: Decision) -> str:
    """Why a mail is discarded, for the ledger; "" when it isn't."""
    effect = decision.first(Do.DISCARD)
    return f"The rule “{effect.rule.name}” discarded it; its bytes are kept." if effect else ""


def place(ruled: Ruled, queue: EmailQueue, mail: ParsedMail, raw: RawMail) -> tuple[EmailQueue, Match]:
    """The queue that a first mail is put into, and where in it it belongs."""
    wanted = ruled.decision.queue
    if wanted is None or wanted == queue.pk:
        return queue, ruled.match
    there = _queue(wanted)
    return there, matching.find(there, mail, raw)


def _queue(pk: int) -> EmailQueue:
    topic = f"queues.ruled: queue {pk}"
    known: EmailQueue | None = noted(topic)
    if known is None:
        known = EmailQueue.objects.select_related("sender", "calendar").get(pk=pk)
        note(topic, known)
    return known


def on_new(ruled: Ruled, conversation: Conversation, message: Message, mail: ParsedMail) -> None:
    """Do with a new conversation what is not done by opening it, and tell all of it."""
    for effect in ruled.decision.effects:
        if effect.action.do is Do.SKILL:
            _demand(conversation, effect, is_new=True)
        elif effect.action.do is Do.TAG:
            _tag(conversation, effect)
        _tell(conversation, message, effect)
    _pass_on(ruled, conversation, message, mail)


def on_answer(ruled: Ruled, conversation: Conversation, message: Message, mail: ParsedMail) -> None:
    """Do it with the conversation that the mail has joined."""
    effects = ruled.decision.effects
    if not effects:
        return
    flush(f"conversation {conversation.pk}")
    for effect in effects:
        if _ON_ANSWER[effect.action.do](conversation, effect):
            _tell(conversation, message, effect)
    _pass_on(ruled, conversation, message, mail)


def move(ruled: Ruled, conversation: Conversation, message: Message, now: datetime) -> None:
    """Move an answered conversation to another queue, if a rule for answers says so and it is our turn."""
    effect = ruled.decision.first(Do.QUEUE)
    if effect is None or conversation.queue_id == effect.action.target:
        return
    if conversation.state not in (State.WAITING, State.ASSIGNED):
        return
    flush()
    owner = conversation.agent if conversation.state == State.ASSIGNED else None
    states.move(conversation, _queue(effect.action.target), now)
    _say(conversation, message, effect, f"put it into {conversation.queue}.")
    nudges.waits(conversation)
    if owner is not None:
        nudges.freed(owner)


def _demand(conversation: Conversation, effect: Effect, *, is_new: bool = False) -> bool:
    skill, level = effect.action.target, effect.action.number
    if is_new:
        write(
            ConversationSkill(conversation=conversation, skill_id=skill, level=level), ignore_conflicts=True
        )
        return True
    rows = ConversationSkill.objects.filter(conversation=conversation, skill=skill)
    if rows.filter(level__gte=level).exists():
        return False
    ConversationSkill.objects.update_or_create(
        conversation=conversation, skill_id=skill, defaults={"level": level}
    )
    conversation.kind = None
    states.save(conversation, ["kind"])
    return True


def _tag(conversation: Conversation, effect: Effect) -> bool:
    through = Tag.conversations.through
    write(through(tag_id=effect.action.target, conversation_id=conversation.pk), ignore_conflicts=True)
    return True


def _tag_again(conversation: Conversation, effect: Effect) -> bool:
    if conversation.tags.filter(pk=effect.action.target).exists():
        return False
    return _tag(conversation, effect)


def _prioritise(conversation: Conversation, effect: Effect) -> bool:
    if conversation.priority == effect.action.number:
        return False
    if _is_of_contact(conversation):
        return False
    if _was_chosen(conversation, by_person=Kind.CONTACT_PRIORITY, by_step=Kind.ESCALATED):
        return False
    conversation.priority = effect.action.number
    states.save(conversation, ["priority"])
    return True


def _is_of_contact(conversation: Conversation) -> bool:
    """Whether it is as urgent as somebody, or the CRM, has said that all mail of its contact is."""
    said = conversation.contact.priority
    return said != Contact.Priority.NONE and said == conversation.priority


def _was_chosen(conversation: Conversation, *, by_person: Kind, by_step: Kind | None = None) -> bool:
    """Whether a person, or a step of the queue, has set this since the conversation was closed last.

    A rule sees one mail. Who knows better has said so once, and must not say it again after each answer.
    """
    rows = conversation.events.all()
    closed = rows.filter(kind=Kind.CLOSED).order_by("-pk").values_list("pk", flat=True).first() or 0
    chosen = Q(kind=by_person, user__isnull=False)
    if by_step is not None:
        chosen |= Q(kind=by_step, data__act=EscalationStep.Act.PRIORITY)
    return rows.filter(chosen, pk__gt=closed).exists()


def _say_language(conversation: Conversation, effect: Effect) -> bool:
    if conversation.language == effect.action.text:
        return False
    if _was_chosen(conversation, by_person=Kind.LANGUAGE):
        return False
    conversation.language, conversation.language_confidence = effect.action.text, CERTAIN
    conversation.kind = None
    states.save(conversation, ["language", "language_confidence", "kind"])
    return True


def _nothing(conversation: Conversation, effect: Effect) -> bool:
    return False


_ON_ANSWER: Mapping[Do, Callable[[Conversation, Effect], bool]] = {
    **dict.fromkeys(Do, _nothing),
    Do.PRIORITY: _prioritise,
    Do.TAG: _tag_again,
    Do.SKILL: _demand,
    Do.LANGUAGE: _say_language,
}


def _tell(conversation: Conversation, message: Message, effect: Effect) -> None:
    told = _told(conversation, effect)
    if told:
        _say(conversation, message, effect, told)


def _told(conversation: Conversation, effect: Effect) -> str:
    action = effect.action
    match action.do:
        case Do.QUEUE:
            return f"put it into {conversation.queue}."
        case Do.PRIORITY:
            return f"set its priority to {Conversation.Priority(action.number).label.lower()}."
        case Do.TAG:
            return f"put on “{_name(Tag, action.target)}”."
        case Do.SKILL:
            return f"demands {demand_words(_name(Skill, action.target), action.number)} for it."
        case Do.LANGUAGE:
            return f"says that it is written in {action.text}."
        case Do.ACKNOWLEDGE:
            return "" if action.number else "wants no acknowledgement to be sent."
        case _:
            return ""


def _name(model: type[Tag] | type[Skill], pk: int) -> str:
    topic = f"queues.ruled: name of {model.__name__} {pk}"
    known: str | None = noted(topic)
    if known is None:
        known = model._default_manager.values_list("name", flat=True).get(pk=pk)
        note(topic, known)
    return known


def _say(conversation: Conversation, message: Message, effect: Effect, told: str) -> None:
    data = {"rule": effect.rule.id, "message": message.pk, "do": effect.action.do}
    sentence = f"The rule “{effect.rule.name}” {told}"
    note_event(conversation, Kind.RULED, sentence, data=data)


def _pass_on(ruled: Ruled, conversation: Conversation, message: Message, mail: ParsedMail) -> None:
    if ruled.may_forward:
        for effect in ruled.decision.all(Do.FORWARD):
            _say(
                conversation, message, effect, passed_on.told(conversation, message, mail, effect.action.text)
            )
