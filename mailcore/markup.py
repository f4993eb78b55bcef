"""Hostile HTML → HTML that can be shown: an allow list, nothing that loads by itself, bounded nesting.

Two passes. HTML with many tags is first re-written by a tokenizer of ours (``balance``), because the
browser's algorithm, and so every sanitiser that follows it, needs quadratic time for deep nesting: 37 KB of
<font><p> took 2.4 s and 500 MB. Then nh3 decides what may stay; its output is well-formed, so it can be read
tag by tag.
"""

import re
from collections.abc import Callable
from html import escape, unescape
from urllib.parse import unquote

import nh3

from mailcore.allowed import (
    ATTRIBUTES,
    DROPPED_WITH_CONTENT,
    ON_ANY_TAG,
    QUOTE_CLASSES,
    STYLES,
    TAGS,
    URL_SCHEMES,
)
from mailcore.balance import balanced, plain_references, references_back, without_stand_ins

LONGEST_HTML = 4_000_000  # characters; the rest is only in the raw mail
_FEW = 500

_CLEANER = nh3.Cleaner(
    tags=TAGS,
    clean_content_tags=DROPPED_WITH_CONTENT,
    attributes={**ATTRIBUTES, "*": ON_ANY_TAG},
    allowed_classes={"div": QUOTE_CLASSES, "blockquote": QUOTE_CLASSES, "span": QUOTE_CLASSES},
    url_schemes=URL_SCHEMES,
    url_relative="deny",
    link_rel="noopener noreferrer",
    set_tag_attribute_values={"a": {"target": "_blank"}},
    filter_style_properties=STYLES | {"background"},
    strip_comments=True,
)

# A tag as nh3 writes it: every value in double quotes, every < of the text escaped.
CLEAN_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?:\s[a-z-]+="[^"]*")*)\s?/?>')
_CLEAN_ATTRIBUTE = re.compile(r'\s([a-z-]+)="([^"]*)"')
_RASTER = re.compile(r"data:image/(?:png|gif|jpe?g|webp|bmp);base64,[A-Za-z0-9+/=\s]*\Z", re.IGNORECASE)
_REMOTE = "data-remote-src"
_SIZE = re.compile(r"(?:^|[;\s])(width|height)\s*:\s*(\d{1,9})(?:px)?\s*(?:!important\s*)?(?=;|$)")
TINY = 2  # pixels
_STYLE_TRICKS = re.compile(r"[\\\n\r\f]|/\*")
_DECLARATION = re.compile(r"""(?:[^;"']|"[^"]*"|'[^']*')+""")
_PLAIN_COLOUR = re.compile(
    r"(?:#[0-9a-f]{3,8}|[a-z]{3,30}|rgba?\([0-9.,%/\s]{1,60}\))(?:\s*!important)?\Z", re.IGNORECASE
)


def sanitise(html: str) -> str:
    """Return HTML that is safe to show in a sandboxed frame.

    ``cid:`` images stay as they are; images from elsewhere keep their place, with the address in
    ``data-remote-src`` so that nothing is loaded (see ``show_remote``); links open a new window without
    referrer.
    """
    html = html[:LONGEST_HTML]
    if html.count("&") + html.count("<") <= _FEW:
        return CLEAN_TAG.sub(_guard, _CLEANER.clean(html))
    html = balanced(plain_references(without_stand_ins(html)))
    return CLEAN_TAG.sub(_guard, references_back(_CLEANER.clean(html)))


def _guard(tag: re.Match[str]) -> str:
    """Hold remote images back, refuse data: anywhere but in raster images, keep backgrounds to a colour."""
    _, name, attributes = tag.groups()
    if not attributes:
        return tag[0]
    if "background:" in attributes:
        attributes = _CLEAN_ATTRIBUTE.sub(_guard_style, attributes)
    if name == "img":
        attributes = _CLEAN_ATTRIBUTE.sub(_guard_image, attributes)
    elif name == "a":
        attributes = _CLEAN_ATTRIBUTE.sub(_guard_link, attributes)
    return f"<{name}{attributes}>"


