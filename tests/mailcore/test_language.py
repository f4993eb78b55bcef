"""Which of our languages a customer writes."""

import pytest

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


@pytest.mark.parametrize("language", SAMPLES)
def test_samples(language: str) -> None:
    found, confidence = detect(SAMPLES[language], list(SAMPLES))

    assert found == language
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
