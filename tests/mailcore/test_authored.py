"""What agents write with formatting: what is kept of it, and its plain text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.authored import from_text, only_pictures, plain, tidy
from mailcore.text import html_to_text

WRITTEN = (
    "<p>Hello <strong>Ann</strong>,</p><p></p><ul><li><p>one</p></li><li><p>two</p>"
    "<ol><li><p>a</p></li><li><p>b<br>c</p></li></ol></li></ul>"
    "<blockquote><p>you said</p><p>so</p></blockquote>"
    '<p>See <a href="https://example.com/x">here</a> or <a href="https://example.com/">example.com</a></p>'
    '<pre><code>x = 1\n  y</code></pre><p><img src="cid:1@picture" alt="seam.png"></p><hr><p>Bye</p><p></p>'
)
TEXT = """\
Hello Ann,

- one
- two
  1. a
  2. b
     c

> you said
>
> so

See here <https://example.com/x> or example.com

x = 1
  y

[image: seam.png]

--------------------

Bye"""
HOSTILE = [
    "<script>alert(1)</script>",
    '<img src="https://tracker.example/pixel.gif">',
    '<img src="data:image/png;base64,AAAA">',
    '<img src="//tracker.example/a.png" srcset="https://tracker.example/b.png 2x">',
    '<p onclick="alert(1)" style="display:none">hidden</p>',
    '<span style="font-size:0;color:#fff;background:url(https://tracker.example/c.png)">hidden</span>',
    '<a href="javascript:alert(1)">click</a>',
    '<a href="data:text/html,<script>1</script>">click</a>',
    "<style>p { display: none }</style><link rel=stylesheet href=https://tracker.example/d.css>",
    '<iframe src="https://tracker.example/"></iframe><object data="https://tracker.example/"></object>',
    '<form action="https://tracker.example/"><input name="password"><button>go</button></form>',
    '<svg onload="alert(1)"><use href="https://tracker.example/e.svg#x"/></svg>',
    '<video src="https://tracker.example/f.mp4" poster="https://tracker.example/g.png"></video>',
    '<table background="https://tracker.example/h.png"><tr><td bgcolor=white>cell</td></tr></table>',
    '<meta http-equiv="refresh" content="0;url=https://tracker.example/"><base href="https://tracker.example/">',
]


def test_text_beside_the_html() -> None:
    assert plain(tidy(WRITTEN)) == TEXT


def test_what_the_editor_makes_is_kept() -> None:
    assert tidy("<p><strong>a</strong> <em>b</em> <u>c</u> <s>d</s> <code>e</code></p>") == (
        "<p><strong>a</strong> <em>b</em> <u>c</u> <s>d</s> <code>e</code></p>"
    )
    assert tidy("<p>a</p><p></p><p>b</p><p> <br></p><p></p>") == "<p>a</p><p><br></p><p>b</p>"
    assert tidy('<ol start="3"><li><p>x</p></li></ol>') == '<ol start="3"><li>x</li></ol>'
    assert tidy(tidy(WRITTEN)) == tidy(WRITTEN)


@pytest.mark.parametrize("nothing", ["", "<p></p>", "<p> &nbsp;<br></p><p></p>", "<script>x</script>"])
def test_nothing_is_nothing(nothing: str) -> None:
    assert tidy(nothing) == ""


@pytest.mark.parametrize("html", HOSTILE)
def test_nothing_hostile_is_kept(html: str) -> None:
    kept = tidy(f"<p>before</p>{html}<p>after</p>")
    for word in ("tracker.example", "alert", "style", "script", "data:", "onclick", "<form", "<t"):
        assert word not in kept
    assert kept.startswith("<p>before</p>")


def test_pictures_of_other_mails_are_left_out() -> None:
    html = tidy('<p>a <img src="cid:1@picture" alt="one"> <img src="cid:2@picture" alt="two"></p>')
    assert only_pictures(html, {"1@picture"}) == '<p>a <img src="cid:1@picture" alt="one"> </p>'


def test_text_becomes_paragraphs_and_text_again() -> None:
    assert from_text("a\nb\n\n\nc <d>") == "<p>a<br>b</p><p>c &lt;d&gt;</p>"
    assert plain(from_text("a\nb\n\nc <d>")) == "a\nb\n\nc <d>"


@given(st.lists(st.sampled_from([*HOSTILE, WRITTEN, "<li>", "</ol>", "</p>", "<blockquote>", "x < y & z"])))
def test_any_mixture_is_tidied_once_and_for_all(parts: list[str]) -> None:
    html = tidy("".join(parts))
    assert tidy(html) == html
    words = "".join(html_to_text(html).split())
    assert ("hidden" in words) == ("hidden" in plain(html))


@pytest.mark.parametrize("start", ["²", "9" * 5000, "-3", ""])
def test_a_number_that_is_none_begins_at_one(start: str) -> None:
    assert plain(tidy(f'<ol start="{start}"><li>a</li></ol>')) == "1. a"


@pytest.mark.parametrize("end", ["", "<p>x</p>"])
def test_very_many_empty_paragraphs_take_no_time(end: str) -> None:
    """Looked for from the beginning they took more than a minute."""
    began = time.process_time()
    html = tidy(f"<p>a</p>{'<p></p>' * 30_000}{end}")
    assert time.process_time() - began < 15
    assert html.endswith("<p><br></p><p>x</p>" if end else "<p>a</p>")


def test_a_long_text_takes_time_in_proportion() -> None:
    def seconds(count: int) -> float:
        start = time.process_time()
        tidy("x<br>" * count)
        return time.process_time() - start

    seconds(1000)
    assert seconds(200_000) < 24 * max(seconds(20_000), 0.02)
