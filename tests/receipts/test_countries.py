"""What tells the country of a receipt: its currency behind a plain sign, its order of dates."""

from __future__ import annotations

import pytest

from tests.receipts.paper import read


@pytest.mark.parametrize(
    ("told", "currency"),
    [
        ("ABN 41 144 228 817", "AUD"),
        ("Bronte NSW 2024", "AUD"),
        ("www.blueducks.com.au", "AUD"),
        ("www.countdown.co.nz", "NZD"),
        ("Toronto, ON M6J 2Z8", "CAD"),
        ("HST 84521 7788 RT0001", "CAD"),
        ("TVQ 1202881177 TQ0001", "CAD"),
        ("Boston MA 02110", "USD"),
        ("07:12PM HST", "USD"),
        ("202.332.0042", "USD"),
    ],
)
def test_a_plain_dollar_is_the_one_of_the_country_that_the_head_tells(
    told: str, currency: str
) -> None:
    receipt = read("THREE DUCKS", told, "Coffee     $4.00", "Total     $4.00")
    assert receipt.currency.value == currency


@pytest.mark.parametrize(
    ("told", "currency"),
    [
        ("VAT NO. IE 4561228F", "EUR"),
        ("VAT Reg GB 214 8837 21", "GBP"),
        ("UEN S83CS0191L", "SGD"),
        ("GST REG NO: M4-0118827-4", "SGD"),
        ("GSTIN: 07AABCS1188K1Z4", "INR"),
        ("Betaald bij ABN AMRO, IBAN", "EUR"),
    ],
)
def test_without_a_sign_the_number_for_its_taxes_tells_the_currency(
    told: str, currency: str
) -> None:
    receipt = read("THREE DUCKS", told, "Coffee     4.00", "Totaal     4.00", "Contant     4.00")
    assert receipt.currency.value == currency


def test_australia_writes_the_day_first() -> None:
    receipt = read(
        "THREE DUCKS",
        "ABN 41 144 228 817",
        "02/10/2022 10:33",
        "Toast     $9.00",
        "Total     $9.00",
    )
    assert (receipt.date.value, receipt.currency.value) == ("2022-10-02", "AUD")


def test_a_short_year_stands_first_where_another_date_says_so() -> None:
    receipt = read(
        "PIZZERIA LIBRETTO",
        "2022-05-27 19:44",
        "Pizza     20.00",
        "Total     20.00",
        "DATE/TIME: 22/05/27 20:31:07",
    )
    assert receipt.date.value == "2022-05-27"


def test_in_canada_a_short_year_stands_first_where_no_other_is_likely() -> None:
    rows = ("SECOND CUP", "Toronto ON M5S 1T8", "Latte     5.60", "TOTAL     5.60")
    receipt = read(*rows, "DATE/TIME: 23/06/14 08:12:44")
    assert receipt.date.value == "2023-06-14"
    assert receipt.date.confidence < 0.9


@pytest.mark.parametrize("date", ["05/06/2023", "28/05/24"])
def test_in_canada_no_date_is_sure_that_can_be_read_in_two_orders(date: str) -> None:
    rows = ("SECOND CUP", "Latte     5.60", "TOTAL     5.60", f"Date {date} 08:12")
    assert read("Lewes BN7 2LU", *rows).date.confidence >= 0.9
    assert read("Toronto ON M5S 1T8", *rows).date.confidence < 0.9


def test_british_rail_has_months_of_its_own() -> None:
    receipt = read("RECEIPT", "Date of issue 04-MCH-23 0914", "Fare     31.55", "Total     £31.55")
    assert receipt.date.value == "2023-03-04"
