"""Template tags of the desk."""

import re
from functools import cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """A line drawing of `static/desk/icons.svg`; it says nothing to a screen reader."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("desk/icons.svg"), name
    )


@register.filter
def breakable(address: str) -> SafeString:
    """A mail or web address that a narrow column breaks between its words."""
    return format_html_join("", "{}<wbr>", ((part,) for part in re.split(r"(?<=[@./])", address)))
