"""Digits that OCR took for letters, or for other marks: repaired where a number is, and told."""

from __future__ import annotations

import pytest

from daemon.receipts.model import Field
from tests.receipts.paper import read


def read_as(field: Field) -> list[str | None]:
    return [place.read_as for place in field.evidence]


def test_a_repaired_total_says_what_was_read() -> None:
    receipt = read("CORNER SHOP", "TEA       2.00", "MILK      1.50", "TOTAL     3.5O")
    assert receipt.total.value == "3.50"
    assert read_as(receipt.total) == ["3.5O"]
    assert receipt.total.as_json()["evidence"] == [{"page": 1, "line": 6, "read_as": "3.5O"}]


def test_a_repaired_date_says_what_was_read() -> None:
    receipt = read("CORNER SHOP", "Date: O3.O4.2O21 12:30", "TEA       2.00", "TOTAL     2.00")
    assert receipt.date.value == "2021-04-03"
    assert read_as(receipt.date) == ["O3.O4.2O21"]


def test_a_repaired_item_says_what_was_read() -> None:
    receipt = read("CORNER SHOP", "TEA       2.O0", "MILK      1.50", "TOTAL     3.50")
    assert [place.read_as for place in receipt.items[0].evidence] == [None, "2.O0"]


def test_what_was_read_as_it_is_says_nothing_of_repairs() -> None:
    receipt = read("CORNER SHOP", "12/03/2024", "TEA       2.00", "TOTAL     2.00")
    assert read_as(receipt.total) == [None]
    assert read_as(receipt.date) == [None]
    assert receipt.total.as_json()["evidence"] == [{"page": 1, "line": 5}]


def test_letters_are_no_digits_where_no_number_is() -> None:
    receipt = read("BOB OIL SOLO", "SOLO BOIL       2.00", "TOTAL      2.00")
    assert receipt.merchant.value == "BOB OIL SOLO"
    assert receipt.items[0].description == "SOLO BOIL"


@pytest.mark.parametrize("amount", ["3/085.39", "3:085.39", "3`085.39", "3;085.39"])
def test_the_mark_between_swiss_thousands_is_repaired(amount: str) -> None:
    receipt = read(
        "Confiserie Berg AG", "8001 Zürich", "Tisch       3'085.39", f"TOTAL CHF      {amount}"
    )
    assert receipt.total.value == "3085.39"


def test_a_speck_before_an_amount_is_no_decimal_point() -> None:
    receipt = read("Loja", "Caixa      .58,96", "TOTAL      .58,96", "Multibanco      58,96")
    assert receipt.total.value == "58.96"


def test_a_month_with_a_letter_misread_is_understood_before_a_full_year() -> None:
    receipt = read("Bar Roma", "09 gemmaio 2012", "Vino      5,00", "TOTALE      5,00")
    assert receipt.date.value == "2012-01-09"
    assert read("Jam House", "2 SCONE & JAM 23.04", "Total      23.04").date.value is None


def test_a_label_that_lost_the_bar_of_its_t_is_known() -> None:
    receipt = read(
        "Winkel", "Brood       3,00", "rotaal       3,00", "Contant     5,00", "rerug      2,00"
    )
    assert (receipt.total.value, receipt.change.value) == ("3.00", "2.00")


def test_a_label_that_was_taken_apart_is_known() -> None:
    receipt = read(
        "Papeterie", "Brot    3.00", "Käse    4.00", "ZWI SCHENTOTAL    7.00", "Total    7.00"
    )
    assert receipt.subtotal.value == "7.00"
    assert len(receipt.items) == 2


def test_a_date_is_found_beside_what_is_stuck_to_it() -> None:
    receipt = read("SHOP", "REG #19-10/03/201817:24:07", "TEA      2.00", "TOTAL      2.00")
    assert (receipt.date.value, receipt.time.value) == ("2018-03-10", "17:24:07")
    receipt = read("BAR", "0ata 25 attobre 2018 21:28", "VINO      2,00", "TOTALE      2,00")
    assert receipt.date.value == "2018-10-25"
