"""What words alone do not tell, and what their place, their sign and the sums do."""

from __future__ import annotations

import pytest

from tests.receipts.paper import read

HEAD = ("CORNER SHOP", "12/03/2024 10:15")


def test_an_amount_below_zero_between_two_sums_is_a_discount_whatever_its_word() -> None:
    receipt = read(
        *HEAD,
        "Bread        12.00",
        "Milk          8.00",
        "Subtotal     20.00",
        "Xmas Joy     -2.00",
        "Total        18.00",
        "VISA         18.00",
    )
    assert (receipt.total.value, receipt.subtotal.value) == ("18.00", "20.00")
    assert receipt.discount.value == "2.00"
    assert receipt.reasons == ()


def test_an_amount_beside_a_rate_between_two_sums_is_a_tax_whatever_its_word() -> None:
    receipt = read(
        "DOLLAR BARN",
        "Macon, GA 31201",
        "03/12/2024 10:15 AM",
        "Bread       $12.00",
        "Milk         $8.00",
        "Subtotal    $20.00",
        "TX 8.875%    $1.78",
        "Total       $21.78",
    )
    assert (receipt.total.value, receipt.tax.value) == ("21.78", "1.78")
    assert receipt.reasons == ()


def test_of_two_totals_the_one_after_discount_and_service_is_what_was_paid() -> None:
    receipt = read(
        "Bar Casa Lola",
        "41001 Sevilla",
        "12/03/2024 22:15",
        "Gambas          24,00",
        "Vino            16,00",
        "TOTAL           40,00",
        "Descuento       -4,00",
        "Servicio         3,60",
        "TOTAL           39,60",
    )
    assert receipt.total.value == "39.60"
    assert receipt.discount.value == "4.00"


def test_what_goes_back_after_cash_is_change_and_no_refund() -> None:
    receipt = read(
        "Bar Casa Lola",
        "12/03/2024 22:15",
        "Gambas           24,00",
        "Total a pagar    24,00",
        "Entrega          30,00",
        "Devolución        6,00",
    )
    assert (receipt.total.value, receipt.paid.value) == ("24.00", "30.00")
    assert (receipt.change.value, receipt.payment_method.value) == ("6.00", "cash")


@pytest.mark.parametrize(
    ("title", "total"),
    [
        ("Rückgabe", "Total"),
        ("Rückvergütung", "TOTAL"),
        ("Warenrücknahme", "Rückzahlungsbetrag"),
        ("ANULACIÓN", "Importe a devolver"),
        ("Factura rectificativa", "A devolver"),
        ("RETOUR", "Terug te betalen"),
        ("Annullamento", "Importo da rimborsare"),
        ("Bayaran balik", "Jumlah dipulangkan"),
        ("Nota de crédito", "Valor a reembolsar"),
        ("Ticket de remboursement", "Net à rembourser"),
        ("MERCHANDISE CREDIT", "TOTAL"),
    ],
)
def test_a_title_that_says_refund_turns_amounts_without_a_minus(title: str, total: str) -> None:
    receipt = read("LA MAISON", title, "12/03/2024", "Schal      45,00", f"{total}      45,00")
    assert receipt.total.value == "-45.00"


def test_a_refund_in_cash_is_rounded_like_a_purchase() -> None:
    receipt = read(
        "Bouwmarkt Gamme B.V.",
        "RETOUR",
        "12-03-2024 10:15",
        "Jonge kaas      42,30-",
        "Schroeven       38,34-",
        "Te voldoen      80,64-",
        "Afr. contant     0,01-",
        "TOTAAL          80,65-",
    )
    assert (receipt.total.value, receipt.rounding.value) == ("-80.65", "-0.01")


