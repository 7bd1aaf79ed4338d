"""Slips of cards below a receipt, money from the till, tickets there and back."""

from __future__ import annotations

import pytest

from tests.receipts.paper import read

MEAL = ("PIZZERIA LIBRETTO", "27/05/2022 19:44", "Burrata     18.00", "Duck     39.00")


def test_what_the_card_was_asked_for_before_the_tip_is_not_what_was_paid() -> None:
    receipt = read(
        *MEAL,
        "Subtotal     57.00",
        "HST 13%     7.41",
        "Total     64.41",
        "ACCT: VISA     64.41",
        "TIP     10.77",
        "TOTAL     75.18",
    )
    assert (receipt.total.value, receipt.tip.value) == ("75.18", "10.77")
    assert receipt.total.confidence >= 0.9


def test_a_total_that_says_that_the_tip_is_in_it_is_a_total() -> None:
    receipt = read(
        "Eetcafé De Kade",
        "29-04-2023 20:18",
        "Saté     33,90",
        "Bier     10,00",
        "Totaal     43,90",
        "Fooi     3,10",
        "Totaal incl. fooi     47,00",
        "PIN     47,00",
    )
    assert (receipt.total.value, receipt.tip.value) == ("47.00", "3.10")


@pytest.mark.parametrize(
    "offer",
    [
        ("Tip suggestion", "20%     Tip 11.40     Total 68.40"),
        ("Suggested:", "18%: (Tip $10.26 Total $67.26)", "20%: (Tip $11.40 Total $68.40)"),
        ("Total incl. 20% tip     68.40",),
    ],
)
def test_a_total_with_a_tip_that_is_only_suggested_is_not_what_was_paid(
    offer: tuple[str, ...],
) -> None:
    receipt = read(*MEAL, "Total     57.00", *offer)
    assert (receipt.total.value, receipt.tip.value) == ("57.00", None)


def test_a_tip_below_a_table_of_taxes_is_a_tip() -> None:
    receipt = read(
        "Gasthaus zum Löwen",
        "30.09.2022 21:12",
        "Rostbraten     45,80",
        "Strudel     7,90",
        "Summe EUR     53,70",
        "MwSt     Netto     Steuer     Brutto",
        "19,00%     45,13     8,57     53,70",
        "Trinkgeld:     4,30",
        "Gesamtbetrag:     58,00",
    )
    assert (receipt.total.value, receipt.tip.value) == ("58.00", "4.30")


@pytest.mark.parametrize(
    "payment",
    [
        ("DEBIT TEND     43.64", "DEBIT CASH BACK     10.00", "CHANGE DUE     0.00"),
        ("DEBIT     43.64", "CASH BACK     10.00", "TOTAL DEBIT PURCHASE     43.64"),
        ("CASHBACK     £10.00", "VISA DEBIT     £43.64", "CHANGE     £0.00"),
    ],
)
def test_money_from_the_till_is_no_part_of_the_total(payment: tuple[str, ...]) -> None:
    receipt = read(
        "SAFEWAY",
        "22/12/22 17:22",
        "TURKEY     24.64",
        "PIE     9.00",
        "TOTAL     33.64",
        *payment,
    )
    assert receipt.total.value == "33.64"
    assert receipt.total.confidence >= 0.9
    assert receipt.reasons == ()


def test_points_that_are_called_cash_back_change_no_total() -> None:
    receipt = read(
        "SAFEWAY", "22/12/22 17:22", "PIE     9.00", "TEA     4.00", "TOTAL     13.00",
        "VISA     13.00", "Cashback earned     0.13",
    )  # fmt: skip
    assert receipt.total.value == "13.00"
    assert receipt.reasons == ()


@pytest.mark.parametrize(
    "rows",
    [
        ("Dagretour 2e klas", "Utrecht - Den Haag     24,80", "Totaal incl. 9% btw     24,80"),
        ("Billett Bern - Thun", "retour, 2. Klasse", "Preis     24,80", "Total     24,80"),
        ("Day Return", "Lewes to Brighton     24.80", "Total     24.80"),
        ("Return ticket", "Adult     24.80", "Total     24.80"),
        ("Retour", "Aller 18/03/2023     12,40", "Retour 20/03/2023     12,40", "Total     24,80"),
    ],
)
def test_a_ticket_there_and_back_is_no_refund(rows: tuple[str, ...]) -> None:
    receipt = read("SOUTHERN LINES", "24.06.2023 08:12", *rows, "VISA     24,80")
    assert receipt.total.value == "24.80"
    assert all(item.total > 0 for item in receipt.items)


def test_the_way_back_is_no_change_although_what_is_left_is_printed() -> None:
    receipt = read(
        "SNCF CONNECT",
        "Aller-retour Paris - Lyon",
        "Aller 18/03/2023     48,00 €",
        "Retour 20/03/2023     38,00 €",
        "Total payé     86,00 €",
        "Date d'achat : 05/03/2023 19:22",
    )
    assert (receipt.total.value, receipt.change.value) == ("86.00", None)
    assert receipt.date.value == "2023-03-05"


