"""Rows that may be one thing or another: what the sums of the receipt say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.receipts.extract import extract
from tests.receipts.paper import page, read


def test_a_sum_whose_label_is_lost_is_no_item() -> None:
    receipt = read(
        "Getränke Hoffmeister",
        "TOMATEN     34,99",
        "BLUMENERDE     248,30",
        "2W-SUOOE     283,29",
        "Coupon     -50,00",
        "Summe     233,29",
    )
    assert [item.description for item in receipt.items] == ["TOMATEN", "BLUMENERDE"]
    assert receipt.total.value == "233.29"


def test_a_thing_named_like_a_count_is_an_item_where_the_sum_needs_it() -> None:
    receipt = read(
        "Papeterie Hüsler AG",
        "3011 Bern",
        "Bleistift     2.40",
        "COUVERT C5     7.60",
        "Total     10.00",
    )
    assert [item.description for item in receipt.items] == ["Bleistift", "COUVERT C5"]


def test_no_way_to_read_items_changes_a_labelled_total() -> None:
    receipt = read("SHOP", "TEA     2.00", "MILK     2.00", "BREAD     1.00", "TOTAL     7.00")
    assert receipt.total.value == "7.00"
    assert "items_sum_to_total_fails" in receipt.reasons
    assert receipt.needs_review


def test_the_total_whose_label_is_lost_is_found_by_its_items() -> None:
    receipt = read(
        "IJzerhandel",
        "12-03-2024",
        "Yoghurt     5,13",
        "Bananen     24,63",
        "re voldcen     29,76",
        "Contant betaald     50,00",
        "Bedankt en tot ziens",
        "21%   24,60   5,16   29,76",
    )
    assert receipt.total.value == "29.76"
    assert [item.description for item in receipt.items] == ["Yoghurt", "Bananen"]


def test_a_slip_that_agrees_with_items_and_taxes_outweighs_a_misread_total() -> None:
    receipt = read(
        "Baumarkt Nordstern KG",
        "10 Äpfel     31,99     319,90",
        "GESAMT EUR     819,90",
        "Kundenbeleg",
        "Visa     319,90",
        "MwSt     Netto     Steuer     Brutto",
        "19%     268,82     51,08     319,90",
    )
    assert receipt.total.value == "319.90"
    assert receipt.total.confidence < 0.9
    assert receipt.needs_review


@pytest.mark.parametrize(
    "slogan",
    [
        "5,00 EUR Rabatt ab 50,00 EUR",
        "Sparen Sie 5,00 EUR beim nächsten Einkauf",
        "Fr. 5.00 Rabatt ab Fr. 50.00",
        "Gutschein 5,00 EUR für Ihren nächsten Besuch",
        "Mo-Fr 8.00-18.30",
    ],
)
def test_what_a_head_offers_is_neither_item_nor_discount(slogan: str) -> None:
    receipt = read(
        "Bäckerei Kron", slogan, "Datum: 12.03.2024", "Brot     3,20", "Kuchen     4,80",
        "Summe     8,00", "Bar     10,00", "Rückgeld     2,00",
    )  # fmt: skip
    assert [item.description for item in receipt.items] == ["Brot", "Kuchen"]
    assert receipt.discount.value is None
    assert receipt.total.value == "8.00"


@pytest.mark.parametrize(
    "row",
    [
        "USD 8,67 Kurs 1,0832",
        "USD 8,67 cambio 1,0832",
        "USD 8,67 taux 1,0832",
        "8,67 USD Wechselkurs 1,08",
    ],
)
def test_what_it_is_in_another_currency_is_no_part_of_the_receipt(row: str) -> None:
    receipt = read(
        "Bäckerei Kron", "50667 Köln", "Brot     8,00", "Summe     8,00", "VISA     8,00", row
    )
    assert (receipt.total.value, receipt.currency.value) == ("8.00", "EUR")
    assert receipt.change.value is None


def test_the_change_is_what_fits_and_no_balance_of_a_card() -> None:
    receipt = read(
        "KEDAI",
        "ROTI     5.00",
        "JUMLAH     5.00",
        "TUNAI     10.00",
        "BAKI     5.00",
        "BAKI KAD     4.51",
    )
    assert receipt.change.value == "5.00"
    assert receipt.reasons == ("no_date",)


def test_a_time_with_a_point_is_no_amount() -> None:
    receipt = read(
        "Bar Centrale", "24 maggio 2013 11.55", "Vino     5,00", "Pane     3,00", "TOTALE     8,00"
    )
    assert receipt.time.value == "11:55"
    assert [item.description for item in receipt.items] == ["Vino", "Pane"]


def test_a_word_for_a_refund_may_be_the_label_of_the_total() -> None:
    receipt = read("Buchhandlung Kron", "12.03.2024", "Roman     15,50", "Erstattung     15,50")
    assert receipt.total.value == "-15.50"


def test_a_thing_named_like_a_discount_is_an_item_where_the_sum_needs_it() -> None:
    receipt = read(
        "CORNER SHOP", "12/03/2024", "Latte     3.20", "MEAL DEAL MAIN     4.80", "Total     8.00"
    )
    assert [str(item.total) for item in receipt.items] == ["3.20", "4.80"]
    assert (receipt.discount.value, receipt.reasons) == (None, ())


@pytest.mark.parametrize("label", ["Total for 2 items", "TOTAL (2 ITEMS)", "Summe 2 Artikel"])
def test_a_total_may_say_how_many_things_it_is_for(label: str) -> None:
    receipt = read(
        "CORNER SHOP", "12/03/2024", "Latte     3.20", "Scone     4.80", f"{label}     8.00"
    )
    assert (receipt.total.value, len(receipt.items), receipt.reasons) == ("8.00", 2, ())


def test_the_sum_before_rounding_in_a_table_of_taxes_is_not_the_total() -> None:
    receipt = read(
        "Bakkerij Bart",
        "2023-11-15 11:47",
        "Jong belegen     2,36",
        "Afronding     -0,01",
        "TOTAAL EUR     2,35",
        "9%     0,19     2,17     2,36",
        "Totaal     2,17     0,19     2,36",
    )
    assert receipt.total.value == "2.35"


CUT_OFF = ("CORNER SHOP", "03/14/2024", "Latte     3.20", "Scone     4.80", "Subtotal     8.00")


def test_a_subtotal_is_no_sure_total_where_the_rest_is_cut_off() -> None:
    receipt = read(*CUT_OFF)
    assert receipt.total.confidence < 0.7
    assert "total_uncertain" in receipt.reasons
    paid = read(*CUT_OFF, "VISA     8.00")
    assert paid.total.value == "8.00"
    assert "total_uncertain" not in paid.reasons


def test_the_sum_before_a_rounding_is_no_sure_total_where_the_rest_is_cut_off() -> None:
    receipt = read(
        "KEDAI MAJU", "14/03/2023", "GULA     9.42", "TOTAL     9.42", "Rounding     -0.02"
    )
    assert receipt.total.confidence < 0.7
    assert "total_uncertain" in receipt.reasons


def test_savings_below_a_subtotal_without_them_are_told_once() -> None:
    receipt = read(
        "CORNER SHOP",
        "14/03/2023 10:22",
        "Latte     £5.00",
        "Any 2 for 4     -£1.00",
        "Scone     £6.00",
        "Subtotal     £11.00",
        "Savings     -£1.00",
        "TOTAL     £10.00",
    )
    assert (receipt.total.value, receipt.discount.value, receipt.reasons) == ("10.00", "1.00", ())


def test_what_a_gift_card_leaves_to_be_paid_is_not_the_total() -> None:
    receipt = read(
        "CORNER SHOP",
        "12/03/2024",
        "Coat     25.00",
        "TOTAL     25.00",
        "GIFT CARD     10.00",
        "BALANCE DUE     15.00",
        "VISA     15.00",
    )
    assert receipt.total.value == "25.00"


def test_a_coupon_may_leave_nothing_to_be_paid() -> None:
    receipt = read(
        "Drogerie Kron", "12.03.2024", "Seife     2,95", "Coupon     -2,95", "Summe 0,00"
    )
    assert (receipt.total.value, receipt.discount.value) == ("0.00", "2.95")


def test_a_total_in_whole_euros_has_its_mark_behind_it() -> None:
    assert (
        read("Bar Pepe", "28013 Madrid", "14/03/2023", "Menú  12 €", "TOTAL  12 €").total.value
        == "12.00"
    )


def test_a_page_with_several_receipts_says_so() -> None:
    source = page("SHOP", "12/03/2024", "TEA     2.00", "TOTAL     2.00", "CASH     2.00")
    assert "several_receipts" not in extract([source]).reasons
    receipt = extract([replace(source, receipts=2)])
    assert receipt.needs_review
    assert receipt.reasons == ("several_receipts",)
