"""Fonts of strangers' mails: what a mail asks for that isn't here is shown in one of the same sort.

A browser takes its own default, mostly a Times, for a font that it lacks; mails are full of fonts that come
with one office program. Who writes one down without a kind (CSS Fonts 4, 2.1.1: the generic family) gets it.
"""

import re

GENERIC = re.compile(
    r"\b(sans-serif|serif|monospace|cursive|fantasy|system-ui|ui-\w+|math|inherit|initial|unset)\b"
)
SERIF = re.compile(
    r"times|georgia|garamond|cambria|palatino|book antiqua|bookman|century|baskerville|roman|serif"
)
TYPEWRITER = re.compile(r"courier|consolas|mono|menlo|lucida console|typewriter")
# Only inside of a tag's attribute; sanitised mail has all of them in double quotes, and none in what it says.
_STYLE = re.compile(r'(<[a-z][^<>]*?\sstyle=")([^"<>]*)(")', re.IGNORECASE)
_FACE = re.compile(r'(<font\b[^<>]*?\sface=")([^"<>]+)(")', re.IGNORECASE)
_FAMILY = re.compile(r"(\bfont-family\s*:\s*)([^;]+)", re.IGNORECASE)


def with_kinds(html: str) -> str:
    """The same HTML; each list of fonts in it ends in a kind."""
    if "font" not in html.lower():
        return html
    html = _STYLE.sub(lambda found: found[1] + _FAMILY.sub(_completed, _requoted(found[2])) + found[3], html)
    return _FACE.sub(lambda found: found[1] + _ended(found[2]) + found[3], html)


def _requoted(style: str) -> str:
    return style.replace("&quot;", "'") if "'" not in style else style  # a semicolon less to stumble over


def _completed(found: re.Match[str]) -> str:
    return found[1] + _ended(found[2])


def _ended(fonts: str) -> str:
    low = fonts.lower()
    if not low.strip() or GENERIC.search(low) or "!" in low or "(" in low:
        return fonts
    kind = "monospace" if TYPEWRITER.search(low) else "serif" if SERIF.search(low) else "sans-serif"
    return f"{fonts.rstrip().rstrip(',')}, {kind}"