def test_a_ticket_that_was_given_back_is_a_refund() -> None:
    receipt = read(
        "SNCF CONNECT",
        "REMBOURSEMENT",
        "24/06/2023 08:12",
        "Aller simple Paris - Lyon     48,00",
        "Total     48,00",
    )
    assert receipt.total.value == "-48.00"


def test_the_total_of_a_column_of_taxes_is_not_the_total() -> None:
    receipt = read(
        "DB BAHN",
        "28.03.2022 19:12",
        "Positionen     Preis     MwSt 7%",
        "Fahrkarte     49,40 €     3,23 €",
        "Reservierung     4,50 €     0,29 €",
        "Summe     53,90 €     3,52 €",
        "Gezahlter Betrag     53,90 €",
    )
    assert receipt.total.value == "53.90"


def test_of_two_amounts_beside_a_total_the_smaller_is_sure_only_where_it_was_paid() -> None:
    rows = ("HOFLADEN KERN", "17.05.2023 10:12", "Summe     53,90     3,52")
    assert read(*rows).total.confidence < 0.9
    paid = read("KERN", "17.05.2023", "Brot     3,52", "Summe     53,90     3,52", "Bar     3,52")
    assert (paid.total.value, paid.total.confidence >= 0.9) == ("3.52", True)


def test_a_total_beside_its_net_and_its_tax_makes_a_receipt() -> None:
    receipt = read(
        "Hotel Post",
        "Rechnung 2021-118     05.09.2021",
        "2 Übernachtungen     214,00",
        "Netto     MwSt     Brutto",
        "Summe     200,00     14,00     214,00",
    )
    assert receipt.total.value == "214.00"


def test_taxes_with_a_rate_and_without_one_are_summed_where_they_make_the_total() -> None:
    receipt = read(
        "CORNER LIQUORS",
        "12/31/2021 17:22",
        "WINE     49.99",
        "ICE     1.99",
        "SUBTOTAL     51.98",
        "SALES TAX 10.25%     5.33",
        "CITY LIQUOR TAX     0.12",
        "TOTAL     57.43",
    )
    assert receipt.tax.value == "5.45"
    assert receipt.reasons == ()


def test_a_surcharge_is_no_tax() -> None:
    receipt = read(
        "THREE DUCKS",
        "02/10/2022 10:33",
        "Toast     44.00",
        "Roll     12.00",
        "Sub Total     56.00",
        "Sunday Surcharge 15%     8.40",
        "TOTAL (inc GST)     64.40",
        "Includes GST of     5.85",
    )
    assert (receipt.total.value, receipt.tax.value) == ("64.40", "5.85")


def test_a_name_ends_where_the_title_of_the_letter_stands_apart() -> None:
    rows = ("Unit 4 Station Yard", "Service     95.00", "Total     95.00")
    assert read("Bramley Plumbing Ltd          INVOICE", *rows).merchant.value == (
        "Bramley Plumbing Ltd"
    )
    assert read("The Receipt Company", *rows).merchant.value == "The Receipt Company"
    assert read("Joe's Crab Shack", *rows).merchant.value == "Joe's Crab Shack"


@pytest.mark.parametrize(
    "parts",
    [
        ("GIFT CARD     25.00", "VISA ...4412     8.64", "CHANGE DUE     0.00"),
        ("EBT FOOD     25.00", "CASH     10.00", "CHANGE     1.36", "EBT BALANCE     118.44"),
    ],
)
def test_two_payments_are_held_against_the_total_together(parts: tuple[str, ...]) -> None:
    receipt = read(
        "SAFEWAY", "22/12/22 17:22", "TURKEY     24.64", "PIE     9.00", "TOTAL     33.64", *parts
    )
    assert (receipt.total.value, receipt.reasons) == ("33.64", ())
    assert receipt.paid.value in ("33.64", "35.00")
    assert len(receipt.paid.evidence) == 2


@pytest.mark.parametrize(
    ("rows", "total"),
    [
        (("SUBTOTAL     20.38", "ROUND UP FOR CHARITY     0.62", "TOTAL     21.00"), "21.00"),
        (("Total     £20.38", "Pennies round up     £0.62", "Total charged     £21.00"), "21.00"),
        (("TOTAL     20.38", "ROUNDED     20.40", "CASH     20.40"), "20.40"),
    ],
)
def test_what_is_rounded_up_for_charity_is_no_total(rows: tuple[str, ...], total: str) -> None:
    receipt = read("WHOLE FOODS", "17/05/2023 12:12", "APPLES     12.38", "TEA     8.00", *rows)
    assert receipt.total.value == total


def test_of_a_small_tax_the_net_is_the_one_of_which_it_is_the_rate_to_the_cent() -> None:
    receipt = read(
        "dm-drogerie markt",
        "20.03.2021 11:22",
        "CREME     11,45 1",
        "RIEGEL     2,90 2",
        "SUMME EUR     14,35",
        "MwSt-Satz     Brutto     Netto     MwSt",
        "1=19,00%     11,45     9,62     1,83",
        "2= 7,00%     2,90     2,71     0,19",
    )
    assert [(str(tax.net), str(tax.amount)) for tax in receipt.taxes] == [
        ("9.62", "1.83"),
        ("2.71", "0.19"),
    ]
    assert receipt.reasons == ()


