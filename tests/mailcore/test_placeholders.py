"""Places in texts: known names alone, filled in once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.placeholders import PlaceholderError, check, fill

KNOWN = ("agent.name", "queue.name")


@pytest.mark.parametrize("text", ["", "Kind regards", "{{ agent.name }}\n{{queue.name}}", "{ } 100 %"])
def test_what_is_taken(text: str) -> None:
    check(text, KNOWN)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{{ agent.password }}", "“{{ agent.password }}” is not known"),
        ("{{ agent.name|upper }}", "“{{ agent.name|upper }}” is not known"),
        ("{{ agent.__class__ }}", "is not known: there are {{ agent.name }}, {{ queue.name }}"),
        ("{{}}", "is not known"),
        ("{% include 'x' %}", "“{%” stands alone"),
        ("{{ agent.name", "“{{” stands alone"),
        ("{# x #}", "“{#” stands alone"),
    ],
)
def test_what_is_refused_in_words(text: str, named: str) -> None:
    with pytest.raises(PlaceholderError) as refused:
        check(text, KNOWN)
    assert named in str(refused.value)


def test_filling_in() -> None:
    text = "Regards\n{{ agent.name }}\n{{queue.name}}, {{ nobody.knows }}"
    assert fill(text, {"agent.name": "Alice", "queue.name": "Orders"}) == "Regards\nAlice\nOrders,"


def test_a_line_with_nothing_in_it_goes() -> None:
    assert fill("Regards\n{{ agent.name }} – {{ agent.email }}\n\nExample", {}) == "Regards\n\nExample"


@given(st.text())
def test_what_is_filled_in_is_not_read_again(name: str) -> None:
    hostile = f"{{{{ queue.name }}}}{name}"
    assert fill("x{{ agent.name }}x", {"agent.name": hostile, "queue.name": "no"}) == f"x{hostile}x"


@given(st.text(alphabet="{}% agent.nm|#\n"))
def test_no_text_breaks_it(text: str) -> None:
    fill(text, {"agent.name": "A"})
