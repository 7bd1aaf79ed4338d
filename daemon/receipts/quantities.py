"""How many, at what price each: `2 x 1,99`, `1,99 x 2`, `@3 X RM 1.20`, `22.68 l 1.499 EUR/l`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from daemon.receipts.lines import Line, Printed

_SLACK = Decimal("0.011")
_UNITS = r"(?:STK|ST|STUCK|UNITS?|PCS|PC|PZ|UDS?|UN|KG|G|L|LTR|LBS?|GAL|OZ|M|SET|UNI|STUKS|EA)?"
_PRICE = r"(?P<price>-?(?:\d{1,3}(?:[.,'\u2019 ]\d{3})+|\d{1,6})[.,]\d{2,4})"
_COUNT_FIRST = re.compile(
    rf"(?<![\d.,\w])@?\s?(?P<count>\d{{1,4}}(?:[.,]\d{{1,3}})?)\s?{_UNITS}\.?\s?[X*@\u00d7]\s?"
    rf"(?:RM|EUR|CHF|USD|GBP|[€$£])?\s?{_PRICE}"
)
_PRICE_FIRST = re.compile(
    r"(?P<price>\d{1,6}[.,]\d{2})\s?(?:EUR|€)?\s?[X*\u00d7]\s?(?P<count>\d{1,3})(?![\d.,%])"
)
_WEIGHT = re.compile(r"(?<![\d.,])(\d{1,4}[.,]\d{1,3})\s?(?:KG|L|LTR|LITER|LITRE|GAL|LB)\b")
_LEADING = re.compile(r"\W{0,2}(\d{1,3})\s?[X*\u00d7]?\s+(?=[^\W\d])")
_LONE = re.compile(r"(?<![\w.,/-])(\d{1,4}(?:[.,]\d{1,3})?)(?![\w.,%/-])")


@dataclass(frozen=True, slots=True)
class Quantity:
    """How many; `unit_price` is None where none is printed.

    `start` and `end` are where it stands in the folded text of its row; a count that only leads a
    name has `leading`, one in a column of its own is as printed in `column`.
    """

    count: Decimal
    unit_price: Decimal | None
    start: int
    end: int
    leading: bool = False
    column: str = ""

    def makes(self, total: Decimal) -> bool:
        """Whether count times price is this total, to the cent that it was rounded to."""
        if self.unit_price is None:
            return False
        return abs(self.count * self.unit_price - abs(total)) <= _SLACK


def stated_quantity(line: Line) -> Quantity | None:
    """A count and a price with a sign between them, or a weight and a price per unit of it."""
    for pattern in (_COUNT_FIRST, _PRICE_FIRST):
        match = pattern.search(line.folded)
        if match is not None:
            return Quantity(_number(match["count"]), abs(_number(match["price"])), *match.span())
    weight = _WEIGHT.search(line.folded)
    prices = [amount.value for amount in line.amounts if amount.per_unit]
    if weight is None or not prices:
        return None
    return Quantity(_number(weight[1]), prices[-1], *weight.span())


def quantity_of(line: Line, amount: Printed) -> Quantity | None:
    """How many a row with an amount is about: stated, in columns of their own, or leading."""
    stated = stated_quantity(line)
    if stated is not None:
        return stated
    columns = _in_columns(line, amount)
    if columns is not None:
        return columns
    match = _LEADING.match(line.folded)
    if match is None:
        return None
    return Quantity(Decimal(match[1]), None, 0, match.end(), leading=True)


def weighed(line: Line) -> Quantity | None:
    """A row whose only amount is a weight, as the price per unit after it tells."""
    prices = [amount for amount in line.amounts if amount.per_unit]
    if not prices or len(line.money) != 1 or line.money[0].start > prices[-1].start:
        return None
    return Quantity(line.money[0].value, prices[-1].value, 0, 0)


def _in_columns(line: Line, amount: Printed) -> Quantity | None:
    """A number and a price before an amount that they make, whatever columns are between."""
    prices = [p for p in line.amounts if p is not amount and p.value and p.start < amount.start]
    for match in _LONE.finditer(line.folded[: amount.start]):
        count = _number(match[1])
        for price in prices:
            found = Quantity(count, price.value, price.start, price.end, column=match[0])
            if price.start != match.start() and found.makes(amount.value):
                return found
    for price in prices:
        if price.value == amount.value:
            return Quantity(Decimal(1), price.value, price.start, price.end)
    return None


def _number(text: str) -> Decimal:
    """A number with any marks between its digits: the last point or comma parts its decimals."""
    whole, mark, decimals = re.sub(r"['\u2019 ]", "", text).replace(",", ".").rpartition(".")
    return Decimal(f"{whole.replace('.', '')}.{decimals}" if mark else decimals)
