"""How one shop prints: the habits that all rows of its receipts share."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tests.receipts.locales import Locale

ItemStyle = Literal["above", "below", "inline", "table", "coded", "numbers_below"]
_STYLES: tuple[ItemStyle, ...] = (
    *("above", "above", "below", "below", "inline", "table", "coded", "numbers_below"),
)


@dataclass(frozen=True)
class House:
    """Habits of printing; `mark` is the currency's, empty where none is printed."""

    locale: Locale
    columns: int
    items: ItemStyle
    mark: str
    marked: Literal["all", "sums", "total"]
    after: bool
    codes: bool
    minus: Literal["before", "after", "brackets"]
    leader: str
    colon: str
    rule: str
    date_below: bool
    upper: bool
    big_total: float
    total_first: bool
    """Whether the total is printed before tip and rounding too."""
    below: bool
    """Whether the amount of the total stands on the next row."""

    def money(self, value: Decimal, *, part: Literal["item", "sum", "total"] = "sum") -> str:
        """An amount as this shop prints it."""
        text = self.locale.number(value)
        ranks = {"item": ("all",), "sum": ("all", "sums"), "total": ("all", "sums", "total")}
        if self.mark and self.marked in ranks[part]:
            text = f"{text} {self.mark.strip()}" if self.after else f"{self.mark}{text}"
        if value >= 0:
            return text
        return {"before": f"-{text}", "after": f"{text}-", "brackets": f"({text})"}[self.minus]


def house(chance: random.Random, locale: Locale) -> House:
    """The habits of some shop there."""
    return House(
        locale=locale,
        columns=chance.choice((32, 36, 40, 42, 48)),
        items=chance.choice(_STYLES),
        mark=chance.choice(locale.marks),
        marked=chance.choice(("all", "sums", "total")),
        after=locale.currency == "EUR" and chance.random() < 0.4,
        codes=chance.random() < 0.3,
        minus=chance.choice(("before", "before", "before", "after", "brackets")),
        leader="." if chance.random() < 0.06 else "",
        colon=chance.choice(("", "", "", ":", " :")),
        rule=chance.choice(("", "-", "=", "*", "- ")),
        date_below=chance.random() < 0.3,
        upper=chance.random() < 0.25,
        big_total=chance.choice((1.0, 1.0, 1.2, 1.5)),
        total_first=chance.random() < 0.35,
        below=chance.random() < 0.08,
    )