def test_a_table_of_taxes_is_known_by_its_rates_where_its_head_was_not_read() -> None:
    receipt = read(
        "Café Sprüngli",
        "3011 Bern",
        "22.08.2024 21:14",
        "Gipfeli         8.10",
        "Käse           54.05",
        "Total CHF      62.15",
        "A 8.1%     0.25     0.02     0.27",
        "B 2.6%    60.31     1.57    61.88",
        "enthaltene MwSt 8.1%",
        "                0.02",
    )
    assert [(str(t.rate), str(t.net), str(t.amount)) for t in receipt.taxes] == [
        ("8.1", "0.25", "0.02"),
        ("2.6", "60.31", "1.57"),
    ]
    assert receipt.tax.value == "1.59"


def test_the_sum_of_a_table_of_taxes_is_no_rate_of_its_own() -> None:
    receipt = read(
        "Le Petit Zinc",
        "33000 Bordeaux",
        "22/08/2024 21:14",
        "Tarte           5,46",
        "Vin             9,68",
        "TOTAL TTC      15,14",
        "Taux        HT       TVA      TTC",
        "20%       4,55      0,91     5,46",
        "10%       8,80      0,88     9,68",
        "Total    13,35      1,79    15,14",
    )
    assert [str(tax.rate) for tax in receipt.taxes] == ["20", "10"]
    assert receipt.tax.value == "1.79"


def test_a_table_of_taxes_without_rates_tells_the_tax_where_its_rows_add_up() -> None:
    receipt = read(
        "KEDAI MAJU SDN BHD",
        "14/03/2017",
        "GULA     34.17",
        "MEE     8.55",
        "TOTAL     42.72",
        "GST Summary     Amount(RM)     Tax(RM)     Total",
        "SR     40.30     2.42     42.72",
    )
    assert [(tax.rate, str(tax.net), str(tax.amount)) for tax in receipt.taxes] == [
        (None, "40.30", "2.42")
    ]
    assert receipt.tax.value == "2.42"


def test_the_heads_of_a_table_of_taxes_do_not_begin_the_items() -> None:
    receipt = read(
        "Continente Bom Dia",
        "12/03/2024",
        "Leite     4,00",
        "Sopa     6,00",
        "TOTAL     10,00",
        "Taxa     Preço     Valor     Total",
        "23%     8,13     1,87     10,00",
    )
    assert [item.description for item in receipt.items] == ["Leite", "Sopa"]
    assert receipt.merchant.value == "Continente Bom Dia"


def test_a_tax_number_with_points_is_no_amount() -> None:
    receipt = read(
        "Eetcafé De Zwaan",
        "BTW: NL 8123.45.678.B01",
        "12-03-2024 10:15",
        "Tosti       6,50",
        "Totaal      6,50",
    )
    assert (receipt.total.value, receipt.tax.value) == ("6.50", None)


def test_the_mark_of_a_currency_makes_no_total_of_a_tax() -> None:
    receipt = read(
        "Café Sprüngli",
        "22.08.2024 21:14",
        "Rösti                44.86 CHF",
        "Betrag               44.86 CHF",
        "inkl. 8.1% MwSt       3.36 CHF",
    )
    assert (receipt.total.value, receipt.tax.value) == ("44.86", "3.36")


def test_a_voucher_that_is_offered_is_no_payment() -> None:
    receipt = read(
        "Zapatería Moda Pies",
        "12/03/2024 10:15",
        "Zapato        44,00",
        "Total         44,00",
        "Entrega       50,00",
        "Cambio         6,00",
        "Gane un vale de 5,00 € en compras de 50,00 €",
    )
    assert receipt.payment_method.value == "cash"


def test_the_parts_of_a_refund_have_the_sign_of_its_total() -> None:
    receipt = read(
        "DOLLAR BARN",
        "Macon, GA 31201",
        "REFUND RECEIPT",
        "03/12/2024 10:15 AM",
        "2 Bread       $12.00",
        "Milk           $8.00",
        "Subtotal      $20.00",
        "Tax 10%        $2.00",
        "Total         $22.00",
    )
    assert (receipt.total.value, receipt.subtotal.value) == ("-22.00", "-20.00")
    assert receipt.tax.value == "-2.00"
    assert [(str(item.quantity), str(item.total)) for item in receipt.items] == [
        ("2", "-12.00"),
        ("1", "-8.00"),
    ]


