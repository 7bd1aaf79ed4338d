"""Pictures of printed receipts with known facts, clean to hard, by seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.receipts.locales import LOCALES
from tests.receipts.picture import drawn, face
from tests.receipts.till import Printed, printed
from tests.receipts.wear import Wear, wear, worn

_LEVELS = (0.0, 0.35, 0.7, 1.0)
"""Clean, light, used, hard."""


@dataclass(frozen=True)
class Photo:
    """A picture and the receipt that is on it; `hard` goes from 0 to 1."""

    name: str
    receipt: Printed
    hard: float
    how: Wear
    jpeg: bytes


def receipt_on(number: int, *, series: str = "a") -> Printed:
    """The receipt that is on one picture of a series."""
    return printed(f"{series}{number}", locale=LOCALES[number % len(LOCALES)])


def photo(number: int, *, series: str = "a") -> Photo:
    """One picture of a series; locales and levels take turns, so that each has its share."""
    seed = f"{series}{number}"
    receipt = receipt_on(number, series=series)
    hard = _LEVELS[number // len(LOCALES) % len(_LEVELS)]
    chance = random.Random(f"photo {seed}")
    how = wear(chance, hard)
    ink = chance.randrange(15, 90)
    image = drawn(receipt.sheet, face(chance), ink=ink, paper=chance.randrange(228, 253))
    return Photo(seed, receipt, hard, how, worn(image, how, seed))
