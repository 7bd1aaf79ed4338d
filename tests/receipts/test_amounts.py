"""Numbers on receipts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.receipts.amounts import Convention, amounts_in, convention_of, rates_in

POINT, COMMA = Convention("."), Convention(",")


def values(text: str, convention: Convention = POINT) -> list[Decimal]:
    return [amount.value for amount in amounts_in(text, convention) if not amount.per_unit]


@given(st.decimals(min_value=0, max_value=999999, places=2), st.sampled_from([",", "'", ""]))
def test_an_amount_is_read_as_it_was_written(value: Decimal, group: str) -> None:
    written = f"{value:,.2f}".replace(",", group)
    assert values(f"TOTAL {written}") == [value]


@given(st.decimals(min_value=0, max_value=999999, places=2))
def test_a_decimal_comma_with_points_between_thousands_is_read(value: Decimal) -> None:
    written = f"{value:,.2f}".translate(str.maketrans(".,", ",."))
    assert values(f"SUMME {written} EUR", COMMA) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "19.00%",
        "6.00 %",
        "12:50",
        "02.03.2020",
        "0.512 KG",
        "12.50 L",
        "1.259 EUR/L",
        "NO.12",
        "9.000",
    ],
)
def test_rates_weights_dates_and_times_are_no_amounts(text: str) -> None:
    assert values(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-3.00", "-3.00"),
        ("3.00-", "-3.00"),
        ("(3.00)", "-3.00"),
        ("RM-0.20", "-0.20"),
        ("-RM 0.20", "-0.20"),
        ("TOTAL - 3.00", "3.00"),
        ("\u22123.00", "-3.00"),
    ],
)
def test_a_minus_stands_before_or_after_or_as_brackets(text: str, value: str) -> None:
    assert values(text) == [Decimal(value)]


@pytest.mark.parametrize(
    ("text", "value"),
    [("1O.50", "10.50"), ("l2.99", "12.99"), ("5.9O", "5.90"), ("1S.B0", "15.80")],
)
def test_letters_within_a_number_are_digits_and_the_amount_says_so(text: str, value: str) -> None:
    (amount,) = amounts_in(text.upper(), POINT)
    assert (amount.value, amount.mended) == (Decimal(value), True)


def test_words_are_never_mended_into_numbers() -> None:
    assert values("SO.OO LOS.IS BIL.LI") == []


def test_swiss_whole_francs_are_amounts() -> None:
    assert values("TOTAL 12.-") == [Decimal(12)]


def test_the_convention_is_what_most_numbers_of_the_receipt_use() -> None:
    assert convention_of(["3,20", "1.234,56", "20.04.20"]) == COMMA
    assert convention_of(["3.20", "1,234.56"]) == POINT


@pytest.mark.parametrize("code", ["A", "B", "G", "SR", "ZRL", "*", "A*", "T"])
def test_a_tax_code_may_follow_an_amount(code: str) -> None:
    assert values(f"1.99 {code}") == [Decimal("1.99")]
    assert values(f"1.99{code}") == [Decimal("1.99")]


def test_rates_are_read_with_point_or_comma() -> None:
    assert [rate for rate, _ in rates_in("A 19,00% B 7 % GST @6%")] == [19, 7, 6]


@given(st.text(alphabet="0123456789.,' -RM€OIL", max_size=120))
def test_any_mix_of_digits_and_marks_is_read_without_an_error(text: str) -> None:
    for amount in amounts_in(text, POINT):
        assert 0 <= amount.start < amount.end <= len(text)