def _guard_style(attribute: re.Match[str]) -> str:
    """Let the shorthand ``background`` through where it is a colour, as most mails write it; no image.

    Escapes and line breaks could make CSS see other declarations than we do: such a style goes as a whole.
    """
    name, value = attribute.groups()
    if name != "style":
        return attribute[0]
    style = unescape(value)
    kept = []
    for declaration in () if _STYLE_TRICKS.search(style) else _DECLARATION.findall(style):
        key, _, setting = declaration.strip().partition(":")
        if key == "background" and _PLAIN_COLOUR.match(setting.strip()):
            key = "background-color"
        if key in STYLES:
            kept.append(f"{key}:{setting}")
    return f' style="{escape(";".join(kept))}"' if kept else ""


def _guard_image(attribute: re.Match[str]) -> str:
    name, value = attribute.groups()
    if name != "src" or value.lower().startswith("cid:"):
        return attribute[0]
    if value.lower().startswith(("http:", "https:")):
        return f' data-remote-src="{value}"'
    return attribute[0] if _RASTER.match(value) else ""


def _guard_link(attribute: re.Match[str]) -> str:
    name, value = attribute.groups()
    return "" if name == "href" and value.lower().startswith(("data:", "cid:")) else attribute[0]


def show_remote(html: str, resolve: Callable[[str], str | None]) -> str:
    """Put the remote images of sanitised HTML back.

    ``resolve`` gets the address and returns the URL to load it from, or None for one that stays away.
    """

    def image(attribute: re.Match[str]) -> str:
        if attribute[1] != "data-remote-src" or not attribute[2].lower().startswith(("http:", "https:")):
            return attribute[0]
        url = resolve(unescape(attribute[2]))
        return f' referrerpolicy="no-referrer" src="{escape(url)}"' if url else attribute[0]

    return _change_images(html, image)


def remote_images(html: str) -> dict[str, bool]:
    """Return the addresses of the remote images of sanitised HTML, and whether they say that they are tiny.

    One of a pixel or two shows nothing: it is there to tell that somebody reads.
    """
    found: dict[str, bool] = {}
    for tag in CLEAN_TAG.finditer(html) if _REMOTE in html else ():
        if tag[2] != "img" or _REMOTE not in tag[3]:
            continue
        given = {name: unescape(value) for name, value in _CLEAN_ATTRIBUTE.findall(tag[3])}
        url = given.get(_REMOTE, "")
        if url.lower().startswith(("http:", "https:")):
            found[url] = found.get(url, True) and _is_tiny(given)
    return found


def _is_tiny(given: dict[str, str]) -> bool:
    sizes = dict(_SIZE.findall(given.get("style", "").lower()))
    sides = [sizes.get(name, given.get(name, "").removesuffix("px").strip()) for name in ("width", "height")]
    return any(side.isdecimal() and int(side[:9]) <= TINY for side in sides)


def with_cid_urls(html: str, resolve: Callable[[str], str | None]) -> str:
    """Give the ``cid:`` images of sanitised HTML an address.

    ``resolve`` gets the Content-ID without <> and returns a URL, or None for an image the mail does not have:
    that one loses its address.
    """

    def image(attribute: re.Match[str]) -> str:
        name, value = attribute.groups()
        if name != "src" or not value.lower().startswith("cid:"):
            return attribute[0]
        url = resolve(content_id_of(value))
        return f' src="{escape(url)}"' if url else ""

    return _change_images(html, image)


def _change_images(html: str, change: Callable[[re.Match[str]], str]) -> str:
    def tag(match: re.Match[str]) -> str:
        return f"<img{_CLEAN_ATTRIBUTE.sub(change, match[3])}>" if match[2] == "img" else match[0]

    return CLEAN_TAG.sub(tag, html)


def content_ids(html: str) -> frozenset[str]:
    """Return the Content-IDs that sanitised HTML shows."""
    return frozenset(content_id_of(each) for each in re.findall(r' src="(cid:[^"]*)"', html, re.IGNORECASE))


def content_id_of(url: str) -> str:
    """Return the id inside a ``cid:`` URL (RFC 2392), percent and entity decoded."""
    return unquote(unescape(url[4:])).strip("<> ")
