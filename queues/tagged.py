"""Tags: short names, each with a colour, that people give to conversations to find and count them."""

from django.core.validators import RegexValidator
from django.db import models

NAME = RegexValidator(
    r"^[^\s,\"]+(?: [^\s,\"]+)*$", "A name has no commas, quotation marks or blanks at its ends."
)


class Tag(models.Model):
    """One tag of the installation; it is on the conversations in `conversations`."""

    class Colour(models.TextChoices):
        GREY = "grey", "Grey"
        BLUE = "blue", "Blue"
        GREEN = "green", "Green"
        AMBER = "amber", "Amber"
        RED = "red", "Red"
        VIOLET = "violet", "Violet"

    name = models.CharField(max_length=50, unique=True, validators=[NAME])
    colour = models.CharField(max_length=10, choices=Colour, default=Colour.GREY)
    conversations = models.ManyToManyField("queues.Conversation", blank=True, related_name="tags")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(models.functions.Lower("name"), name="tag_once_in_any_case")]

    def __str__(self) -> str:
        return self.name
