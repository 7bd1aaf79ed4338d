"""Receipts drawn as text with positions from known facts, with a seed."""

from __future__ import annotations

import datetime as dt
import math
import random
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from daemon.receipts.text import PageText, TextLine
from tests.receipts.locales import LOCALES, Locale

CENT = Decimal("0.01")
_ROW = 34.0
_CHARACTER = 13.0
_RIGHT = 620.0


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
    pages: list[PageText] = field(default_factory=list)

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
    chance = random.Random(seed)
    locale = LOCALES[seed % len(LOCALES)]
    paper = _Paper(chance)
    mark = chance.choice(locale.marks)
    refund = chance.random() < 0.08
    sign = -1 if refund else 1

    def money(value: Decimal) -> str:
        return f"{mark}{locale.money(value)}" if value >= 0 else f"-{mark}{locale.money(-value)}"

    date = dt.date(2015, 1, 1) + dt.timedelta(days=chance.randrange(4000))
    merchant = _head(paper, chance, locale, date, refund=refund)
    whole = _items(paper, chance, locale, sign)
    total = _sums(paper, chance, locale, whole, money)
    _foot(paper, chance, locale, total, money)
    return Drawn(locale, total, date, merchant, whole, [paper.page()])


def _head(
    paper: _Paper, chance: random.Random, locale: Locale, date: dt.date, *, refund: bool
) -> str:
    merchant = chance.choice(locale.merchants)
    for row in merchant:
        paper.write(row, 120.0)
    if refund:
        paper.write(chance.choice(locale.refund), 200.0)
    day = locale.day(date, chance.choice(locale.dates))
    clock = f"{chance.randrange(8, 22):02d}:{chance.randrange(60):02d}"
    label = chance.choice(locale.date)
    if chance.random() < 0.5:
        paper.write(f"{label} {day} {clock}".strip())
    else:
        paper.pair(label or clock, day)
    paper.y += 20
    return merchant[0]


def _items(paper: _Paper, chance: random.Random, locale: Locale, sign: int) -> Decimal:
    whole = Decimal(0)
    for name in chance.sample(locale.items, chance.randrange(1, len(locale.items))):
        dear = chance.random() < 0.05
        price = cents(
            Decimal(chance.randrange(120000, 300000) if dear else chance.randrange(50, 4000)) / 100
        )
        count = chance.choice((1, 1, 1, 2, 3))
        total = sign * price * count
        whole += total
        if count > 1 and chance.random() < 0.7:
            paper.write(f"{count} x {locale.money(price)}", 60.0)
        paper.pair(name, locale.money(total))
    paper.y += 10
    return whole


def _sums(paper: _Paper, chance: random.Random, locale: Locale, whole: Decimal, money) -> Decimal:  # type: ignore[no-untyped-def]
    total = whole
    rate = locale.tax_rate / 100
    if chance.random() < 0.5 or not locale.tax_included:
        paper.pair(chance.choice(locale.subtotal), money(whole))
    if chance.random() < 0.2 and whole > 5:
        off = cents(whole / 10)
        paper.pair(chance.choice(locale.discount), money(-off))
        total -= off
    if not locale.tax_included:
        tax = cents(total * rate)
        paper.pair(chance.choice(locale.tax), money(tax))
        total += tax
    if chance.random() < 0.12 and total > 0:
        tip = cents(total / 10)
        paper.pair(chance.choice(locale.tip), money(tip))
        total += tip
    if locale.rounding and total % Decimal("0.05"):
        rounded = cents((total * 20).to_integral_value(ROUND_HALF_UP) / 20)
        paper.pair(chance.choice(locale.rounding), money(rounded - total))
        total = rounded
    label = chance.choice(locale.total)
    if chance.random() < 0.15:
        label = slipped(chance, label)
    paper.pair(label, money(total), below=chance.random() < 0.12)
    if locale.tax_included and chance.random() < 0.6:
        paper.pair(chance.choice(locale.tax), money(cents(total - total / (1 + rate))))
    return total


def _foot(paper: _Paper, chance: random.Random, locale: Locale, total: Decimal, money) -> None:  # type: ignore[no-untyped-def]
    if chance.random() < 0.5 and total > 0:
        given = (total / 10).to_integral_value(ROUND_HALF_UP) * 10 + 10
        paper.pair(chance.choice(locale.cash), money(cents(given)))
        paper.pair(chance.choice(locale.change), money(cents(given - total)))
    else:
        paper.pair(chance.choice(locale.card), money(total))
    if chance.random() < 0.3:
        paper.pair(chance.choice(locale.count), str(chance.randrange(1, 12)))
    if chance.random() < 0.25:
        paper.pair(chance.choice(locale.saving), money(cents(abs(total) / 7 + Decimal("0.5"))))
    paper.write(chance.choice(locale.thanks), 140.0)
