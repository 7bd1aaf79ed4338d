"""What somebody bought: the facts that a drawn receipt is about, before anything is printed."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from tests.receipts.locales import Locale

CENT = Decimal("0.01")
ZERO = Decimal(0)


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True)
class Position:
    """One thing bought; `total` is before its own discount, below zero where it was returned."""

    name: str
    count: Decimal
    price: Decimal
    total: Decimal
    rate: Decimal
    weighed: bool = False
    discount: Decimal = ZERO


@dataclass(frozen=True)
class Purchase:
    """All that is true of one receipt; what did not happen is zero."""

    locale: Locale
    merchant: tuple[str, ...]
    when: dt.datetime
    refund: bool
    positions: tuple[Position, ...]
    coupon: Decimal
    service: Decimal
    tip: Decimal
    tax_on_top: Decimal
    rounding: Decimal
    given: Decimal
    """In cash; zero where it was paid by card."""

    @property
    def items(self) -> Decimal:
        """The sum of all positions before discounts."""
        return sum((position.total for position in self.positions), ZERO)

    @property
    def discounts(self) -> Decimal:
        """The sum of the discounts on positions."""
        return sum((position.discount for position in self.positions), ZERO)

    @property
    def subtotal(self) -> Decimal:
        return self.items - self.discounts

    @property
    def before_tip(self) -> Decimal:
        return self.subtotal - self.coupon + self.service + self.tax_on_top

    @property
    def before_rounding(self) -> Decimal:
        return self.before_tip + self.tip

    @property
    def total(self) -> Decimal:
        return self.before_rounding + self.rounding

    def taxes(self) -> list[tuple[Decimal, Decimal, Decimal]]:
        """Rate, net and tax within the prices; exact only where nothing is off the whole."""
        rows = []
        for rate in dict.fromkeys(position.rate for position in self.positions):
            gross = sum((p.total - p.discount for p in self.positions if p.rate == rate), ZERO)
            tax = cents(gross - gross / (1 + rate / 100))
            rows.append((rate, gross - tax, tax))
        return rows


def purchase(chance: random.Random, locale: Locale) -> Purchase:
    """What somebody might buy there."""
    refund = chance.random() < 0.09
    positions = tuple(_positions(chance, locale, refund=refund))
    subtotal = sum((p.total - p.discount for p in positions), ZERO)
    large = subtotal > 5
    coupon = _share(chance, subtotal, 0.1) if large and chance.random() < 0.13 else ZERO
    service = _share(chance, subtotal, 0.1) if large and chance.random() < 0.06 else ZERO
    on_top = not locale.tax_included and (locale.currency == "USD" or chance.random() < 0.6)
    taxed = subtotal - coupon + service
    tax = cents(taxed * Decimal(locale.rates[0]) / 100) if on_top else ZERO
    tip = _share(chance, subtotal, 0.15) if large and chance.random() < 0.1 else ZERO
    whole = taxed + tax + tip
    cash = not refund and chance.random() < 0.5
    rounding = _rounding(whole) if locale.rounding and cash else ZERO
    return Purchase(
        locale=locale,
        merchant=chance.choice(locale.merchants),
        when=_when(chance),
        refund=refund,
        positions=positions,
        coupon=coupon,
        service=service,
        tip=tip,
        tax_on_top=tax,
        rounding=rounding,
        given=_given(chance, whole + rounding) if cash else ZERO,
    )


def _positions(chance: random.Random, locale: Locale, *, refund: bool) -> list[Position]:
    many = chance.choice((1, 2, 2, 3, 3, 4, 5, 6, 8, 12)) if not refund else chance.choice((1, 2))
    rates = [Decimal(rate) for rate in locale.rates]
    if not locale.tax_included or chance.random() < 0.5:
        rates = rates[:1]
    sign = -1 if refund else 1
    found: list[Position] = []
    for _ in range(many):
        price = _price(chance, locale)
        name, rate = chance.choice(locale.items), chance.choice(rates)
        if chance.random() < 0.08 and not refund and price < 100:
            weight = Decimal(chance.randrange(80, 3000)) / 1000
            total = cents(weight * price)
            found.append(Position(name, weight, price, total, rate, weighed=True))
            continue
        count = Decimal(chance.choice((1, 1, 1, 1, 2, 3, 10)))
        total = count * price * sign
        off = ZERO
        if chance.random() < 0.07 and total > 3:
            off = _share(chance, total, 0.2)
        found.append(Position(name, count, price * sign, total, rate, discount=off))
        if chance.random() < 0.06 and not refund:
            each = Decimal("0.25")
            deposit = chance.choice(locale.deposit)
            found.append(Position(deposit, count, each, each * count, rate))
    return found


def _price(chance: random.Random, locale: Locale) -> Decimal:
    dear = chance.random() < 0.06
    price = Decimal(chance.randrange(*((120_000, 900_000) if dear else (50, 5000)))) / 100
    if locale.currency == "CHF":
        price = (price * 20).to_integral_value(ROUND_HALF_UP) / 20
    elif chance.random() < 0.4:
        price = price.to_integral_value() + Decimal("0.99")
    return cents(price)


def _share(chance: random.Random, whole: Decimal, most: float) -> Decimal:
    share = cents(whole * Decimal(chance.uniform(0.03, most)))
    return share if chance.random() < 0.5 else (share * 20).to_integral_value() / 20 or CENT


def _rounding(whole: Decimal) -> Decimal:
    return cents((whole * 20).to_integral_value(ROUND_HALF_UP) / 20) - whole


def _given(chance: random.Random, total: Decimal) -> Decimal:
    if chance.random() < 0.15:
        return total
    note = chance.choice((5, 10, 20, 50))
    return cents((total / note).to_integral_value() * note + note)


def _when(chance: random.Random) -> dt.datetime:
    day = dt.datetime(2012, 1, 1) + dt.timedelta(days=chance.randrange(5400))
    return day.replace(
        hour=chance.randrange(8, 22), minute=chance.randrange(60), second=chance.randrange(60)
    )