def test_taxes_and_a_tip_on_top_are_told_apart() -> None:
    receipt = read(
        "St-Viateur",
        "Montréal QC H2J 1X9",
        "2023-07-08 10:44",
        "Bagel     15.75",
        "Café     7.72",
        "Sous-total     23.47",
        "TPS     1.17",
        "TVQ     2.35",
        "Total     26.99",
        "Pourboire     4.05",
        "Total     31.04",
    )
    assert (receipt.total.value, receipt.tax.value, receipt.tip.value) == ("31.04", "3.52", "4.05")
    assert (receipt.currency.value, receipt.reasons) == ("CAD", ())


@pytest.mark.parametrize(
    "row",
    [
        "Vorstellung am 18.03.2023, 19:30 Uhr",
        "Séance du 18/03/2023 19:30",
        "Sesión 18/03/2023 19:30",
        "Spettacolo 18/03/2023 19:30",
        "Voorstelling 18-03-2023 19:30",
        "Admission date 18/03/2023 10:00",
    ],
)
def test_the_day_of_a_show_is_not_the_day_on_which_its_ticket_was_bought(row: str) -> None:
    receipt = read("Stadttheater", "12.01.2023", row, "2 x 42,00     84,00", "Total     84,00")
    assert receipt.date.value == "2023-01-12"


def test_bottles_that_went_back_are_an_item() -> None:
    receipt = read(
        "JUMBO",
        "18-02-2023 16:40",
        "Grolsch     17,49",
        "Emballage retour     -2,10",
        "Totaal     15,39",
        "Pinpas     15,39",
    )
    assert [str(item.total) for item in receipt.items] == ["17.49", "-2.10"]
    assert (receipt.change.value, receipt.reasons) == (None, ())


def test_a_total_is_not_sure_before_a_tip_whose_sum_was_not_read() -> None:
    rows = (*MEAL, "Total     57.00", "VISA     57.00")
    assert read(*rows).total.confidence >= 0.9
    assert read(*rows, "Tip     10.00").total.confidence < 0.9
    assert read(*rows, "Tip     10.00", "Total     67.00").total.confidence >= 0.9


def test_a_tip_in_the_list_below_a_total_at_the_top_is_in_what_was_paid() -> None:
    receipt = read(
        "Uber",
        "March 30, 2023",
        "Total     $24.64",
        "Trip fare     $20.64",
        "Tips     $4.00",
        "Visa     $24.64",
    )
    assert (receipt.total.value, receipt.tip.value) == ("24.64", "4.00")
    assert receipt.total.confidence >= 0.9


def test_a_title_alone_makes_no_sure_refund_of_what_its_items_do_not_come_to() -> None:
    head = ("OLD NAVY", "01/03/2022 14:22", "RETURN")
    receipt = read(
        *head, "JEANS     -24.99", "SUBTOTAL     12.00", "TAX     0.84", "TOTAL     12.84"
    )
    assert receipt.total.confidence < 0.9
    whole = read(*head, "JEANS     12.00", "SUBTOTAL     12.00", "TAX     0.84", "TOTAL     12.84")
    assert (whole.total.value, whole.total.confidence >= 0.9) == ("-12.84", True)


def test_an_amount_does_not_confirm_itself() -> None:
    receipt = read("ALSA", "08/02/2023 10:14", "Precio     38,64", "IVA 10%     3,86")
    assert "items_sum_to_total" not in {check.check for check in receipt.checks}
    assert receipt.total.confidence < 0.9


def test_a_payment_that_is_printed_below_zero_is_one() -> None:
    receipt = read(
        "dm-drogerie markt",
        "20.03.2021 11:22",
        "CREME     12,00",
        "RIEGEL     5,00",
        "SUMME EUR     17,00",
        "zu zahlen EUR     14,35",
        "VISA EUR     -14,35",
    )
    assert receipt.total.value == "14.35"


def test_a_larger_total_below_one_makes_it_unsure_where_nothing_tells_why() -> None:
    rows = (*MEAL, "Total EUR     57.00", "VISA     57.00")
    assert read(*rows, "Total     66.00").total.confidence < 0.9
    assert read(*rows, "Total incl. 15% tip     65.55").total.confidence >= 0.9
    assert read(*rows, "Total CHF     58.20").total.confidence >= 0.9


def test_a_total_that_the_card_did_not_pay_is_not_sure() -> None:
    rows = ("SHELL", "1220 Hwy 290, Elgin TX 78621", "10/05/2021", "FUEL TOTAL     $43.16")
    assert read(*rows, "CREDIT     $43.16").total.confidence >= 0.9
    assert read(*rows, "CREDIT     $48.16").total.confidence < 0.9
    parts = ("Total     57.00", "GIFT CARD     20.00", "VISA     37.00")
    assert read(*MEAL, *parts).total.confidence >= 0.9
