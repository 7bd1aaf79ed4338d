"""Whether a document is a receipt at all, and whether money went back."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.receipts.dates import dates_in
from daemon.receipts.lines import Line, Text
from daemon.receipts.statements import PAYMENTS, Kind, Statement

_ENOUGH = 2.5
_TOTALS = frozenset((Kind.ROUNDED, Kind.DUE, Kind.TOTAL, Kind.SUBTOTAL))
_PERHAPS_TOTALS = frozenset((Kind.AMOUNT, Kind.REFUND))
_TITLE_WORDS = 2
"""Words that a title may have besides the one that says refund."""
_TITLE_START = 6
_LABEL_WORDS = 9
"""A row that has more words is a sentence about money, and states nothing."""


def is_receipt(text: Text, statements: Sequence[Statement]) -> bool:
    """Whether enough of what makes a receipt is there, an amount of money before all."""
    if not any(line.money for line in text.lines):
        return False
    kinds = {s.kind for s in statements if len(s.line.folded.split()) <= _LABEL_WORDS}
    marks = frozenset(mark for line in text.lines for mark in line.marks)
    points = 0.0
    points += 2.0 if kinds & _TOTALS else 0.0
    points += 1.0 if kinds & _PERHAPS_TOTALS and not kinds & _TOTALS else 0.0
    points += 1.0 if kinds & (PAYMENTS | {Kind.CHANGE}) else 0.0
    points += 1.0 if Kind.TAX in kinds or "tax_id" in marks else 0.0
    points += 0.5 if marks & {"document", "receipt_number"} else 0.0
    points += (
        0.5 if any(any(dates_in(line.folded, month_first=False)) for line in text.lines) else 0.0
    )
    points += _column_points(text.lines)
    return points >= _ENOUGH


def _is_dated(line: Line) -> bool:
    return any(True for _ in dates_in(line.folded, month_first=False))


def _column_points(lines: Sequence[Line]) -> float:
    """Whether rows end in amounts, as they do in a list of items and not in a letter."""
    ending = [line for line in lines if line.money and line.money[-1].end >= len(line.folded) - 6]
    if len(ending) * 12 < len(lines):
        return 0.0
    return {0: 0.0, 1: 0.0, 2: 1.0}.get(len(ending), 1.5)


def is_refund(lines: Sequence[Line]) -> bool:
    """Whether a title or the total's label says that money went back.

    A sentence about returns is no title, and what was given back in change is no refund: a word
    that may say either is a title only above the first amount.
    """
    first = next((line.index for line in lines if line.money), 0)
    for line in lines:
        if line.marks & {"footer", "not_date"}:
            continue
        for mention in line.mentions:
            if mention.mark != "refund":
                continue
            meanings = {m.mark for m in line.mentions if m.start == mention.start}
            if ("change" in meanings and line.index > first) or (
                line.money and "due" not in meanings
            ):
                continue
            others = len(line.folded.split()) - len(mention.phrase.split())
            if mention.start <= _TITLE_START and (line.money or others <= _TITLE_WORDS):
                return True
    return False
