"""**Bold** and `code` of the lists as HTML."""

import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

BOLD = re.compile(r"\*\*(.+?)\*\*")
ITALIC = re.compile(r"(?<!\*)\*([^*]+)\*(?!\*)")
CODE = re.compile(r"`(.+?)`")


def as_html(text: str) -> SafeString:
    """Our own sentences with their marks; everything else in them is escaped."""
    html = CODE.sub(r"<code>\1</code>", escape(text))
    html = ITALIC.sub(r"<i>\1</i>", BOLD.sub(r"<b>\1</b>", html))
    return mark_safe(html)  # noqa: S308  # escaped above; the marks are ours
