"""The positions between the head of a receipt and its sums.

A position is one row, or several: a name, then numbers; a count, then a name with its amount; a
name with its amount, then a count. Multiplication tells which rows belong together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from daemon.receipts.item_rows import PLAIN, Doubts, is_sentence, item_rows
from daemon.receipts.lexicon import LABELS
from daemon.receipts.lines import Line, Printed
from daemon.receipts.model import Item
from daemon.receipts.quantities import Quantity, quantity_of, stated_quantity, weighed
from daemon.receipts.statements import SUMS, Kind, Statement

_NO_ITEM = SUMS | {Kind.SERVICE, Kind.IGNORED, Kind.CHANGE, Kind.TAX, Kind.ROUNDING, Kind.TIP}
_HEAD_MARKS = frozenset({"date", "time", "phone", "tax_id", "receipt_number", "staff", "web"})
_NEVER_ITEM = frozenset({"registration", "hours", "tax_id", "phone", "not_date"})
_AT_PRICE = re.compile(r"@\s?(?:RM|[$€£])?\s?\d{1,5}[.,]\d{2}\s*$")
"""A row that ends in the price of one: its amount is on the next row."""
_CODE = re.compile(r"^\W*(?:\d{5,14}|\d+\.)\s*")
_UNITS = frozenset(("KG", "LB", "LT", "LTR", "ST", "STK", "PZ", "UD", "UN", "PCS", "EA"))
"""What is counted in: no name of a thing."""
_TAIL = re.compile(r"[\s|@*x:,.\-=]*$", re.IGNORECASE)
_COLUMN = 2
"""Amounts in cells of their own that make a column."""
_FEWEST_LETTERS = 3
"""Letters of a row that may be the name of what is sold."""
_WAITING = 3
"""Rows of text that may name the amount below them."""


@dataclass(frozen=True, slots=True)
class Positions:
    """The items, and the discounts that stand among them (positive)."""

    items: tuple[Item, ...]
    discounts: tuple[Printed, ...]

    @property
    def whole(self) -> Decimal | None:
        """The sum of the items less the discounts among them; None without items."""
        if not self.items:
            return None
        taken = sum((abs(amount.value) for amount in self.discounts), Decimal(0))
        return sum((item.total for item in self.items), Decimal(0)) - taken


def items_of(
    lines: Sequence[Line],
    statements: Sequence[Statement],
    *,
    refund: bool,
    doubts: Doubts = PLAIN,
) -> Positions:
    """All positions; `refund` says that amounts below zero are items and no discounts."""
    zone = item_rows(lines, statements, doubts)
    edge = _column_edge(zone)
    kinds = {statement.line.index: statement.kind for statement in statements}
    found = _Found(refund, doubts)
    for line in zone:
        if doubts.sums_end_items and line.money and found.adds_up_to(line.money[-1].value):
            break
        if _is_text(line, edge):
            found.take_text(line)
        else:
            found.take_amount(line, kinds.get(line.index))
    named = (item for item in found.items if item.description or item.unit_price is not None)
    return Positions(tuple(named), tuple(found.discounts))


@dataclass(slots=True)
class _Found:
    """What the rows so far came to, and what waits for the rows to come."""

    refund: bool
    doubts: Doubts
    items: list[Item] = field(default_factory=list)
    discounts: list[Printed] = field(default_factory=list)
    waiting: list[Line] = field(default_factory=list)
    ahead: Quantity | None = None

    def adds_up_to(self, value: Decimal) -> bool:
        """Whether the items so far, less the discounts, come to this: then it is their sum."""
        return Positions(tuple(self.items), tuple(self.discounts)).whole == value

    def take_text(self, line: Line) -> None:
        """A row without an amount: a count of the item above, its name, or the next one's name."""
        count = stated_quantity(line)
        if self.items and count is not None and count.makes(self.items[-1].total):
            self._count_last(count, line)
        elif count is not None and line.letters < _FEWEST_LETTERS:
            self.ahead = count
        elif self.items and not self.items[-1].description and _may_name(line):
            places = self.items[-1].evidence + line.places
            text = _description(line, len(line.folded))
            self.items[-1] = replace(self.items[-1], description=text, evidence=places)
        elif _may_name(line):
            self.waiting = [*self.waiting, line][-_WAITING:]

    def take_amount(self, line: Line, kind: Kind | None) -> None:
        """A row with an amount: an item, a discount, or how the item above came about."""
        amount = line.money[-1]
        if kind in _NO_ITEM and not self._is_item_all_the_same(line, kind, amount):
            return
        if self._is_discount(line, kind, amount):
            self.discounts.append(amount)
            return
        weight = weighed(line)
        if weight is not None and self.items and weight.makes(self.items[-1].total):
            self._count_last(weight, line)
            return
        count = quantity_of(line, amount)
        name = _description(line, _name_end(line, count), count)
        if not name and not self.waiting and self._explains_last(count, amount):
            self._count_last(count, line)
        elif not name and count is not None and amount.start < count.end:
            self.ahead = count
        else:
            self._add(line, amount, count, name)

    def _add(self, line: Line, amount: Printed, count: Quantity | None, name: str) -> None:
        places = line.places
        if count is None and self.ahead is not None and self.ahead.makes(amount.value):
            count = self.ahead
        agrees = count is not None and count.makes(amount.value)
        if not name and self.waiting:
            named = max(self.waiting, key=lambda text: text.letters)
            name = _description(named, len(named.folded))
            places = named.places + places
        quantity, unit_price = Decimal(1), None
        if count is not None and (agrees or count.leading):
            quantity, unit_price = count.count, count.unit_price
        sure = (0.95 if agrees else 0.85) * amount.seen
        self.items.append(Item(name, quantity, unit_price, amount.value, sure, places))
        self.waiting, self.ahead = [], None

    def _count_last(self, count: Quantity | None, line: Line) -> None:
        if count is None:
            return
        last = self.items[-1]
        self.items[-1] = replace(
            last,
            quantity=count.count,
            unit_price=count.unit_price,
            confidence=min(0.98, last.confidence + 0.1),
            evidence=last.evidence + line.places,
        )

    def _explains_last(self, count: Quantity | None, amount: Printed) -> bool:
        """Whether a row of numbers says how the item above came about: `2 x 1,99` under `3,98`."""
        if not self.items or count is None or self.items[-1].unit_price is not None:
            return False
        whole = self.items[-1].total
        return count.makes(whole) and amount.value in (count.unit_price, count.count, whole)

    def _is_discount(self, line: Line, kind: Kind | None, amount: Printed) -> bool:
        if kind is Kind.DISCOUNT:
            return amount.value < 0 or not self.doubts.rebates_are_items
        return amount.value < 0 and not self.refund and "deposit" not in line.marks

    def _is_item_all_the_same(self, line: Line, kind: Kind | None, amount: Printed) -> bool:
        """Whether a row that counts something, or says what was saved, belongs to the items."""
        if kind is not Kind.IGNORED:
            return False
        if "deposit" in line.marks:
            return True
        if self.doubts.counts_are_items and "count" in line.marks:
            return True
        numbered = line.folded[0].isdigit() and bool(self.waiting)
        return numbered or amount.value < 0 or stated_quantity(line) is not None


