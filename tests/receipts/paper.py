"""Receipts written out by hand in tests: one string per row, two spaces or more part the cells."""

from __future__ import annotations

import re

from daemon.receipts.extract import extract
from daemon.receipts.model import Receipt
from daemon.receipts.text import PageText, TextLine


def page(*rows: str, confidence: float = 0.98) -> PageText:
    """A page whose rows stand below each other; cells keep their column as written."""
    lines: list[TextLine] = []
    for number, row in enumerate(rows):
        top = 40.0 + 34.0 * number
        for match in re.finditer(r"\S+(?: \S+)*", row):
            left, right = 12.0 * match.start(), 12.0 * match.end()
            box = (left, top, right, top, right, top + 24, left, top + 24)
            lines.append(TextLine(len(lines), match[0], confidence, box))
    return PageText(1, 700, int(80 + 34 * len(rows)), tuple(lines))


def read(*rows: str, confidence: float = 0.98) -> Receipt:
    """What is understood of such a page."""
    return extract([page(*rows, confidence=confidence)])
