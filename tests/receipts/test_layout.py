"""Rows from positions."""

from __future__ import annotations

import math
import random

import pytest

from daemon.receipts.extract import extract
from daemon.receipts.layout import MAX_LINES, rows_of
from daemon.receipts.text import PageText, TextLine
from tests.receipts.paper import page
from tests.receipts.till import printed
from tests.receipts.typeset import page as sheet_page

ROWS = (
    "CORNER SHOP AND CAFE",
    "TEA IN A POT       2.00",
    "MILK AND SUGAR     1.50",
    "TOTAL OF ALL       3.50",
)


def turned(source: PageText, angle: float) -> PageText:
    """The page with all its boxes turned about the origin."""
    lines = []
    for line in source.lines:
        box = []
        for across, down in zip(line.box[::2], line.box[1::2], strict=True):
            box += [
                across * math.cos(angle) - down * math.sin(angle),
                across * math.sin(angle) + down * math.cos(angle),
            ]
        lines.append(TextLine(line.index, line.text, line.confidence, tuple(box)))
    return PageText(1, 700, 400, tuple(lines))


def bent(source: PageText, height: float) -> PageText:
    """The page with its middle pushed down by some pixels, as paper curls."""
    lines = []
    for line in source.lines:
        box = list(line.box)
        for corner in range(0, 8, 2):
            box[corner + 1] += height * math.sin(math.pi * box[corner] / 700)
        lines.append(TextLine(line.index, line.text, line.confidence, tuple(box)))
    return PageText(source.number, source.width, source.height, tuple(lines))


@pytest.mark.parametrize("degrees", [-8, -3, 0, 2, 9])
def test_a_page_askew_has_the_same_rows(degrees: float) -> None:
    straight = [row.text for row in rows_of([page(*ROWS)])]
    assert [row.text for row in rows_of([turned(page(*ROWS), math.radians(degrees))])] == straight


def test_curved_paper_has_the_same_totals() -> None:
    wrong = 0
    for seed in range(100):
        receipt = printed(seed)
        curved = bent(sheet_page(receipt.sheet, seed), 25.0)
        wrong += extract([curved]).total.value != f"{receipt.total:.2f}"
    assert wrong <= 1


def leaning(source: PageText, share: float) -> PageText:
    """The page with the left side nearer than the right one, so that its rows fan out."""
    lines = []
    for line in source.lines:
        box = list(line.box)
        for corner in range(0, 8, 2):
            shrunk = 1 - share * box[corner] / source.width
            box[corner + 1] = source.height / 2 + (box[corner + 1] - source.height / 2) * shrunk
        lines.append(TextLine(line.index, line.text, line.confidence, tuple(box)))
    return PageText(source.number, source.width, source.height, tuple(lines))


@pytest.mark.parametrize("share", [0.1, 0.2, -0.15])
def test_a_page_that_leans_has_the_same_totals(share: float) -> None:
    wrong = 0
    for seed in range(100):
        receipt = printed(seed)
        fanned = leaning(sheet_page(receipt.sheet, seed), share)
        wrong += extract([fanned]).total.value != f"{receipt.total:.2f}"
    assert wrong <= 1


def test_the_order_of_lines_does_not_matter() -> None:
    source = page(*ROWS)
    lines = list(source.lines)
    random.Random(3).shuffle(lines)
    shuffled = PageText(1, 700, 400, tuple(lines))
    assert [row.text for row in rows_of([shuffled])] == [row.text for row in rows_of([source])]


def test_a_hundred_thousand_lines_are_cut_and_not_looked_at() -> None:
    text = "TOTAL 12.00 " + "(1.1.1" * 200
    lines = tuple(
        TextLine(n, text, 0.9, (0, 30.0 * n, 400, 30.0 * n, 400, 30.0 * n + 20, 0, 30.0 * n + 20))
        for n in range(100_000)
    )
    rows = rows_of([PageText(1, 400, 10, lines)])
    assert len(rows) == MAX_LINES
    assert all(len(row.text) <= 300 for row in rows)


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, -1e300, 1e300])
def test_boxes_without_sense_are_borne(value: float) -> None:
    lines = tuple(TextLine(n, "TOTAL 12.00 AND MORE", 0.9, (value,) * 8) for n in range(3))
    extract([PageText(1, 10, 10, lines)])


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 150,
        "9." * 150,
        "1'111" * 60,
        "(" * 300,
        "TEL 0" + "1-" * 140,
        "X" * 300,
        "٣.٤٥ TOTAL ²",
    ],
)
def test_text_that_upsets_patterns_is_borne(text: str) -> None:
    extract([page(text, f"TOTAL {text}", "GST SUMMARY", text)])
