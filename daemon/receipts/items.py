"""The positions between the head of a receipt and its sums."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from daemon.receipts.lines import Line, Printed
from daemon.receipts.model import Evidence, Item
from daemon.receipts.statements import Kind, Statement, is_table_head

_SUMS = frozenset((Kind.ROUNDED, Kind.DUE, Kind.TOTAL, Kind.SUBTOTAL, Kind.NET))
_LATER_SUMS = frozenset((Kind.CASH, Kind.CARD, Kind.CHANGE, Kind.TAX, Kind.WALLET))
_NO_ITEM = _SUMS | {Kind.IGNORED, Kind.CHANGE, Kind.TAX, Kind.ROUNDING, Kind.TIP}
_HEAD_MARKS = frozenset({"date", "time", "phone", "tax_id", "receipt_number", "staff", "web"})
_COUNTED = re.compile(
    r"(?<![\d.,\w])@?\s?(?P<count>\d{1,4}(?:[.,]\d{1,3})?)\s?"
    r"(?:STK|ST|STUCK|UNITS?|PCS|PC|PZ|UDS?|UN|KG|G|L|LTR|SET|UNI|STUKS|EA)?\.?\s?[X*@\u00d7]\s?"
    r"(?:RM|EUR|CHF|USD|GBP|[€$£])?\s?(?P<price>-?(?:\d{1,3}(?:[.,'\u2019 ]\d{3})+|\d{1,6})[.,]\d{2,4})"
)
_PRICED = re.compile(
    r"(?P<price>\d{1,6}[.,]\d{2})\s?(?:EUR|€)?\s?[X*\u00d7]\s?(?P<count>\d{1,3})(?![\d.,%])"
)
_AT_PRICE = re.compile(r"@\s?(?:RM|[$€£])?\s?\d{1,5}[.,]\d{2}\s*$")
"""A row that ends in the price of one: its amount is on the next row."""
_LEADING_COUNT = re.compile(r"\W{0,2}(\d{1,3})\s?[X*\u00d7]?\s+(?=[^\W\d])")
_LONE_COUNT = re.compile(r"(?<![\w.,/-])(\d{1,4}(?:[.,]\d{1,3})?)(?![\w.,%/-])")
_CODE = re.compile(r"^\W*(?:\d{5,14}|\d+\.)\s*")
_TAIL = re.compile(r"[\s|@*x:,.\-=]*$", re.IGNORECASE)
_COLUMN = 2
_SLACK = Decimal("0.011")


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


@dataclass(frozen=True, slots=True)
class _Count:
    quantity: Decimal
    unit_price: Decimal | None
    start: int
    end: int

    def makes(self, total: Decimal) -> bool:
        """Whether quantity times price is this total, to the cent it was rounded to."""
        if self.unit_price is None:
            return False
        return abs(self.quantity * self.unit_price - total) <= _SLACK


def items_of(lines: Sequence[Line], statements: Sequence[Statement], *, refund: bool) -> Positions:
    """All positions; `refund` says that amounts below zero are items and no discounts."""
    zone = _zone(lines, statements)
    edge = _column_edge(zone)
    kinds: dict[int, Kind] = {s.line.index: s.kind for s in statements}
    items: list[Item] = []
    discounts: list[Printed] = []
    waiting: list[Line] = []
    ahead: _Count | None = None
    for line in zone:
        if _is_text(line, edge):
            if not _count_only(line, items) and not _names_last(line, items):
                waiting = [*waiting[-1:], line] if _may_name(line) else waiting
            continue
        kind = kinds.get(line.index)
        amount = line.money[-1]
        if kind in _NO_ITEM and not _is_item_all_the_same(line, kind, amount, named=bool(waiting)):
            continue
        if _is_discount(line, kind, amount, refund=refund):
            discounts.append(amount)
            continue
        count = _count_in(line, amount)
        if _weighs(items, line):
            continue
        description = _description(line, amount, count)
        if not description and not waiting and _explains(items, count, amount):
            items[-1] = _with_count(items[-1], count, line)
            continue
        if count is not None and not description and amount.start < count.end:
            ahead = count
            continue
        if not description and waiting:
            description = _description(waiting[-1], None, None)
        if not description and (count is None or not count.makes(amount.value)):
            continue  # numbers that nothing names, such as the sum of a column
        item = _item(line, amount, count or _matching(ahead, amount), description, waiting)
        items.append(item)
        waiting, ahead = [], None
    return Positions(
        tuple(item for item in items if item.total or item.description), tuple(discounts)
    )


def _column_edge(zone: Sequence[Line]) -> float | None:
    """Where the column of amounts ends at least, where amounts have cells of their own."""
    rights = [
        amount.right
        for line in zone
        for amount in line.money[-1:]
        if line.stands_alone(amount) and amount.value
    ]
    return min(rights) if len(rights) >= _COLUMN else None


def _is_text(line: Line, edge: float | None) -> bool:
    """Whether a row has no amount of its own: none at all, or one within a name or after an @."""
    if not line.money:
        return True
    if len(line.money) > 1:
        return False
    if _AT_PRICE.search(line.folded):
        return True
    amount = line.money[0]
    before_column = edge is not None and amount.right < edge - 2 * line.row.height
    return before_column and not line.stands_alone(amount)


def _may_name(line: Line) -> bool:
    """Whether a row of text can be the name of what is sold."""
    return line.letters >= 3 and not line.marks & _HEAD_MARKS


def _is_item_all_the_same(line: Line, kind: Kind | None, amount: Printed, *, named: bool) -> bool:
    """Whether a row that counts something, or says what was saved, belongs to the items."""
    if kind is not Kind.IGNORED:
        return False
    counts = line.folded[0].isdigit() and named
    return counts or amount.value < 0 or bool(_COUNTED.search(line.folded))


def _zone(lines: Sequence[Line], statements: Sequence[Statement]) -> Sequence[Line]:
    """The rows from the head of the table, or the first amount, to the first sum."""
    start = next((n + 1 for n, line in enumerate(lines) if is_table_head(line)), 0)
    first = next((n for n in range(start, len(lines)) if lines[n].money), None)
    if first is None:
        return ()
    sums = [s.line for s in statements if s.kind in _SUMS and s.line.index > first]
    ends = [line.index for line in sums if not line.rates] or [line.index for line in sums]
    if not ends:
        ends = [s.line.index for s in statements if s.kind in _LATER_SUMS and s.line.index > first]
    if not ends:
        return ()
    return lines[max(start, first - 2) : min(ends)]


def _is_discount(line: Line, kind: Kind | None, amount: Printed, *, refund: bool) -> bool:
    if kind is Kind.DISCOUNT:
        return True
    return amount.value < 0 and not refund and "deposit" not in line.marks


def _count_in(line: Line, amount: Printed) -> _Count | None:
    for pattern in (_COUNTED, _PRICED):
        match = pattern.search(line.folded)
        if match:
            each = _decimal(match["price"])
            return _Count(_decimal(match["count"]), each, *match.span())
    prices = [p for p in line.amounts if p is not amount and p.value and p.start < amount.start]
    for match in _LONE_COUNT.finditer(line.folded[: amount.start]):
        quantity = _decimal(match[1])
        for price in prices:
            if (
                price.start != match.start()
                and abs(quantity * price.value - amount.value) <= _SLACK
            ):
                start = min(match.start(), price.start)
                return _Count(quantity, price.value, start, price.end)
    for same in prices:
        if same.value == amount.value:
            return _Count(Decimal(1), same.value, same.start, same.end)
    match = _LEADING_COUNT.match(line.folded)
    if match:
        return _Count(Decimal(match[1]), None, -1, match.end())
    return None


def _decimal(text: str) -> Decimal:
    """A number with any marks between its digits: the last point or comma parts its decimals."""
    whole, mark, decimals = re.sub(r"['\u2019 ]", "", text).replace(",", ".").rpartition(".")
    return Decimal(f"{whole.replace('.', '')}.{decimals}" if mark else decimals)


def _description(line: Line, amount: Printed | None, count: _Count | None) -> str:
    end = len(line.folded)
    if amount is not None:
        end = min(end, line.money[0].start if line.money else end)
    if count is not None and count.start >= 0:
        end = min(end, count.start)
    text = line.printed(0, end)
    if count is not None and count.start < 0:
        text = _LEADING_COUNT.sub("", text, count=1)
    text = _TAIL.sub("", _CODE.sub("", text)).strip()
    letters = sum(character.isalpha() for character in text)
    return " ".join(text.split()) if letters >= 2 else ""


def _explains(items: Sequence[Item], count: _Count | None, amount: Printed) -> bool:
    """Whether a row of numbers says how the item above came about: `2 x 1,99` below `3,98`."""
    if not items or count is None or count.unit_price is None:
        return False
    whole = items[-1].total
    return count.makes(whole) and amount.value in (count.unit_price, count.quantity, whole)


def _count_only(line: Line, items: list[Item]) -> bool:
    """Whether a row has no more than how the item above came about; then the item knows it."""
    match = _COUNTED.search(line.folded)
    if match is None or not items:
        return False
    count = _Count(_decimal(match["count"]), _decimal(match["price"]), *match.span())
    if not count.makes(items[-1].total):
        return False
    items[-1] = _with_count(items[-1], count, line)
    return True


def _names_last(line: Line, items: list[Item]) -> bool:
    """Whether a row of text is the name of the item above, whose own row had numbers only."""
    if not items or items[-1].description or line.letters < 3:
        return False
    places = items[-1].evidence + line.row.places
    items[-1] = replace(items[-1], description=_description(line, None, None), evidence=places)
    return True


def _weighs(items: list[Item], line: Line) -> bool:
    """Whether a row weighs the item above: `22.68 l 1.499 EUR/l` below `34.00`."""
    prices = [amount for amount in line.amounts if amount.per_unit]
    if not items or not prices or len(line.money) != 1 or line.money[0].start > prices[-1].start:
        return False
    count = _Count(line.money[0].value, prices[-1].value, 0, 0)
    if not count.makes(items[-1].total):
        return False
    items[-1] = _with_count(items[-1], count, line)
    return True


def _with_count(item: Item, count: _Count | None, line: Line) -> Item:
    if count is None:
        return item
    return replace(
        item,
        quantity=count.quantity,
        unit_price=count.unit_price,
        confidence=min(0.98, item.confidence + 0.1),
        evidence=item.evidence + line.row.places,
    )


def _matching(ahead: _Count | None, amount: Printed) -> _Count | None:
    return ahead if ahead is not None and ahead.makes(amount.value) else None


def _item(
    line: Line,
    amount: Printed,
    count: _Count | None,
    description: str,
    waiting: Sequence[Line],
) -> Item:
    places: tuple[Evidence, ...] = line.row.places
    if waiting and not _description(line, amount, count):
        places = waiting[-1].row.places + places
    agrees = count is not None and count.makes(amount.value)
    unit_price = count.unit_price if count is not None and agrees else None
    quantity = count.quantity if count is not None and (agrees or count.start < 0) else Decimal(1)
    sure = 0.92 if agrees else 0.8
    return Item(description, quantity, unit_price, amount.value, sure * amount.seen, places)
