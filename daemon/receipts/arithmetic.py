"""The sums that a receipt should obey. They judge the numbers; they never change one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from daemon.receipts.model import Check, TaxRate

ITEMS_SUM = "items_sum_to_total"
PARTS_SUM = "parts_sum_to_total"
PAID = "paid_less_change_is_total"
TAX_RATES = "tax_matches_rates"
NET_AND_TAX = "net_and_tax_are_total"

_NOTHING = Decimal(0)
_MOST_TAXES = 6
_TAX_SLACK = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Parts:
    """The amounts of one receipt, as printed; None where not printed, discounts positive."""

    total: Decimal
    items: Decimal | None = None
    """The items less the discounts among them."""
    subtotal: Decimal | None = None
    tax: Decimal | None = None
    service: Decimal | None = None
    tip: Decimal | None = None
    coupon: Decimal | None = None
    """A discount on the whole, after the items."""
    rounding: Decimal | None = None
    paid: Decimal | None = None
    change: Decimal | None = None
    cashback: Decimal = _NOTHING
    """What the card paid for beside the goods; not everybody prints it in what was paid."""
    taxes: tuple[TaxRate, ...] = ()
    stated_taxes: tuple[Decimal, ...] = ()
    """Taxes that rows state, which may differ from the sum by what rounding each rate took."""


def checks_of(parts: Parts) -> tuple[Check, ...]:
    """Every sum for which the receipt prints all that it takes."""
    checks: list[Check] = []
    if parts.items is not None:
        bases = [(parts.items, parts.total)]
        checks.append(_closest(ITEMS_SUM, _ways(parts, parts.items), bases[0][1]))
    if parts.subtotal is not None and _has_extras(parts):
        checks.append(_closest(PARTS_SUM, _ways(parts, parts.subtotal), parts.total))
    if parts.paid is not None and parts.change is not None:
        over = parts.paid - parts.change - abs(parts.total)
        difference = over - parts.cashback if over == parts.cashback else over
        checks.append(Check(PAID, difference == 0, difference))
    checks.extend(_tax_checks(parts))
    return tuple(checks)


def _has_extras(parts: Parts) -> bool:
    return parts.subtotal != parts.total


def _ways(parts: Parts, base: Decimal) -> Iterable[Decimal]:
    """What the base and the rest of the receipt may come to.

    Tax may be in the prices or on top, and so may service; a tip, a coupon or a rounding may be
    printed for information only, which is why each of them may also be left out.
    """
    extras = [
        {_NOTHING, parts.tax or _NOTHING, *parts.stated_taxes[:_MOST_TAXES]},
        {_NOTHING, parts.service or _NOTHING},
        {_NOTHING, parts.tip or _NOTHING},
        {_NOTHING, -(parts.coupon or _NOTHING)},
        {_NOTHING, parts.rounding or _NOTHING, -(parts.rounding or _NOTHING)},
    ]
    for chosen in product(*extras):
        yield base + sum(chosen, _NOTHING)


def _closest(name: str, ways: Iterable[Decimal], total: Decimal) -> Check:
    difference = min((way - total for way in ways), key=lambda gap: (abs(gap), gap))
    return Check(name, difference == 0, difference)


def _tax_checks(parts: Parts) -> Iterable[Check]:
    with_net = [tax for tax in parts.taxes if tax.net is not None and tax.rate is not None]
    if not with_net:
        return
    worst = max(
        (
            abs((tax.net or _NOTHING) * (tax.rate or _NOTHING) / 100 - tax.amount)
            for tax in with_net
        ),
        default=_NOTHING,
    )
    off = worst.quantize(Decimal("0.01"))
    yield Check(TAX_RATES, off <= _TAX_SLACK, off)
    if len(with_net) == len(parts.taxes):
        whole = sum(((tax.net or _NOTHING) + tax.amount for tax in with_net), _NOTHING)
        gaps = [
            whole + rounding + tip - parts.total
            for rounding in {_NOTHING, parts.rounding or _NOTHING}
            for tip in {_NOTHING, parts.tip or _NOTHING}
        ]
        difference = min(gaps, key=lambda gap: (abs(gap), gap))
        adds_up = abs(difference) <= _TAX_SLACK
        if adds_up or difference > 0:  # what bears no tax may be missing from the table
            yield Check(NET_AND_TAX, adds_up, difference)


def confirming(checks: Sequence[Check]) -> set[str]:
    """The names of the sums that came out."""
    return {check.check for check in checks if check.ok and check.check != TAX_RATES}


def contradicting(checks: Sequence[Check]) -> set[str]:
    """The names of the sums that did not come out."""
    return {check.check for check in checks if not check.ok}
