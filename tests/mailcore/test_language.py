"""Which of our languages a customer writes."""

import itertools
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from bench.language import SENTENCES, told
from mailcore import language
from mailcore.language import detect

SAMPLES = {
    "cs": "Dobrý den, objednala jsem si u vás boty, ale přišla mi špatná velikost. Jak je mohu vyměnit?",
    "de": "Guten Tag, ich habe bei Ihnen Schuhe bestellt, aber die falsche Größe bekommen. Was soll ich tun?",
    "en": "Good morning, I ordered shoes from you but got the wrong size. How can I change them, please?",
    "es": "Buenos días, pedí unos zapatos y me llegó la talla equivocada. ¿Cómo los puedo cambiar?",
    "et": "Tere, tellisin teilt kingad, aber sain vale suuruse. Kuidas ma saan need ümber vahetada?",
    "fr": "Bonjour, j'ai commandé des chaussures mais j'ai reçu la mauvaise taille. Comment les échanger ?",
    "sk": "Dobrý deň, objednala som si u vás topánky, ale prišla mi zlá veľkosť. Ako ich môžem vymeniť?",
}


@pytest.mark.parametrize("tag", SAMPLES)
def test_samples(tag: str) -> None:
    found, confidence = detect(SAMPLES[tag], list(SAMPLES))

    assert found == tag
    assert 0.5 < confidence <= 1


def test_only_what_we_speak_is_answered() -> None:
    found, confidence = detect(SAMPLES["sk"], ["en", "cs"])

    assert found == "cs"
    assert 0 < confidence <= 1


def test_tags_come_back_as_they_were_given() -> None:
    assert detect(SAMPLES["en"], ["cs", "en-GB"])[0] == "en-GB"


@pytest.mark.parametrize("text", ["", "ok", "12345 67890 4711 0815", "👍👍👍"])
def test_too_little_to_tell(text: str) -> None:
    assert detect(text, ["cs", "en"]) == ("", 0.0)


@pytest.mark.parametrize("among", [[], ["xx"], [""]])
def test_nothing_to_choose_from(among: list[str]) -> None:
    assert detect(SAMPLES["en"], among) == ("", 0.0)


def test_the_answers_are_those_of_the_package_whose_model_it_is() -> None:
    theirs = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    theirs.set_languages([*SAMPLES, "sr", "uz"])  # the last two have two columns each
    for one, other in itertools.product(SAMPLES.values(), repeat=2):
        for text in (one[:25] + other[:25], f"{one} {other}", one.upper()):
            told, confidence = theirs.classify(text)
            ours = detect(text, [*SAMPLES, "sr", "uz"])
            assert ours[0] == told
            assert ours[1] == pytest.approx(confidence, abs=1e-3)


def test_without_the_model_no_language_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_model", language._Model())
    monkeypatch.setattr("tempfile.TemporaryFile", Mock(side_effect=OSError("no space left")))
    assert detect(SAMPLES["en"], list(SAMPLES)) == ("", 0.0)
    monkeypatch.undo()
    assert detect(SAMPLES["en"], list(SAMPLES))[0] == "en"


PROGRAM = """
import resource, sys
from mailcore.language import detect
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert detect("Where is my order, please?", ["cs", "de", "en", "es", "pl"])[0] == "en"
assert "numpy" not in sys.modules
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="macOS counts octets")
def test_the_model_takes_little_memory() -> None:
    command = [sys.executable, "-c", PROGRAM]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    assert int(done.stdout) < 40 * 1024


@pytest.mark.parametrize("tag", SENTENCES)
def test_short_sentences_are_told_and_never_surely_wrong(tag: str) -> None:
    right, sure, wrong = told(tag, list(SENTENCES))
    assert wrong == 0
    assert right >= 9
    assert sure >= 8
