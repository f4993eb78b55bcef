"""Literal phrases, and how a text is compared with them: lower case, single spaces, straight quotes."""


def listed(phrases: str) -> tuple[str, ...]:
    """Return the phrases of a list whose separator is "|"."""
    return tuple(phrases.split("|"))


def plain(text: str) -> str:
    """Return the text as phrases are compared with it."""
    return " ".join(text.lower().replace("\u2019", "'").split())


def says(phrases: tuple[str, ...], plain_text: str) -> bool:
    """Whether one of these phrases stands in a ``plain`` text."""
    return any(phrase in plain_text for phrase in phrases)
