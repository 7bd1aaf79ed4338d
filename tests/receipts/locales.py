"""How ten countries print a receipt: words, numbers, dates; used to draw receipts in tests."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True)
class Locale:
    """The words and habits of one country; of several words for a thing each is in use."""

    name: str
    currency: str
    marks: tuple[str, ...]
    point: str
    groups: str
    dates: tuple[str, ...]
    months: tuple[str, ...]
    tax_included: bool
    tax_rate: Decimal
    merchants: tuple[tuple[str, ...], ...]
    items: tuple[str, ...]
    total: tuple[str, ...]
    subtotal: tuple[str, ...]
    tax: tuple[str, ...]
    cash: tuple[str, ...]
    card: tuple[str, ...]
    change: tuple[str, ...]
    discount: tuple[str, ...]
    tip: tuple[str, ...]
    date: tuple[str, ...]
    saving: tuple[str, ...]
    count: tuple[str, ...]
    refund: tuple[str, ...]
    thanks: tuple[str, ...]
    rounding: tuple[str, ...]
    columns: tuple[str, ...]
    tax_table: tuple[str, ...]
    slip: str

    def money(self, value: Decimal) -> str:
        """An amount as this country writes it."""
        whole, cents = f"{abs(value):.2f}".split(".")
        if len(whole) > 3:
            whole = f"{whole[:-3]}{self.groups}{whole[-3:]}"
        return f"{'-' if value < 0 else ''}{whole}{self.point}{cents}"

    def day(self, date: dt.date, form: str) -> str:
        """A date as this country writes it; `%b` is the country's own name of the month."""
        return date.strftime(form.replace("%b", self.months[date.month - 1]))


def _locale(name: str, content: dict[str, object]) -> Locale:
    facts: dict[str, object] = {"name": name}
    for key, value in content.items():
        if isinstance(value, list):
            facts[key] = tuple(tuple(v) if isinstance(v, list) else v for v in value)
        else:
            facts[key] = Decimal(str(value)) if key == "tax_rate" else value
    return Locale(**facts)  # type: ignore[arg-type]


LOCALES = tuple(
    _locale(name, content)
    for name, content in tomllib.loads(
        Path(__file__).with_name("locales.toml").read_text(encoding="utf-8")
    ).items()
)
