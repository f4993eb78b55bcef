"""Text from HTML, HTML from text."""

import re

import pytest

from mailcore.text import html_to_text, quote_text, sanitise, text_to_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<div>One</div><div>Two<br>Three</div>", "One\nTwo\nThree"),
        ("  much \n  white   space ", "much white space"),
        ("<pre>keep\n  this</pre>", "keep\n  this"),
        ("<b>bold</b>er", "bolder"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a\tb\nc"),
        ("said:<blockquote>a<blockquote>b</blockquote></blockquote>end", "said:\n\n> a\n>\n> > b\n\nend"),
        ("&lt;b&gt; &amp;amp; &euro;", "<b> &amp; €"),
        ("<style>p{}</style><script>x()</script><title>t</title>body", "body"),
        ('<img alt="Logo" src="x">', "Logo"),
        ("", ""),
    ],
)
def test_html_to_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a < b\n& c", "<div>a &lt; b<br>\n&amp; c</div>"),
        (
            "see https://example.com/a?b=1&c=2.",
            '<div>see <a href="https://example.com/a?b=1&amp;c=2" target="_blank" rel="noopener noreferrer">'
            "https://example.com/a?b=1&amp;c=2</a>.</div>",
        ),
        (
            "write to bob@example.com",
            '<div>write to <a href="mailto:bob@example.com" target="_blank" rel="noopener noreferrer">'
            "bob@example.com</a></div>",
        ),
        ("", ""),
    ],
)
def test_text_to_html(text: str, html: str) -> None:
    assert text_to_html(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        'https://e.example/"onmouseover="alert(1)',
        "<a href=x>",
    ],
)
def test_text_is_never_markup(text: str) -> None:
    html = text_to_html(text)

    assert html_to_text(html) == text
    assert set(re.findall(r"<(\w+)", html)) <= {"div", "a"}
    assert sanitise(html) == html.replace("&quot;", '"')


def test_quoting() -> None:
    assert quote_text("Hello,\n\n> older\nBye\n", "On Monday, Bob wrote:") == (
        "On Monday, Bob wrote:\n> Hello,\n>\n>> older\n> Bye"
    )
    assert quote_text("Hello", "") == "> Hello"
