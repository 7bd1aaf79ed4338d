"""What a sample receipt says: its items, and the arithmetic that follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def cents(amount: Decimal) -> Decimal:
    """An amount rounded to cents, half away from zero, as tills do."""
    return amount.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing bought; `rate` is its tax in percent."""

    description: str
    quantity: int
    unit_price: Decimal
    rate: Decimal

    @property
    def total(self) -> Decimal:
        """What all pieces cost together."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Tax:
    """The tax at one rate: on how much, and how much."""

    rate: Decimal
    net: Decimal
    amount: Decimal

    @property
    def gross(self) -> Decimal:
        """Net and tax together."""
        return self.net + self.amount


@dataclass(frozen=True, slots=True)
class Shop:
    """Who sells: name, address lines, and the number under which tax is paid."""

    name: str
    address: tuple[str, ...]
    phone: str
    tax_id: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt; `currency` is an ISO 4217 code, `cash` what was handed over, None for a card.

    With `tax_included` the prices contain the tax, as in Europe; otherwise it is added to them.
    `round_to` is the smallest coin where cash totals are rounded.
    """

    shop: Shop
    number: str
    moment: datetime
    currency: str
    items: tuple[Item, ...]
    tax_included: bool = True
    tip: Decimal = ZERO
    round_to: Decimal = CENT
    cash: Decimal | None = None

    @property
    def subtotal(self) -> Decimal:
        """The sum of the items."""
        return sum((item.total for item in self.items), ZERO)

    @property
    def taxes(self) -> tuple[Tax, ...]:
        """The tax by rate, lowest rate first; rates of zero are left out."""
        return tuple(self._tax(rate) for rate in sorted({item.rate for item in self.items}) if rate)

    def _tax(self, rate: Decimal) -> Tax:
        amounts: Iterable[Decimal] = (item.total for item in self.items if item.rate == rate)
        priced = sum(amounts, ZERO)
        if self.tax_included:
            amount = cents(priced * rate / (100 + rate))
            return Tax(rate, priced - amount, amount)
        return Tax(rate, priced, cents(priced * rate / 100))

    @property
    def tax(self) -> Decimal:
        """The tax at all rates together."""
        return sum((tax.amount for tax in self.taxes), ZERO)

    @property
    def before_rounding(self) -> Decimal:
        """Items, added tax and tip."""
        return self.subtotal + self.tip + (ZERO if self.tax_included else self.tax)

    @property
    def total(self) -> Decimal:
        """What was paid for the goods, after tip and cash rounding."""
        coins = (self.before_rounding / self.round_to).quantize(Decimal(1), ROUND_HALF_UP)
        return cents(coins * self.round_to)

    @property
    def rounding(self) -> Decimal:
        """What cash rounding added; negative where it took away."""
        return self.total - self.before_rounding

    @property
    def change(self) -> Decimal:
        """What came back of the cash."""
        return ZERO if self.cash is None else self.cash - self.total
