"""What an action answers when it can't be done: a sentence for the agent."""

from queues.models import Message


class ActionRefused(Exception):
    """Nothing was changed; `sentence` says why, and what can be done."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


class NewMailArrived(ActionRefused):
    """The customer has written since the agent began; sending again with `message.pk` as seen goes on."""

    def __init__(self, message: Message) -> None:
        self.message = message
        who = message.from_name or message.from_email or "The customer"
        super().__init__(
            f"{who} has written again since you began: read the new mail, then send again if the answer "
            "still fits."
        )