def _column_edge(zone: Sequence[Line]) -> float | None:
    """Where the column of amounts ends at least, where amounts have cells of their own."""
    rights = [
        amount.right
        for line in zone
        for amount in line.money[-1:]
        if line.stands_alone(amount) and amount.value and not _counts_only(line)
    ]
    return min(rights) if len(rights) >= _COLUMN else None


def _counts_only(line: Line) -> bool:
    """Whether a row has nothing but a number of things and the price of one: `0,729 kg x 48,32`."""
    return len(line.money) == 1 and stated_quantity(line) is not None


def _is_text(line: Line, edge: float | None) -> bool:
    """Whether a row has no amount of its own: none at all, or one within a name or after an @."""
    if not line.money or is_sentence(line) or line.marks & _NEVER_ITEM:
        return True
    if len(line.money) > 1:
        return False
    if _AT_PRICE.search(line.folded):
        return True
    amount = line.money[0]
    before_column = edge is not None and amount.right < edge - 2 * line.row.height
    return before_column and not line.stands_alone(amount)


def _may_name(line: Line) -> bool:
    """Whether a row of text can be the name of what is sold: no label, nothing of the head."""
    if line.letters < _FEWEST_LETTERS or line.marks & _HEAD_MARKS:
        return False
    return not any(m.start == 0 and m.mark in LABELS for m in line.mentions)


def _name_end(line: Line, count: Quantity | None) -> int:
    """Where in a row its numbers begin."""
    end = line.money[0].start
    return end if count is None or count.leading else min(end, count.start)


def _description(line: Line, end: int, count: Quantity | None = None) -> str:
    """The name in a row, up to a position; nothing where there are too few letters for one."""
    start = count.end if count is not None and count.leading else 0
    text = line.printed(start, end)
    if count is not None and count.column:
        text = re.sub(
            rf"^\W*{re.escape(count.column)}\s|\s{re.escape(count.column)}\W*$", " ", text
        )
    text = _TAIL.sub("", _CODE.sub("", text.strip())).strip()
    letters = sum(character.isalpha() for character in text)
    return " ".join(text.split()) if letters >= 2 and text.upper() not in _UNITS else ""
