"""Spelling that OCR and languages vary in, folded so that words can be looked up."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ALIKE = str.maketrans({"0": "O", "1": "I", "L": "I", "|": "I", "!": "I", "5": "S", "8": "B"})
WORD = re.compile(r"[^\W_]+(?:[|!][^\W_]+)*")
"""A run of letters and digits, with what OCR may have made of a letter between them."""
_UMLAUTS = str.maketrans({"Ä": "AE", "Ö": "OE", "Ü": "UE"})
_SPECIAL = str.maketrans(
    {"ß": "SS", "Ø": "O", "Œ": "OE", "Æ": "AE", "\u2019": "'", "`": "'", "\u00b4": "'"}
    | dict.fromkeys("\u00b9\u00b2\u00b3\u00bc\u00bd\u00be", " ")  # no digits of a number
)


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """The text in upper case without accents: `Rückgeld` becomes `RUCKGELD`."""
    upper = text.upper().translate(_SPECIAL)
    if upper.isascii():
        return upper
    parts = unicodedata.normalize("NFKD", upper)
    return "".join(part for part in parts if not unicodedata.combining(part))


def words(text: str) -> list[str]:
    """The words of a folded text; points part words, so that `I.V.A.` is three."""
    return WORD.findall(text)


@lru_cache(maxsize=16384)
def skeleton(word: str) -> str:
    """What stays of a folded word when look-alikes are one: `T0TA1` and `TOTAL` are the same."""
    if word.isdigit():
        return word
    return word.translate(_ALIKE)


def variants(phrase: str) -> set[str]:
    """The folded spellings of a phrase: `Rückgeld` is printed RUCKGELD and RUECKGELD."""
    upper = phrase.upper()
    return {folded(upper), folded(upper.translate(_UMLAUTS))}
