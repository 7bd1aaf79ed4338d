"""Receipts drawn as text with positions from known facts, with a seed."""

from __future__ import annotations

import datetime as dt
import math
import random
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from daemon.receipts.text import PageText, TextLine
from tests.receipts.locales import LOCALES, Locale

CENT = Decimal("0.01")
_ROW = 34.0
_CHARACTER = 13.0
_RIGHT = 620.0
_COLUMNS = (60.0, 340.0, 480.0, _RIGHT)


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


@dataclass
class Drawn:
    """A receipt and what is true of it."""

    locale: Locale
    total: Decimal
    date: dt.date
    merchant: str
    items: Decimal
    facts: dict[str, Decimal]
    """What else it prints, by the names of the fields."""
    pages: list[PageText]

    @property
    def text(self) -> str:
        return "\n".join(line.text for page in self.pages for line in page.lines)


class _Paper:
    """Rows of cells, placed as they are written."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.lines: list[tuple[str, float, float]] = []
        self.y = 60.0
        self.apart = chance.random() < 0.8

    def write(self, text: str, x: float = 40.0) -> None:
        self.lines.append((text, x, self.y))
        self.y += _ROW

    def cells(self, *cells: tuple[str, float]) -> None:
        """Cells of a table, each ending at its column."""
        for text, right in cells:
            self.lines.append((text, max(10.0, right - _CHARACTER * len(text)), self.y))
        self.y += _ROW

    def pair(self, label: str, amount: str, *, below: bool = False) -> None:
        """A label and its amount, as boxes of their own, as one box, or one below the other."""
        if below:
            self.write(label)
            self.write(amount, _RIGHT - _CHARACTER * len(amount))
        elif self.apart:
            self.lines.append((label, 40.0, self.y + self.chance.uniform(-3, 3)))
            self.lines.append((amount, _RIGHT - _CHARACTER * len(amount), self.y))
            self.y += _ROW
        else:
            self.write(f"{label}  {amount}")

    def page(self) -> PageText:
        """The page, a little askew, its lines in no particular order."""
        angle = self.chance.choice((0.0, 0.0, 0.02, -0.03))
        placed = [(text, _box(text, x, y, angle)) for text, x, y in self.lines]
        if self.chance.random() < 0.3:
            self.chance.shuffle(placed)
        lines = [TextLine(n, text, 0.98, box) for n, (text, box) in enumerate(placed)]
        return PageText(1, 700, int(self.y + 60), tuple(lines))


def _box(text: str, x: float, y: float, angle: float) -> tuple[float, ...]:
    width, height = _CHARACTER * len(text), 24.0
    corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    turned: list[float] = []
    for across, down in corners:
        turned.append(across * math.cos(angle) - down * math.sin(angle))
        turned.append(across * math.sin(angle) + down * math.cos(angle))
    return tuple(turned)  # type: ignore[return-value]


def slipped(chance: random.Random, label: str) -> str:
    """The label as OCR might read it: `T0tal`, `Tota1`."""
    swaps = [
        (a, b)
        for a, b in (("O", "0"), ("o", "0"), ("l", "1"), ("I", "1"), ("S", "5"))
        if a in label
    ]
    if not swaps or len(label) < 5:
        return label
    old, new = chance.choice(swaps)
    return label.replace(old, new, 1)


def draw(seed: int) -> Drawn:
    """A receipt of one of ten countries; the same seed draws the same receipt."""
    return _Till(seed).receipt()


class _Till:
    """Draws one receipt from the top down and keeps what it printed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.locale = LOCALES[seed % len(LOCALES)]
        self.paper = _Paper(self.chance)
        self.mark = self.chance.choice(self.locale.marks)
        self.refund = self.chance.random() < 0.08
        self.facts: dict[str, Decimal] = {}

    def receipt(self) -> Drawn:
        date = dt.date(2015, 1, 1) + dt.timedelta(days=self.chance.randrange(4000))
        merchant = self.head(date)
        items = self.items()
        total = self.sums(items)
        self.foot(total)
        page = self.paper.page()
        return Drawn(self.locale, total, date, merchant, items, self.facts, [page])

    def money(self, value: Decimal) -> str:
        sign = "-" if value < 0 else ""
        return f"{sign}{self.mark}{self.locale.money(abs(value))}"

    def state(self, labels: tuple[str, ...], value: Decimal, name: str | None = None) -> None:
        """One of the words for something, with its amount; `name` is the field that it is."""
        self.paper.pair(self.chance.choice(labels), self.money(value))
        if name is not None:
            self.facts[name] = value

    def head(self, date: dt.date) -> str:
        merchant = self.chance.choice(self.locale.merchants)
        for row in merchant:
            self.paper.write(row, 120.0)
        if self.refund:
            self.paper.write(self.chance.choice(self.locale.refund), 200.0)
        day = self.locale.day(date, self.chance.choice(self.locale.dates))
        clock = f"{self.chance.randrange(8, 22):02d}:{self.chance.randrange(60):02d}"
        label = self.chance.choice(self.locale.date)
        if self.chance.random() < 0.5:
            self.paper.write(f"{label} {day} {clock}".strip())
        else:
            self.paper.pair(label or clock, day)
        self.paper.y += 20
        return merchant[0]

    def items(self) -> Decimal:
        names = self.locale.items
        style = self.chance.choice((self.above, self.above, self.below, self.inline, self.table))
        if style == self.table:
            self.paper.cells(*zip(self.locale.columns, _COLUMNS, strict=True))
        whole = Decimal(0)
        for name in self.chance.sample(names, self.chance.randrange(1, len(names))):
            dear = self.chance.random() < 0.05
            price = Decimal(self.chance.randrange(*((120_000, 300_000) if dear else (50, 4000))))
            price = cents(price / 100)
            count = self.chance.choice((1, 1, 1, 2, 3))
            total = price * count * (-1 if self.refund else 1)
            whole += total
            style(name, count, price, total)
        self.paper.y += 10
        return whole

    def above(self, name: str, count: int, price: Decimal, total: Decimal) -> None:
        """`2 x 1,99` on a row above the name and its amount."""
        if count > 1:
            self.paper.write(f"{count} x {self.locale.money(price)}", 60.0)
        self.paper.pair(name, self.locale.money(total))

    def below(self, name: str, count: int, price: Decimal, total: Decimal) -> None:
        """`2 x 1,99` on a row below the name and its amount."""
        self.paper.pair(name, self.locale.money(total))
        if count > 1:
            self.paper.write(f"{count} x {self.locale.money(price)}", 60.0)

    def inline(self, name: str, count: int, price: Decimal, total: Decimal) -> None:
        """The count before the name, and no price of one."""
        self.paper.pair(f"{count} {name}", self.locale.money(total))

    def table(self, name: str, count: int, price: Decimal, total: Decimal) -> None:
        """Count, name, price of one and amount in columns."""
        texts = (str(count), name, self.locale.money(price), self.locale.money(total))
        self.paper.cells(*zip(texts, _COLUMNS, strict=True))

    def taxes(self, total: Decimal) -> None:
        """The tax in a table by rates, of which there is one."""
        rate = self.locale.tax_rate
        tax = cents(total - total / (1 + rate / 100))
        self.paper.cells(*zip(self.locale.tax_table, _COLUMNS, strict=True))
        percent = f"{rate}%".replace(".", self.locale.point)
        amounts = (self.locale.money(value) for value in (total - tax, tax, total))
        self.paper.cells(*zip((percent, *amounts), _COLUMNS, strict=True))
        self.facts["tax"] = tax

    def sums(self, items: Decimal) -> Decimal:
        total = items
        rate = self.locale.tax_rate / 100
        if self.chance.random() < 0.5 or not self.locale.tax_included:
            self.state(self.locale.subtotal, items, "subtotal")
        if self.chance.random() < 0.2 and items > 5:
            off = cents(items / 10)
            self.state(self.locale.discount, -off)
            self.facts["discount"] = off
            total -= off
        if not self.locale.tax_included:
            tax = cents(total * rate)
            self.state(self.locale.tax, tax, "tax")
            total += tax
        if self.chance.random() < 0.12 and total > 0:
            tip = cents(total / 10)
            self.state(self.locale.tip, tip, "tip")
            total += tip
        if self.locale.rounding and total % Decimal("0.05"):
            rounded = cents((total * 20).to_integral_value(ROUND_HALF_UP) / 20)
            self.state(self.locale.rounding, rounded - total, "rounding")
            total = rounded
        label = self.chance.choice(self.locale.total)
        if self.chance.random() < 0.15:
            label = slipped(self.chance, label)
        self.paper.pair(label, self.money(total), below=self.chance.random() < 0.12)
        if self.locale.tax_included and self.chance.random() < 0.4:
            self.state(self.locale.tax, cents(total - total / (1 + rate)), "tax")
        return total

    def foot(self, total: Decimal) -> None:
        if self.chance.random() < 0.5 and total > 0:
            given = cents((total / 10).to_integral_value(ROUND_HALF_UP) * 10 + 10)
            self.state(self.locale.cash, given, "paid")
            self.state(self.locale.change, given - total, "change")
        else:
            self.state(self.locale.card, total)
        if self.locale.tax_included and "tax" not in self.facts and self.chance.random() < 0.6:
            self.taxes(total)
        if self.chance.random() < 0.3:
            count = str(self.chance.randrange(1, 12))
            self.paper.pair(self.chance.choice(self.locale.count), count)
        if self.chance.random() < 0.25:
            self.state(self.locale.saving, cents(abs(total) / 7 + Decimal("0.5")))
        self.paper.write(self.chance.choice(self.locale.thanks), 140.0)
        if "paid" not in self.facts and self.chance.random() < 0.4:
            self.paper.y += 30
            self.paper.write(self.locale.slip, 100.0)
            self.state(self.locale.card, total)
