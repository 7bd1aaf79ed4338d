"""Pictures of receipts with known facts, read by the real engine.

INBOXD_DRAWN_RECEIPTS says how many pictures are read; the 500 take some five minutes.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
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

COUNT = int(os.environ.get("INBOXD_DRAWN_RECEIPTS", "500"))
SERIES = "h"
pytestmark = pytest.mark.system

Found = tuple[str | None, str | None]
"""Total and date."""


def test_total_and_date_are_right_on_99_of_100_pictures(tmp_path: Path) -> None:
    """Ten countries, clean to hard, askew, turned, refunds among them; the same pictures always."""
    known: list[tuple[str, Found]] = []
    for number in range(COUNT):
        picture = photo(number, series=SERIES)
        (tmp_path / f"{picture.name}.jpg").write_bytes(picture.jpeg)
        bought = picture.receipt
        known.append((picture.name, (f"{bought.total:.2f}", bought.date.isoformat())))
    found = _read_all([tmp_path / f"{name}.jpg" for name, _ in known])
    wrong = [
        f"{name}: {seen} for {meant}"
        for (name, meant), seen in zip(known, found, strict=True)
        if seen != meant
    ]
    assert len(wrong) <= -(-COUNT // 100), "\n".join(wrong)


def _read_all(paths: Sequence[Path]) -> list[Found]:
    """What the command finds in pictures, with all cores."""
    command = [sys.executable, "-m", "daemon", "read", "--json", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [_facts(answer["receipt"]) for answer in json.loads(done.stdout)]


def _facts(receipt: Any) -> Found:
    return receipt["total"]["value"], receipt["date"]["value"]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader("rapid")


def read(reader: Reader, jpeg: bytes, folder: Path) -> Found:
    """The total and the date that are found in a picture."""
    path = folder / "receipt.jpg"
    path.write_bytes(jpeg)
    with path.open("rb") as file:
        return _facts(understand(reader.read(file.fileno(), "image/jpeg", max_pages=1)))


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
