"""Pictures of receipts with known facts, read by the real engine.

INBOXD_DRAWN_RECEIPTS says how many of each series are read; 500 take some ten minutes.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.pipeline.reading_child import understand
from daemon.reading.reader import Reader
from tests.receipts.locales import LOCALES, Locale
from tests.receipts.photos import photo
from tests.receipts.picture import drawn, face
from tests.receipts.traps import DAY, TRAPS, Trap
from tests.receipts.wear import wear, worn

COUNT = int(os.environ.get("INBOXD_DRAWN_RECEIPTS", "25"))
pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader("rapid")


def read(reader: Reader, jpeg: bytes, folder: Path) -> tuple[str | None, str | None]:
    """The total and the date that are found in a picture."""
    path = folder / "receipt.jpg"
    path.write_bytes(jpeg)
    with path.open("rb") as file:
        receipt: Any = understand(reader.read(file.fileno(), "image/jpeg", max_pages=1))
    return receipt["total"]["value"], receipt["date"]["value"]


@pytest.mark.parametrize("series", ["a", "b"])
def test_total_and_date_are_right_on_99_of_100_pictures(
    reader: Reader, tmp_path: Path, series: str
) -> None:
    wrong: list[str] = []
    for number in range(COUNT):
        picture = photo(number, series=series)
        known = picture.receipt
        found = read(reader, picture.jpeg, tmp_path)
        if found != (f"{known.total:.2f}", known.date.isoformat()):
            wrong.append(f"{picture.name} {known.locale.name}: {found}")
    assert len(wrong) <= max(1, COUNT // 100), "\n".join(wrong)


@pytest.mark.parametrize("trap", TRAPS)
def test_what_breaks_simple_patterns_is_understood_in_ten_countries(
    reader: Reader, tmp_path: Path, trap: Callable[[Locale], Trap]
) -> None:
    for locale in LOCALES:
        case = trap(locale)
        seed = f"{case.sheet.text}"
        chance = random.Random(seed)
        jpeg = worn(drawn(case.sheet, face(chance)), wear(chance, 0.4), seed)
        found = read(reader, jpeg, tmp_path)
        assert found == (f"{case.total:.2f}", DAY.isoformat()), locale.name