def test_a_time_with_a_point_beside_a_date_is_no_item() -> None:
    receipt = read(
        "Restaurant Krone",
        "8400 Winterthur",
        "Datum: 2024-04-21     11.49",
        "Bratwurst             42.60",
        "Kaffee Crème          16.32",
        "Total CHF             58.92",
    )
    assert [item.description for item in receipt.items] == ["Bratwurst", "Kaffee Crème"]
    assert receipt.time.value == "11:49"


def test_a_discount_told_below_the_total_is_in_it_already() -> None:
    receipt = read(
        "PINGO DOURO",
        "12/03/2024 10:15",
        "Arroz               5,00",
        "Desconto direto    -1,00",
        "TOTAL               4,00",
        "Multibanco          4,00",
        "Total descontos     7,20",
    )
    assert (receipt.total.value, receipt.discount.value) == ("4.00", "1.00")


def test_a_coupon_as_large_as_an_items_discount_counts_beside_it() -> None:
    receipt = read(
        "CORNER SHOP",
        "12/03/2024 10:15",
        "Tea                 5.00",
        "Price reduction    -0.50",
        "Milk                2.00",
        "Subtotal            6.50",
        "Coupon             -0.50",
        "Total               6.00",
    )
    assert (receipt.total.value, receipt.discount.value) == ("6.00", "1.00")
    assert receipt.reasons == ()


def test_a_cover_charge_and_litres_in_a_name_are_what_they_are() -> None:
    receipt = read(
        "Café Central",
        "12/03/2024 10:15",
        "Couvert             0,25",
        "Água 1,5l           1,70",
        "Total               1,95",
    )
    assert [(item.description, str(item.total)) for item in receipt.items] == [
        ("Couvert", "0.25"),
        ("Água 1,5l", "1.70"),
    ]


def test_a_weight_in_pounds_stands_below_its_item() -> None:
    receipt = read(
        "WHOLEFIELD MARKET",
        "Austin, TX 78703",
        "Bananas             $7.98",
        "1.952lb x 4.09",
        "Total               $7.98",
    )
    assert [(str(i.quantity), str(i.unit_price), str(i.total)) for i in receipt.items] == [
        ("1.952", "4.09", "7.98")
    ]


def test_what_the_total_is_in_another_currency_is_not_the_total() -> None:
    receipt = read(
        "Sport Zermatt AG",
        "3920 Zermatt",
        "12.03.2024 10:15",
        "Wanderstock        CHF 24.00",
        "Kappe              CHF 18.00",
        "Gesamttotal        5Fr. 42.00",
        "Total in EUR       EUR 43.90",
    )
    assert (receipt.total.value, receipt.currency.value) == ("42.00", "CHF")


def test_a_number_and_a_price_above_a_name_belong_to_it() -> None:
    receipt = read(
        "Pepe's Taqueria",
        "San Francisco, CA 94110",
        "03/12/2024 10:15 AM",
        "3 @ 6.02",
        "Diet Coke       $18.06",
        "Towel           $15.00",
        "Total           $33.06",
    )
    assert [(i.description, str(i.quantity), str(i.unit_price)) for i in receipt.items] == [
        ("Diet Coke", "3", "6.02"),
        ("Towel", "1", "None"),
    ]


def test_what_is_to_be_given_back_is_a_refund_beside_the_balance_of_a_card() -> None:
    receipt = read(
        "Zapatería Moda Pies",
        "REEMBOLSO",
        "12/03/2024 10:15",
        "Zapato piel        91,64",
        "A devolver        -91,64 EUR",
        "Saldo monedero     14,09 EUR",
    )
    assert receipt.total.value == "-91.64"


def test_a_telephone_number_with_points_is_no_amount_above_a_title() -> None:
    receipt = read(
        "PHARMACIE CENTRALE",
        "57000 METZ",
        "05.56.55.12.34",
        "RETOUR",
        "12/03/2024",
        "TARTE CITRON         33,77",
        "MONTANT DE L'AVOIR   33,77",
    )
    assert receipt.total.value == "-33.77"
    assert len(receipt.items) == 1
