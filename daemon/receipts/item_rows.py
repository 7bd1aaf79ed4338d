"""The rows of a receipt in which its items are, and the ways to read those that are in doubt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.receipts.dates import dates_in
from daemon.receipts.lines import Line
from daemon.receipts.statements import SUMS, Kind, Statement, is_table_head

_ENDS = SUMS | {Kind.ROUNDING}
_LATER_SUMS = frozenset((Kind.CASH, Kind.CARD, Kind.CHANGE, Kind.TAX, Kind.WALLET, Kind.REFUND))
_PAID = frozenset((Kind.CASH, Kind.CHANGE))
_HEAD = frozenset(("phone", "fax", "tax_id", "web", "date", "registration"))
_PERHAPS_HEAD = _HEAD | {"staff", "receipt_number", "time"}
_OFFERS = frozenset(("discount", "saving", "voucher"))
_TIMES = re.compile(r"[@*\u00d7]|(?<![A-Z])X(?![A-Z])")
"""What stands between a number of things and the price of one."""
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True)
class Doubts:
    """How rows are read that may be one thing or another; the sums of the receipt tell which."""

    long_head: bool = False
    """Whether a row about the staff or the receipt's number ends the head too."""
    counts_are_items: bool = False
    """Whether an amount beside a word for a number of things is the price of a thing."""
    rebates_are_items: bool = False
    """Whether an amount above zero beside a word for a discount is the price of a thing."""
    sums_end_items: bool = False
    """Whether a row that says what all rows before it come to is their sum, whatever its label."""
    payment_ends_items: bool = False
    """Whether no item follows what was given in cash or came back."""


PLAIN = Doubts()
OTHER_WAYS = (
    Doubts(sums_end_items=True),
    Doubts(counts_are_items=True),
    Doubts(rebates_are_items=True),
    Doubts(long_head=True),
    Doubts(sums_end_items=True, payment_ends_items=True),
    Doubts(long_head=True, counts_are_items=True, sums_end_items=True),
)
"""The ways that are tried where the usual one does not come to the total."""


def item_rows(
    lines: Sequence[Line], statements: Sequence[Statement], doubts: Doubts
) -> Sequence[Line]:
    """The rows from the head of the table, or the first amount, to the first sum."""
    start = _below_table_head(lines, statements)
    first = next((n for n in range(start, len(lines)) if lines[n].money), None)
    if first is None:
        return ()
    first, start = _below_head(lines, statements, (first, start), doubts)
    sums = [s.line for s in statements if s.kind in _ENDS and s.line.index > first]
    ends = [line.index for line in sums if not line.rates] or [line.index for line in sums]
    after = _LATER_SUMS if not ends else _PAID if doubts.payment_ends_items else frozenset()
    ends += [s.line.index for s in statements if s.kind in after and s.line.index > first]
    return lines[max(start, first - 2) : min(ends)] if ends else ()


def _below_table_head(lines: Sequence[Line], statements: Sequence[Statement]) -> int:
    """The row below the heads of the items' columns; heads below a sum are those of the taxes."""
    first = next((line.index for line in lines if line.money), 0)
    total = next((s.line.index for s in statements if s.kind in SUMS), len(lines))
    end = total if first < total else len(lines)
    return next((n + 1 for n, line in enumerate(lines[:end]) if is_table_head(line)), 0)


def is_sentence(line: Line) -> bool:
    """Whether words go on after an amount: `5.00 off your next purchase`, `5.00 off from 50.00`."""
    if not line.money:
        return False
    first, last = line.money[0], line.money[-1]
    if len(_WORD.findall(line.folded[last.end :])) >= 2:  # one may be a tax code or a currency
        return True
    if first is last or _TIMES.search(line.folded):
        return False
    offered = any(m.mark in _OFFERS and first.end <= m.start < last.start for m in line.mentions)
    return offered or len(_WORD.findall(line.folded[first.end : last.start])) >= 2


def _below_head(
    lines: Sequence[Line],
    statements: Sequence[Statement],
    begin: tuple[int, int],
    doubts: Doubts,
) -> tuple[int, int]:
    """The first amount, and where rows may begin, below what belongs to the head for certain.

    A slogan or the opening hours in the head may have an amount in them. A telephone or tax number
    or a date below it ends the head, where at least as many amounts follow as came before.
    """
    first, start = begin
    end = next((s.line.index for s in statements if s.kind in SUMS and s.line.index > first), 0)
    marks = _PERHAPS_HEAD if doubts.long_head else _HEAD
    heads = [n for n in range(first, end) if not lines[n].money and _is_head(lines[n], marks)]
    for number in reversed(heads):
        before = sum(bool(line.money) for line in lines[first:number])
        after = [n for n in range(number + 1, end) if lines[n].money]
        if len(after) >= before:
            return after[0], number + 1
    return first, start


def _is_head(line: Line, marks: frozenset[str]) -> bool:
    if line.marks & marks:
        return True
    return any(True for _ in dates_in(line.folded, month_first=False))
