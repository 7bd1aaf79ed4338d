"""Nothing but Latin comes out of the recogniser."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.reading.engine import OcrEngine
from daemon.reading.latin_head import cut, is_latin
from daemon.reading.onnx_file import FormatError
from daemon.reading.rapid import RapidEngine
from tests.reading.drawing import receipt


def test_letters_digits_and_money_are_kept() -> None:
    """What receipts in European languages are printed with can come out."""
    for character in "AZaz09.,:;-+%&@#*/()!ÄÖÜäöüßéèêçñåøæœłżőžşİ€£¥":
        assert is_latin(character)


@pytest.mark.parametrize("character", ["收", "の", "한", "Ж", "λ", "ĸ", "ŉ", "¬", "ab", ""])
def test_other_scripts_and_rarities_are_not(character: str) -> None:
    """Chinese, Japanese, Korean, Cyrillic, Greek and letters of no receipt are cut off."""
    assert not is_latin(character)


def test_noise_and_other_scripts_read_as_latin_or_nothing(rapid: OcrEngine) -> None:
    """Shapes that look like other scripts give Latin characters at most."""
    noise = np.random.default_rng(3).integers(0, 2, (60, 90, 1), dtype=np.uint8) * 255
    image = np.array(receipt())
    image[20:380, 40:400] = np.kron(noise, np.ones((6, 4, 3), dtype=np.uint8))[:360, :360]
    for line in rapid.read(image) + rapid.read(image[::-1]):
        assert all(is_latin(character) for character in line.text)


def test_the_recogniser_knows_only_latin(rapid: OcrEngine) -> None:
    """Its classes are a blank, Latin characters and a space."""
    assert isinstance(rapid, RapidEngine)
    classes = rapid.characters
    assert (classes[0], classes[-1]) == ("", " ")
    assert all(is_latin(character) for character in classes[1:-1])
    assert set("0123456789€ÄÖÜß") <= set(classes)


@pytest.mark.parametrize("model", [b"", b"\x08\x07", b"\x0b", b"\x72\xff"])
def test_a_file_that_is_no_such_model_is_told(model: bytes) -> None:
    """A model that is built otherwise is an error, not a wrong cut."""
    with pytest.raises(FormatError):
        cut(model)
