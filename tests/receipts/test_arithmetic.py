"""The sums that judge a receipt."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from daemon.receipts.arithmetic import (
    ITEMS_SUM,
    NET_AND_TAX,
    PAID,
    PARTS_SUM,
    Parts,
    checks_of,
    confirming,
    contradicting,
)
from daemon.receipts.model import TaxRate

money = st.decimals(min_value=0, max_value=9999, places=2)


@given(money, money, money)
def test_items_may_make_the_total_with_tax_on_top_or_within(
    items: Decimal, tax: Decimal, tip: Decimal
) -> None:
    for total in (items, items + tax, items + tax + tip):
        checks = checks_of(Parts(total=total, items=items, tax=tax, tip=tip))
        assert ITEMS_SUM in confirming(checks)


@given(money, money, money)
def test_a_coupon_and_a_rounding_are_in_the_sum_of_parts(
    subtotal: Decimal, coupon: Decimal, rounding: Decimal
) -> None:
    parts = Parts(
        total=subtotal - coupon + rounding, subtotal=subtotal, coupon=coupon, rounding=rounding
    )
    assert PARTS_SUM not in contradicting(checks_of(parts))


@given(money, money)
def test_what_was_paid_less_the_change_is_the_total(total: Decimal, change: Decimal) -> None:
    checks = checks_of(Parts(total=total, paid=total + change, change=change))
    assert confirming(checks) == {PAID}


def test_a_difference_is_told_with_its_sign() -> None:
    (check,) = checks_of(Parts(total=Decimal("14.90"), items=Decimal("17.90")))
    assert (check.ok, check.difference) == (False, Decimal("3.00"))


def test_net_and_tax_of_all_rates_make_the_total() -> None:
    taxes = (
        TaxRate(Decimal(19), Decimal("10.00"), Decimal("1.90")),
        TaxRate(Decimal(7), Decimal("2.00"), Decimal("0.14")),
    )
    assert NET_AND_TAX in confirming(checks_of(Parts(total=Decimal("14.04"), taxes=taxes)))
    assert NET_AND_TAX in contradicting(checks_of(Parts(total=Decimal("13.04"), taxes=taxes)))


def test_what_bears_no_tax_may_be_missing_from_the_table_of_taxes() -> None:
    taxes = (TaxRate(Decimal(20), Decimal("10.00"), Decimal("2.00")),)
    assert not contradicting(checks_of(Parts(total=Decimal("15.04"), taxes=taxes)))


def test_nothing_is_checked_that_is_not_printed() -> None:
    assert checks_of(Parts(total=Decimal(5))) == ()
