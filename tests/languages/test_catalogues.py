"""The catalogues are whole: everything that the sources say, in every language, and compiled."""

import gettext

import pytest

from agents.interface import LANGUAGES
from tests.languages.catalogues import (
    LOCALE,
    Entry,
    Text,
    in_python,
    in_scripts,
    in_templates,
    places,
    read,
)

SPOKEN = [code for code, _ in LANGUAGES if code != "en"]
DOMAINS = ("django", "djangojs")


@pytest.mark.parametrize("language", SPOKEN)
def test_catalogues_know_what_the_sources_say_and_no_more(language: str) -> None:
    """`make words` brings them up to date."""
    said = {"django": in_python() | in_templates(), "djangojs": in_scripts()}
    for domain in DOMAINS:
        known = {entry.text for entry in read(language, domain)}
        assert sorted(said[domain] - known) == []
        assert sorted(known - said[domain]) == []


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", SPOKEN)
def test_everything_is_translated(language: str, domain: str) -> None:
    entries = read(language, domain)
    assert [entry.text for entry in entries if entry.is_fuzzy or not all(entry.told)] == []
    assert [entry.text for entry in entries if not _has_the_places(entry)] == []


def _has_the_places(entry: Entry) -> bool:
    """One form may leave the number out; what stands at the ends, such as a blank, stays there."""
    wanted = places(entry.text.text) | places(entry.plural)
    may_lack = {"%(count)s"} if entry.plural else set()
    kept = all(places(told) <= wanted and wanted - places(told) <= may_lack for told in entry.told)
    text = entry.text.text
    ends = all(told[:1].isspace() == text[:1].isspace() or told[:1] == "," for told in entry.told)
    percents = all(told.count("%%") == text.count("%%") for told in entry.told)
    return kept and ends and percents


@pytest.mark.parametrize("language", SPOKEN)
def test_nothing_breaks_out_of_an_attribute(language: str) -> None:
    """Words of templates stand in attributes as well, where nothing quotes them."""
    for entry in read(language, "django"):
        for told in entry.told:
            assert ('"' in told, "<" in told) == ('"' in entry.text.text, "<" in entry.text.text), told


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", SPOKEN)
def test_what_is_compiled_is_what_is_written(language: str, domain: str) -> None:
    with (LOCALE / language / "LC_MESSAGES" / f"{domain}.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in read(language, domain):
        text, context = entry.text.text, entry.text.context
        if entry.plural:
            for count, form in ((1, 0), (5, -1)):
                told = (
                    compiled.npgettext(context, text, entry.plural, count)
                    if context
                    else compiled.ngettext(text, entry.plural, count)
                )
                assert told == entry.told[form]
        else:
            told = compiled.pgettext(context, text) if context else compiled.gettext(text)
            assert told == entry.told[0]


def test_the_reader_of_sources_sees_what_is_marked() -> None:
    """Or the tests above would pass on nothing."""
    assert Text("Mine") in in_python()
    assert Text("Mo", "weekday") in in_python()
    assert Text("Open", "work") in in_templates()
    assert Text("%(count)s recovery code left") in in_templates()
    assert Text("%(count)s agent") in in_scripts()
