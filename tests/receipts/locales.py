"""How ten countries print a receipt: words, numbers, dates; used to draw receipts in tests."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

Words = tuple[str, ...]


@dataclass(frozen=True)
class Locale:
    """The words and habits of one country; of several words for a thing each is in use."""

    name: str
    currency: str
    marks: Words
    point: str
    groups: str
    dates: Words
    months: Words
    clocks: Words
    digits: Words
    tax_included: bool
    rates: Words
    """Of tax in percent, the usual one first."""
    codes: Words
    merchants: tuple[Words, ...]
    items: Words
    total: Words
    subtotal: Words
    tax: Words
    cash: Words
    card: Words
    change: Words
    discount: Words
    tip: Words
    service: Words
    date: Words
    saving: Words
    count: Words
    refund: Words
    thanks: Words
    rounding: Words
    columns: Words
    tax_table: Words
    slip: str
    slogans: Words
    staff: Words
    numbers: Words
    weight: Words
    deposit: Words
    points: Words
    other_dates: Words
    original: Words
    suggested: Words
    words: Words
    foreign: str
    approval: Words

    def number(self, value: Decimal, places: int = 2) -> str:
        """A number as this country writes it."""
        whole, _, decimals = f"{abs(value):.{places}f}".partition(".")
        if len(whole) > 3:
            whole = f"{whole[:-3]}{self.groups}{whole[-3:]}"
        return f"{whole}{self.point}{decimals}" if decimals else whole

    def money(self, value: Decimal) -> str:
        """An amount as this country writes it, without a mark."""
        return f"{'-' if value < 0 else ''}{self.number(value)}"

    def day(self, date: dt.date, form: str) -> str:
        """A date as this country writes it; `%b` is the country's own name of the month."""
        return date.strftime(form.replace("%b", self.months[date.month - 1]))

    def spelt(self, value: Decimal) -> str:
        """The whole part of an amount, digit by digit in words."""
        return " ".join(self.digits[int(digit)] for digit in str(int(abs(value))))


def _locale(name: str, content: dict[str, object]) -> Locale:
    facts: dict[str, object] = {"name": name}
    for key, value in content.items():
        if isinstance(value, list):
            facts[key] = tuple(tuple(v) if isinstance(v, list) else v for v in value)
        else:
            facts[key] = value
    return Locale(**facts)  # type: ignore[arg-type]


LOCALES = tuple(
    _locale(name, content)
    for name, content in tomllib.loads(
        Path(__file__).with_name("locales.toml").read_text(encoding="utf-8")
    ).items()
)
