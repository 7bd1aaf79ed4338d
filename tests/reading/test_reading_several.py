"""Several receipts on one page are noticed; one receipt is never taken for several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from daemon.pipeline.reading_child import understand
from daemon.reading.document import Document, Line, Page
from daemon.reading.engine import OcrEngine
from daemon.reading.geometry import turned
from daemon.reading.rows import in_reading_order
from daemon.reading.several import receipts_on
from tests.reading.drawing import receipt

_ROWS = [
    ("Garden Market", ""),
    ("12 Mill Lane, Oxford", ""),
    ("14/03/2026", "10:42"),
    ("Apples", "3.20"),
    ("Brown bread", "2.15"),
    ("Butter salted", "1.95"),
    ("Coffee beans", "7.80"),
    ("TOTAL", "15.10"),
    ("Cash paid", "20.00"),
    ("Change given", "4.90"),
]


def _lines(
    x: float = 0, y: float = 0, *, date: str = "14/03/2026", rows: Sequence[tuple[str, str]] = _ROWS
) -> list[Line]:
    """Lines of a receipt whose top left corner is at a point; letters are 20 pixels high."""
    found = []
    for number, (label, right) in enumerate(rows):
        top, left = y + 40 * number, label.replace("14/03/2026", date)
        for text, start in ((left, x), (right, x + 500 - 12 * len(right))):
            if text:
                end, bottom = start + 12 * len(text), top + 20
                found.append(Line(text, 1.0, (start, top, end, top, end, bottom, start, bottom)))
    return found


def test_one_receipt_is_one() -> None:
    """A wide gap between labels and amounts makes no second receipt."""
    assert receipts_on(_lines()) == 1


def test_receipts_side_by_side_are_several() -> None:
    """Two and three beside each other."""
    assert receipts_on(_lines() + _lines(600)) == 2
    assert receipts_on(_lines() + _lines(600, 70) + _lines(1200, 30)) == 3


def test_receipts_one_above_another_are_several() -> None:
    """Two in a column, four in a square."""
    assert receipts_on(_lines() + _lines(0, 500)) == 2
    assert receipts_on([*_lines(), *_lines(600), *_lines(0, 500), *_lines(600, 500)]) == 4


def test_a_slip_without_a_date_of_its_own_is_part_of_its_receipt() -> None:
    """What follows after a gap, such as a card payment, belongs to the receipt above."""
    assert receipts_on(_lines() + _lines(0, 500, date="")) == 1


@pytest.mark.parametrize(
    "date",
    [
        *("14/03/26", "2026-03-14", "14. März 2026", "14 MAR 2026", "14-Abr-26", "3.3.2026"),
        *("14/03/202610:42:57AM", "0044 14032026 10:42:54", "14 de mayo de 2026"),
    ],
)
def test_dates_of_all_forms_make_a_receipt(date: str) -> None:
    """Also those whose month is a word, and those to which the time is stuck."""
    assert receipts_on(_lines(date=date) + _lines(600, date=date)) == 2


def test_receipts_that_lie_close_are_told_by_their_dates() -> None:
    """Little room between two is enough where the second has a heading and another date."""
    assert receipts_on(_lines() + _lines(0, 425, date="15/03/2026")) == 2
    assert receipts_on(_lines() + _lines(507, date="15/03/2026")) == 2
    assert receipts_on(_lines() + _lines(0, 425)) == 1


def test_a_stamp_with_another_date_makes_no_second_receipt() -> None:
    """What follows it has amounts, but no heading of its own."""
    below = [("15 MAR 2026", ""), ("Summary of taxes", ""), *_ROWS[3:]]
    assert receipts_on(_lines() + _lines(0, 425, rows=below)) == 1


@pytest.mark.parametrize("angle", [-0.2, 0.1, 0.3])
def test_skew_does_not_hide_the_gap(angle: float) -> None:
    """Receipts on a page that was photographed at an angle."""
    page = [turned(line, angle) for line in _lines() + _lines(600)]
    assert receipts_on(page) == 2
    assert receipts_on([turned(line, angle) for line in _lines()]) == 1


def test_a_page_with_two_receipts_needs_review(rapid: OcrEngine) -> None:
    """Whoever gets the fields is told that there was more than one receipt."""
    one = receipt(_ROWS)
    page = Image.new("RGB", (2 * one.width + 60, one.height), "white")
    page.paste(one, (0, 0))
    page.paste(one, (one.width + 60, 0))
    for picture, several in ((page, True), (one, False)):
        lines = in_reading_order(rapid.read(np.asarray(picture)))
        count = receipts_on(lines)
        read = Page(1, picture.width, picture.height, 0, lines, count)
        found = understand(Document("rapid", "1", 0.0, (read,)))
        assert found["reasons"].count("several_receipts") == several
        assert found["needs_review"] or not several


def test_a_flood_of_lines_ends() -> None:
    """A page of many receipts is counted up to a bound."""
    page = [line for x in range(0, 24000, 600) for line in _lines(x)]
    assert 1 < receipts_on(page) <= 40
