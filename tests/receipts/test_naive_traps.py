"""What breaks `(Total|Amount)[:\\s]*\\$?([\\d,]+\\.\\d{2})`, one test per trap."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from daemon.receipts.extract import extract
from tests.receipts.locales import LOCALES, Locale
from tests.receipts.paper import read
from tests.receipts.traps import DAY, TRAPS, Trap
from tests.receipts.typeset import page


@pytest.mark.parametrize(
    "label", ["Gesamt", "Summe", "SUMME EUR", "zu zahlen", "Zu zahlen", "Gesamtbetrag"]
)
def test_german_words_for_a_total_are_known(label: str) -> None:
    receipt = read(
        "Bäckerei Kron GmbH",
        "50667 Köln",
        "Brot            3,20",
        "Kuchen         20,80",
        f"{label}          24,00",
        "MwSt 7%         1,57",
    )
    assert receipt.total.value == "24.00"


def test_british_amount_due_with_a_pound_sign_is_known() -> None:
    receipt = read(
        "Harbour Books Ltd",
        "Novel        £8.99",
        "Atlas       £30.00",
        "Amount Due      £38.99",
        "VISA        £38.99",
    )
    assert receipt.total.value == "38.99"
    assert receipt.currency.value == "GBP"


def test_of_several_totals_the_one_to_pay_is_chosen() -> None:
    receipt = read(
        "GREENLEAF MARKET",
        "APPLES        4.00",
        "BREAD         6.00",
        "TOTAL ITEMS      2",
        "SUBTOTAL     10.00",
        "TOTAL TAX     0.80",
        "TOTAL        10.80",
        "TOTAL SAVINGS    3.20",
        "TOTAL POINTS     108.00",
    )
    assert receipt.total.value == "10.80"
    assert receipt.subtotal.value == "10.00"
    assert receipt.tax.value == "0.80"


@pytest.mark.parametrize("label", ["Tota1", "T0tal", "T0TAL", "TOTA1", "TOTAI", "T0TA1", "TOTL"])
def test_a_label_that_ocr_misread_is_still_a_label(label: str) -> None:
    receipt = read(
        "CORNER SHOP",
        "TEA       2.00",
        "MILK      1.50",
        f"{label}       3.50",
        "CASH      5.00",
        "CHANGE    1.50",
    )
    assert receipt.total.value == "3.50"


@pytest.mark.parametrize(
    "amount",
    ["1.234,56", "1 234,56", "1234,56", "€ 1.234,56", "1.234,56 €", "EUR 1.234,56", "1.234,56 A"],
)
def test_amounts_with_a_decimal_comma_are_read(amount: str) -> None:
    receipt = read(
        "Möbelhaus Nord", "Tisch       1.134,56", "Stuhl         100,00", f"Summe       {amount}"
    )
    assert receipt.total.value == "1234.56"


@pytest.mark.parametrize(
    "amount", ["1'234.56", "1,234.56", "1234.56", "CHF 1'234.56", "RM1,234.56", "$1,234.56"]
)
def test_amounts_with_a_decimal_point_are_read(amount: str) -> None:
    receipt = read(
        "Furniture Store", "Table       1,134.56", "Chair         100.00", f"Total       {amount}"
    )
    assert receipt.total.value == "1234.56"


def test_the_total_after_cash_rounding_is_the_total() -> None:
    receipt = read(
        "KEDAI MAJU SDN BHD",
        "TEH TARIK      2.12",
        "ROTI           3.19",
        "TOTAL RM       5.31",
        "ROUNDING ADJ      -0.01",
        "TOTAL ROUNDED      5.30",
        "CASH       10.00",
        "CHANGE       4.70",
    )
    assert receipt.total.value == "5.30"
    assert receipt.rounding.value == "-0.01"


def test_cash_and_change_are_not_the_total() -> None:
    receipt = read(
        "CORNER SHOP",
        "TEA       2.00",
        "MILK      1.50",
        "TOTAL     3.50",
        "CASH     50.00",
        "CHANGE   46.50",
    )
    assert (receipt.total.value, receipt.paid.value, receipt.change.value) == (
        "3.50",
        "50.00",
        "46.50",
    )
    assert receipt.payment_method.value == "cash"


def test_coupons_after_the_total_do_not_replace_it() -> None:
    receipt = read(
        "GREENLEAF MARKET",
        "APPLES        4.00",
        "BREAD         6.00",
        "TOTAL        10.00",
        "VISA       10.00",
        "COUPON       5.00",
        "SAVE 5.00 ON YOUR NEXT VISIT",
    )
    assert receipt.total.value == "10.00"


def test_tax_that_is_included_does_not_change_the_total() -> None:
    receipt = read(
        "Harbour Books",
        "Novel       12.00",
        "Total       12.00",
        "Includes VAT 20%      2.00",
        "Card      12.00",
    )
    assert receipt.total.value == "12.00"
    assert receipt.tax.value == "2.00"


def test_tax_that_comes_on_top_is_in_the_total() -> None:
    receipt = read(
        "LIAN HARDWARE SDN BHD",
        "HAMMER      100.00",
        "TOTAL (EXCLUDING GST)     100.00",
        "TOTAL GST 6%      6.00",
        "TOTAL (INCLUSIVE OF GST)     106.00",
        "CASH     110.00",
        "CHANGE     4.00",
    )
    assert receipt.total.value == "106.00"
    assert receipt.tax.value == "6.00"


@pytest.mark.parametrize("amount", ["-24.00", "24.00-", "- 24.00", "(24.00)", "-£24.00", "£-24.00"])
def test_a_refund_has_a_negative_total(amount: str) -> None:
    receipt = read(
        "Harbour Books Ltd",
        "REFUND",
        "Novel      -24.00",
        f"Total      {amount}",
        "VISA      -24.00",
    )
    assert receipt.total.value == "-24.00"


def test_a_refund_that_prints_no_minus_has_a_negative_total_all_the_same() -> None:
    receipt = read(
        "Harbour Books Ltd", "REFUND RECEIPT", "Novel      24.00", "Refund Total      24.00"
    )
    assert receipt.total.value == "-24.00"


@pytest.mark.parametrize(
    ("label", "shop"),
    [
        ("Refund Amount", "Harbour Books Ltd"),
        ("Erstattungsbetrag", "Bäckerei Kron GmbH"),
        ("Total remboursé", "Librairie du Port"),
        ("Totale rimborso", "Libreria Rossi"),
        ("Totaal terugbetaald", "Boekhandel Jansen"),
    ],
)
def test_a_label_that_says_refund_makes_the_total_negative(label: str, shop: str) -> None:
    receipt = read(shop, "Atlas      24,00", f"{label}      24,00")
    assert receipt.total.value == "-24.00"


@pytest.mark.parametrize("label", ["Rückgabe", "A devolver", "Retour contant"])
def test_change_is_no_refund(label: str) -> None:
    words = {"Rückgabe": ("Summe", "Bar"), "A devolver": ("Total a pagar", "Efectivo")}
    total, cash = words.get(label, ("Te betalen", "Contant"))
    receipt = read(
        "Boekhandel Kron", "Atlas   24,00", f"{total}   24,00", f"{cash}   30,00", f"{label}   6,00"
    )
    assert (receipt.total.value, receipt.change.value) == ("24.00", "6.00")


def test_a_sentence_about_refunds_makes_no_refund() -> None:
    receipt = read(
        "Harbour Books Ltd",
        "Novel      24.00",
        "Total      24.00",
        "No refund without receipt",
        "Refunds within 14 days only",
    )
    assert receipt.total.value == "24.00"


def test_the_amount_may_stand_on_the_next_line() -> None:
    receipt = read(
        "Harbour Books Ltd",
        "Novel      24.00",
        "Atlas      10.00",
        "TOTAL",
        "           34.00",
        "VISA",
        "           34.00",
    )
    assert receipt.total.value == "34.00"


def test_a_card_slip_that_repeats_the_total_confirms_it() -> None:
    rows = [
        "Frischemarkt Weber",
        "Äpfel      3,98",
        "Brot       4,02",
        "SUMME EUR      8,00",
        "girocard      8,00",
    ]
    slip = [
        "K-U-N-D-E-N-B-E-L-E-G",
        "Terminal-ID 56021033",
        "Kartenzahlung",
        "Betrag EUR      8,00",
    ]
    assert read(*rows, *slip).total.value == "8.00"
    assert read(*rows, *slip).total.confidence >= read(*rows[:-1]).total.confidence


@pytest.mark.parametrize("locale", LOCALES, ids=lambda locale: locale.name)
@pytest.mark.parametrize("trap", TRAPS)
def test_the_traps_are_seen_through_in_the_words_of_ten_countries(
    trap: Callable[[Locale], Trap], locale: Locale
) -> None:
    case = trap(locale)
    receipt = extract([page(case.sheet, locale.name)])
    assert receipt.total.value == f"{case.total:.2f}"
    assert receipt.date.value == DAY.isoformat()
