"""Sheets that set the traps in which simple patterns are caught, in the words of each country."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tests.receipts.locales import Locale
from tests.receipts.rows import Cell, Row, Sheet

COLUMNS = 40
DAY = dt.date(2024, 3, 27)


@dataclass(frozen=True)
class Trap:
    """A sheet and the total that it has."""

    sheet: Sheet
    total: Decimal


class _Paper:
    """Rows as they are written, from the top."""

    def __init__(self, locale: Locale) -> None:
        self.locale = locale
        self.rows: list[Row] = []
        for text in locale.merchants[0]:
            self.write(text)
        self.write(f"{locale.date[0]} {locale.day(DAY, locale.dates[0])} 14:35")

    def write(self, text: str) -> None:
        self.rows.append(Row((Cell(text, 0),)))

    def pair(self, label: str, value: str, *, below: bool = False) -> None:
        """A label and what belongs to it, at the right or on the row below."""
        amount = Cell(value, COLUMNS, "right")
        if below:
            self.rows += [Row((Cell(label, 0),)), Row((amount,))]
        else:
            self.rows.append(Row((Cell(label, 0), amount)))

    def state(self, label: str, value: str, *, below: bool = False) -> None:
        """A label with an amount of money, marked as the country does."""
        money = Decimal(value)
        mark = "-" if money < 0 else ""
        self.pair(label, f"{mark}{self.locale.marks[0]}{self.locale.number(money)}", below=below)

    def item(self, number: int, value: str) -> None:
        self.pair(self.locale.items[number], self.locale.money(Decimal(value)))

    def trap(self, total: str) -> Trap:
        return Trap(Sheet(COLUMNS, tuple(self.rows)), Decimal(total))


def several_totals(locale: Locale) -> Trap:
    """Subtotal, tax, total, total of items, total saved; cash that is more; thousands."""
    paper = _Paper(locale)
    paper.item(0, "1234.50")
    paper.item(1, "65.50")
    paper.state(locale.subtotal[0], "1300.00")
    paper.state(locale.tax[0], "107.25")
    paper.state(locale.total[0], "1407.25")
    paper.state(locale.cash[0], "1500.00")
    paper.state(locale.change[0], "92.75")
    paper.pair(locale.count[0], "2")
    paper.state(locale.saving[-1], "2000.00")
    return paper.trap("1407.25")


def tax_within(locale: Locale) -> Trap:
    """Prices with the tax in them, which the receipt tells below the total; a card's slip."""
    paper = _Paper(locale)
    paper.item(0, "12.40")
    paper.item(1, "7.60")
    paper.state(locale.total[1], "20.00")
    paper.state(locale.card[0], "20.00")
    paper.state(locale.tax[0], "3.33")
    paper.write(locale.slip)
    paper.state(locale.card[0], "20.00")
    return paper.trap("20.00")


def amount_below(locale: Locale) -> Trap:
    """The amount of the total on the row below its label; a coupon before, points after it."""
    paper = _Paper(locale)
    paper.item(0, "18.90")
    paper.item(1, "6.10")
    paper.state(locale.subtotal[0], "25.00")
    paper.state(locale.discount[0], "-2.50")
    paper.state(locale.total[-1], "22.50", below=True)
    paper.write(locale.points[0].format(n=1250, money="9.99"))
    return paper.trap("22.50")


def refund(locale: Locale) -> Trap:
    """Money that went back, and the date of the purchase that it was for."""
    paper = _Paper(locale)
    paper.write(locale.refund[0])
    paper.write(locale.original[0].format(day=locale.day(DAY - dt.timedelta(9), locale.dates[0])))
    paper.item(0, "-18.90")
    paper.item(1, "-6.10")
    paper.state(locale.total[0], "-25.00")
    paper.state(locale.card[0], "-25.00")
    return paper.trap("-25.00")


def misread_label(locale: Locale) -> Trap:
    """A label with digits in place of letters, a rounding and a total after it."""
    paper = _Paper(locale)
    paper.item(0, "8.33")
    paper.item(1, "4.09")
    label = next((word for word in locale.total if "O" in word.upper()), locale.total[0])
    if locale.rounding:
        paper.state(label, "12.42")
        paper.state(locale.rounding[0], "-0.02")
        paper.state(label.upper().replace("O", "0", 1), "12.40")
        return paper.trap("12.40")
    paper.state(label.upper().replace("O", "0", 1), "12.42")
    return paper.trap("12.42")


TRAPS: tuple[Callable[[Locale], Trap], ...] = (
    *(several_totals, tax_within, amount_below, refund, misread_label),
)
