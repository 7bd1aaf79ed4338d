"""Skew is found in the pixels, taken out, and put back into the boxes."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.reading.deskew import moved_back, skew_of, straightened
from daemon.reading.document import Line
from daemon.reading.engine import OcrEngine
from daemon.reading.rows import in_reading_order
from tests.reading.drawing import LETTERS, receipt


@pytest.mark.parametrize("angle", [-20, -7, -2, 0, 1, 5, 12, 22])
def test_the_skew_of_print_is_found(angle: int) -> None:
    """To half a degree, either way."""
    page = receipt().rotate(-angle, expand=True, fillcolor="white")
    assert skew_of(np.asarray(page)) == pytest.approx(angle, abs=0.5)


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (50, 50), (600, 400)])
def test_blank_paper_has_no_skew(shape: tuple[int, int]) -> None:
    """Nothing to go by is no reason to turn anything."""
    image = np.full((*shape, 3), 255, dtype=np.uint8)
    level, back = straightened(image)
    assert level is image
    assert back is None


def test_boxes_lead_back_to_the_page() -> None:
    """A point of the straightened page is found again where its ink is."""
    page = receipt().rotate(-10, expand=True, fillcolor="white")
    level, back = straightened(np.asarray(page))
    assert back is not None
    ys, xs = np.nonzero(level[:, :, 0] < 100)
    dark = np.asarray(page.convert("L"))
    for at in range(0, len(xs), len(xs) // 20):
        x, y = float(xs[at]), float(ys[at])
        line = moved_back(Line("x", 1.0, (x, y, x, y, x, y, x, y)), back)
        column, row = round(line.box[0]), round(line.box[1])
        assert dark[row - 2 : row + 3, column - 2 : column + 3].min() < 128


@pytest.mark.parametrize("angle", [-15, 8, 20])
@pytest.mark.parametrize(
    "name", ["rapid", "rapid_fast", pytest.param("tesseract", marks=pytest.mark.system)]
)
def test_a_skewed_page_is_read(name: str, angle: int, request: pytest.FixtureRequest) -> None:
    """Every engine reads print that lies askew, in its rows."""
    engine: OcrEngine = request.getfixturevalue(name)
    page = receipt().rotate(angle, expand=True, fillcolor="white")
    found = in_reading_order(engine.read(np.asarray(page)))
    assert "".join(line.text for line in found).replace(" ", "") == LETTERS
