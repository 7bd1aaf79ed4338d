"""Prints a purchase as rows, in the habits of a shop, with all that receipts say besides."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tests.receipts.house import House, house
from tests.receipts.locales import LOCALES, Locale
from tests.receipts.purchase import ZERO, Position, Purchase, cents, purchase
from tests.receipts.rows import Cell, Row, Sheet

_LABEL_SHARE = 0.62
"""The part of a row that a name may take before its amount."""


@dataclass
class Printed:
    """A receipt as printed and what is true of it; `facts` has what else it prints, by field."""

    purchase: Purchase
    sheet: Sheet
    facts: dict[str, Decimal] = field(default_factory=dict)

    @property
    def locale(self) -> Locale:
        return self.purchase.locale

    @property
    def total(self) -> Decimal:
        return self.purchase.total

    @property
    def date(self) -> dt.date:
        return self.purchase.when.date()


def printed(seed: int | str, *, locale: Locale | None = None) -> Printed:
    """A receipt of one of ten countries; the same seed prints the same receipt."""
    chance = random.Random(f"receipt {seed}")
    country = locale or LOCALES[chance.randrange(len(LOCALES))]
    bought = purchase(chance, country)
    return _Till(chance, house(chance, country), bought).print()


class _Till:
    """Prints from the top down."""

    def __init__(self, chance: random.Random, shop: House, bought: Purchase) -> None:
        self.chance = chance
        self.shop = shop
        self.bought = bought
        self.words = bought.locale
        self.rows: list[Row] = []
        self.facts: dict[str, Decimal] = {}
        self.one_rate = len({position.rate for position in bought.positions}) == 1

    def print(self) -> Printed:
        self.head()
        if not self.shop.date_below:
            self.moment()
        self.rule()
        self.positions()
        self.rule()
        self.sums()
        self.payment()
        self.aside()
        if self.shop.date_below:
            self.moment()
        self.foot()
        return Printed(self.bought, Sheet(self.shop.columns, tuple(self.rows)), self.facts)

    # Rows

    def write(self, text: str, *, scale: float = 1.0, bold: bool = False) -> None:
        """A centred row, or one from the left edge."""
        if self.shop.upper:
            text = text.upper()
        middle = Cell(text, self.shop.columns / 2, "center")
        left = Cell(text, 0)
        fits = len(text) * scale <= self.shop.columns
        self.add(middle if fits and self.chance.random() < 0.6 else left, scale=scale, bold=bold)

    def add(self, *cells: Cell, scale: float = 1.0, bold: bool = False, above: float = 0.0) -> None:
        self.rows.append(Row(cells, scale, bold, above))

    def pair(
        self,
        label: str,
        amount: str,
        *,
        scale: float = 1.0,
        bold: bool = False,
        below: bool = False,
    ) -> None:
        """A label at the left and its amount at the right, or on the row below."""
        columns = self.shop.columns
        if self.shop.upper:
            label = label.upper()
        if below or (len(label) + len(amount) + 2) * scale > columns:
            self.add(Cell(label, 0), scale=scale, bold=bold)
            self.add(Cell(amount, columns, "right"), scale=scale, bold=bold)
            return
        if self.shop.leader and scale == 1:
            label += " " + self.shop.leader * (columns - len(label) - len(amount) - 2)
        self.add(Cell(label, 0), Cell(amount, columns, "right"), scale=scale, bold=bold)

    def state(self, labels: tuple[str, ...], value: Decimal, name: str | None = None) -> None:
        """One of the words for something with its amount; `name` is the field that it is."""
        self.pair(self.chance.choice(labels) + self.shop.colon, self.shop.money(value))
        if name is not None:
            self.facts[name] = self.facts.get(name, ZERO) + value

    def rule(self) -> None:
        if self.shop.rule:
            count = self.shop.columns // len(self.shop.rule)
            self.add(Cell(self.shop.rule * count, 0))
        else:
            self.add(above=0.3)

    def maybe(self, chance: float) -> bool:
        return self.chance.random() < chance

    def some(self, phrases: Iterable[str], chance: float) -> Iterable[str]:
        return (phrase for phrase in phrases if self.maybe(chance))

    # Parts

    def head(self) -> None:
        name, *rest = self.bought.merchant
        self.write(name, scale=self.chance.choice((1.0, 1.3, 1.6)), bold=self.maybe(0.5))
        for row in rest:
            self.write(row)
        for slogan in self.some(self.words.slogans, 0.15):
            self.write(slogan)
        if self.bought.refund:
            self.write(self.chance.choice(self.words.refund), scale=1.2, bold=True)
            for phrase in self.some(self.words.original[:1], 0.3):
                self.write(phrase.format(day=self.other_day()))

    def moment(self) -> None:
        """The date and time, and the numbers that stand around them."""
        form = self.chance.choice(self.words.dates)
        day = self.words.day(self.bought.when.date(), form)
        clock = self.bought.when.strftime(self.chance.choice(self.words.clocks))
        label = self.chance.choice(self.words.date)
        number = self.chance.choice(self.words.numbers).format(n=self.chance.randrange(10, 999999))
        way = self.chance.randrange(6)
        if way == 0:
            self.add(Cell(f"{label} {day}".strip(), 0), Cell(clock, self.shop.columns, "right"))
            self.write(number)
        elif way == 1:
            self.write(number)
            self.write(f"{label} {day} {clock}".strip())
        elif way == 2:
            self.add(Cell(day, 0), Cell(clock, self.shop.columns, "right"))
        elif way == 3 and len(number) + len(day) + 2 <= self.shop.columns:
            self.add(Cell(number, 0), Cell(day, self.shop.columns, "right"))
            self.write(clock)
        elif way == 4 and label:
            self.pair(label, day)
            self.write(clock)
        else:
            joint = "T" if form == "%Y-%m-%d" and self.maybe(0.3) and len(clock) > 7 else "  "
            self.write(f"{day}{joint}{clock.strip()}")
        for phrase in self.some(self.words.staff, 0.2):
            self.write(phrase)

    def positions(self) -> None:
        if self.shop.items == "table":
            self.add(*self.table_cells(self.words.columns))
        elif self.maybe(0.15) and self.shop.mark.strip():
            self.add(Cell(self.shop.mark.strip(), self.shop.columns, "right"))
        for position in self.bought.positions:
            self.position(position)
            if position.discount:
                self.state(self.words.discount, -position.discount)
                self.facts["discount"] = self.facts.get("discount", ZERO) + position.discount

    def position(self, position: Position) -> None:
        amount = self.shop.money(position.total, part="item") + self.code(position.rate)
        several = position.count != 1
        price, count = self.words.number(position.price), f"{position.count}"
        style = self.shop.items
        name = position.name
        if position.weighed:
            self.pair(self.cut(name, amount), amount)
            weight = self.words.number(position.count, 3)
            kind = self.chance.choice(self.words.weight)
            self.add(Cell(kind.format(kg=weight, price=price), 2))
        elif style == "table":
            self.add(*self.table_cells((count, name, price, amount)))
        elif style == "numbers_below":
            self.add(Cell(name, 0))
            mark = self.chance.choice(("x", "X", "@"))
            self.add(Cell(f"{count} {mark} {price}", 4), Cell(amount, self.shop.columns, "right"))
        elif style == "inline" and several:
            self.pair(self.cut(f"{count} {name}", amount), amount)
        elif style == "coded":
            code = str(self.chance.randrange(10**6, 10**7))
            self.pair(self.cut(f"{code} {name}", amount), amount)
            if several:
                self.add(Cell(f"{count} x {price}", 4))
        else:
            if several and style == "above":
                self.add(Cell(f"{count} x {price}", 2))
            self.pair(self.cut(name, amount), amount)
            if several and style != "above":
                self.add(Cell(f"{count} x {price}", 2))

    def cut(self, name: str, amount: str) -> str:
        """A name as far as it has room, as tills cut it."""
        room = min(self.shop.columns - len(amount) - 2, int(self.shop.columns * _LABEL_SHARE))
        return name[: max(6, room)]

    def code(self, rate: Decimal) -> str:
        """The letter that tells the tax of an item, where the shop prints such."""
        if not self.shop.codes or self.shop.after:
            return ""
        known = [Decimal(text) for text in self.words.rates]
        return f" {self.words.codes[known.index(rate) % len(self.words.codes)]}"

    def table_cells(self, texts: Iterable[str]) -> tuple[Cell, ...]:
        count, name, price, amount = texts
        width = self.shop.columns
        room = max(6, width - len(amount) - len(price) - 8)
        return (
            Cell(count, 3, "right"),
            Cell(name[:room], 4),
            Cell(price, width - max(len(amount), 9) - 1, "right"),
            Cell(amount, width, "right"),
        )

    def sums(self) -> None:
        bought = self.bought
        apart = bought.coupon or bought.service or bought.tax_on_top
        if (apart and self.maybe(0.85)) or self.maybe(0.35):
            self.state(self.words.subtotal, bought.subtotal, "subtotal")
        if bought.coupon:
            self.state(self.words.discount, -bought.coupon)
            self.facts["discount"] = self.facts.get("discount", ZERO) + bought.coupon
        if bought.service:
            self.state(self.words.service, bought.service)
        if bought.tax_on_top:
            self.state(self.words.tax, bought.tax_on_top, "tax")
        extended = bought.tip or bought.rounding
        if extended and self.shop.total_first:
            self.total(bought.before_tip)
        if bought.tip:
            self.state(self.words.tip, bought.tip, "tip")
        if bought.rounding:
            self.state(self.words.rounding, bought.rounding, "rounding")
        self.total(bought.total, final=True)

    def total(self, value: Decimal, *, final: bool = False) -> None:
        label = self.chance.choice(self.words.total)
        if final and self.maybe(0.06):
            label += f" ({len(self.bought.positions)})"
        amount = self.shop.money(value, part="total")
        scale = self.shop.big_total if final else 1.0
        if (len(label) + len(amount) + 3) * scale > self.shop.columns:
            scale = 1.0
        below = final and self.shop.below
        self.pair(label + self.shop.colon, amount, scale=scale, bold=scale > 1, below=below)

    def payment(self) -> None:
        bought = self.bought
        if bought.given:
            self.state(self.words.cash, bought.given, "paid")
            if bought.given != bought.total or self.maybe(0.5):
                self.state(self.words.change, bought.given - bought.total, "change")
        elif self.maybe(0.85):
            self.state(self.words.card, bought.total)
        if self.words.tax_included and bought.coupon == bought.service == bought.tip == ZERO:
            self.taxes()

    def taxes(self) -> None:
        rows = self.bought.taxes()
        if self.one_rate and str(rows[0][0]) == self.words.rates[0] and self.maybe(0.4):
            self.state(self.words.tax, rows[0][2], "tax")
        elif self.maybe(0.5) and not (self.one_rate and not rows[0][2]):
            self.rule()
            self.add(*self.tax_cells(self.words.tax_table))
            for rate, net, tax in rows:
                percent = f"{rate}%".replace(".", self.words.point)
                amounts = [self.words.money(value) for value in (net, tax, net + tax)]
                self.add(*self.tax_cells((percent, *amounts)))
            self.facts["tax"] = sum((tax for _, _, tax in rows), ZERO)

    def tax_cells(self, texts: Iterable[str]) -> tuple[Cell, ...]:
        width = self.shop.columns
        first, *others = texts
        ends = (0.48, 0.72, 1.0)
        cells = (Cell(t, end * width, "right") for t, end in zip(others, ends, strict=True))
        return (Cell(first, 0), *cells)

    def aside(self) -> None:
        """What has amounts and numbers but is no part of the sum."""
        bought, words = self.bought, self.words
        if self.maybe(0.25):
            count = sum(int(p.count) if not p.weighed else 1 for p in bought.positions)
            self.pair(self.chance.choice(words.count), str(count))
        if self.maybe(0.2):
            self.state(words.saving, cents(abs(bought.total) / 7 + Decimal("0.5")))
        if self.maybe(0.04):
            self.write(words.words[0].format(words=words.spelt(bought.total)))
        if self.maybe(0.06):
            other = words.number(cents(abs(bought.total) * Decimal("1.0832")))
            self.write(words.foreign.format(money=other, rate=words.number(Decimal("1.0832"), 4)))
        for phrase in self.some(words.suggested, 0.1):
            self.write(
                phrase.format(money=self.shop.money(cents(abs(bought.total) * Decimal("0.18"))))
            )
        if not bought.given and self.maybe(0.45):
            self.slip()

    def slip(self) -> None:
        """The card's slip, which says the total once more."""
        self.add(above=1.0)
        self.write(self.words.slip)
        for phrase in self.some(self.words.approval, 0.4):
            self.write(phrase)
        self.state(self.words.card, self.bought.total)
        if self.maybe(0.3):
            day = self.words.day(self.bought.when.date(), self.words.dates[0])
            self.write(f"{day} {self.bought.when:%H:%M}")

    def foot(self) -> None:
        words = self.words
        self.rule()
        for phrase in self.some(words.points, 0.15):
            money = self.shop.money(cents(abs(self.bought.total) / 50 + Decimal("1.5")))
            self.write(phrase.format(n=self.chance.randrange(5, 4000), money=money))
        self.write(self.chance.choice(words.thanks))
        for phrase in self.some(words.other_dates, 0.12):
            self.write(phrase.format(day=self.other_day(), year=self.bought.when.year - 2))

    def other_day(self) -> str:
        """A date that is not the purchase's, written as the country does."""
        away = self.chance.choice((-21, -9, 14, 30, 365))
        return self.words.day(
            self.bought.when.date() + dt.timedelta(days=away), self.chance.choice(self.words.dates)
        )
