"""What each field of a receipt means, as the sidecar promises it."""

from __future__ import annotations

import json

from daemon.receipts.extract import extract
from daemon.receipts.model import Receipt
from tests.receipts.paper import page, read
from tests.receipts.till import printed
from tests.receipts.typeset import page as sheet_page

FIELDS = [
    *("merchant", "address", "phone", "tax_id", "receipt_number", "date", "time", "currency"),
    *("total", "subtotal", "tax", "tip", "discount", "rounding", "paid", "change"),
    "payment_method",
]


def names(receipt: Receipt) -> list[str]:
    return [item.description for item in receipt.items]


def test_all_of_an_ordinary_receipt_is_found() -> None:
    receipt = read(
        "KEDAI MAJU SDN BHD (123456-A)",
        "NO 12, JALAN MERDEKA 3,",
        "47301 PETALING JAYA, SELANGOR",
        "TEL: 03-7880 1234",
        "GST ID: 000181747712",
        "INVOICE NO: A-10293        14/02/2019 18:05:11",
        "DESCRIPTION     QTY    PRICE     AMOUNT",
        "TEH TARIK        2      2.10       4.20",
        "NASI LEMAK       1      8.00       8.00",
        "SUBTOTAL                          12.20",
        "GST 6%                             0.73",
        "ROUNDING ADJ                       0.02",
        "TOTAL RM                          12.95",
        "CASH                              20.00",
        "CHANGE                             7.05",
    )
    found = {name: getattr(receipt, name).value for name in FIELDS}
    assert found == {
        "merchant": "KEDAI MAJU SDN BHD",
        "address": "NO 12, JALAN MERDEKA 3, 47301 PETALING JAYA, SELANGOR",
        "phone": "03-7880 1234",
        "tax_id": "000181747712",
        "receipt_number": "A-10293",
        "date": "2019-02-14",
        "time": "18:05:11",
        "currency": "MYR",
        "total": "12.95",
        "subtotal": "12.20",
        "tax": "0.73",
        "tip": None,
        "discount": None,
        "rounding": "0.02",
        "paid": "20.00",
        "change": "7.05",
        "payment_method": "cash",
    }
    assert [(str(i.quantity), str(i.unit_price), str(i.total)) for i in receipt.items] == [
        ("2", "2.10", "4.20"),
        ("1", "8.00", "8.00"),
    ]
    assert all(check.ok for check in receipt.checks)
    assert (receipt.needs_review, receipt.reasons) == (False, ())


def test_the_total_is_after_the_tip() -> None:
    receipt = read(
        "Maple Diner",
        "Chicago, IL 60614",
        "Burger        12.00",
        "Soda           3.00",
        "Subtotal      15.00",
        "Tax            1.50",
        "Tip            3.00",
        "Total        $19.50",
        "VISA         $19.50",
    )
    assert (receipt.total.value, receipt.tip.value) == ("19.50", "3.00")
    assert (receipt.subtotal.value, receipt.tax.value) == ("15.00", "1.50")
    assert receipt.payment_method.value == "card"


def test_a_tip_after_the_total_is_in_what_was_paid() -> None:
    receipt = read(
        "Gasthaus Krone",
        "Schnitzel       18,50",
        "Wein             6,50",
        "Gesamt          25,00",
        "Trinkgeld        3,00",
        "Kartenzahlung   28,00",
    )
    assert (receipt.total.value, receipt.tip.value) == ("28.00", "3.00")


def test_cash_rounded_to_five_cents_is_the_total() -> None:
    receipt = read(
        "KEDAI MAJU SDN BHD",
        "TEH TARIK      2.12",
        "ROTI           3.19",
        "TOTAL          5.31",
        "ROUNDING      -0.01",
        "CASH           5.30",
        "CHANGE         0.00",
    )
    assert receipt.total.value == "5.30"


def test_suggested_tips_are_none() -> None:
    receipt = read(
        "Maple Diner",
        "Burger        12.00",
        "Total        $12.00",
        "Suggested tip 15%   $1.80",
        "Suggested tip 20%   $2.40",
        "VISA         $12.00",
    )
    assert (receipt.total.value, receipt.tip.value) == ("12.00", None)


def test_items_keep_their_price_before_a_discount_of_their_own() -> None:
    receipt = read(
        "Harbour Clothing Ltd",
        "Shirt         20.00",
        "Discount      -5.00",
        "Socks          4.00",
        "Subtotal      19.00",
        "Total        £19.00",
    )
    assert [str(item.total) for item in receipt.items] == ["20.00", "4.00"]
    assert (receipt.discount.value, receipt.subtotal.value) == ("5.00", "19.00")
    assert receipt.checks[0].ok


def test_the_subtotal_is_before_a_coupon_on_the_whole() -> None:
    receipt = read(
        "Harbour Clothing Ltd",
        "Shirt         20.00",
        "Socks          4.00",
        "Subtotal      24.00",
        "Coupon        -4.00",
        "Total        £20.00",
    )
    assert (receipt.subtotal.value, receipt.discount.value) == ("24.00", "4.00")
    assert receipt.total.value == "20.00"


def test_the_tax_is_the_sum_over_the_rates_where_no_row_prints_it() -> None:
    receipt = read(
        "Frischemarkt Weber",
        "Brot                       2,14 B",
        "Lampe                     11,90 A",
        "SUMME EUR                 14,04",
        "MwSt        Netto   Steuer   Brutto",
        "A 19,00%    10,00     1,90    11,90",
        "B  7,00%     2,00     0,14     2,14",
    )
    assert receipt.tax.value == "2.04"
    assert [tax.as_json() for tax in receipt.taxes] == [
        {"rate": "19", "net": "10.00", "amount": "1.90"},
        {"rate": "7", "net": "2.00", "amount": "0.14"},
    ]


def test_a_net_that_is_not_printed_is_not_reckoned() -> None:
    receipt = read(
        "Frischemarkt Weber",
        "Lampe                     11,90 A",
        "SUMME EUR                 11,90",
        "MwSt        Steuer   Brutto",
        "A 19,00%     1,90    11,90",
    )
    assert [tax.as_json() for tax in receipt.taxes] == [
        {"rate": "19", "net": None, "amount": "1.90"}
    ]


def test_deposits_and_bags_are_items() -> None:
    receipt = read(
        "Getränkemarkt Nord",
        "Wasser        4,99",
        "Pfand         1,50",
        "Tragetasche   0,20",
        "Leergut      -0,75",
        "SUMME EUR     5,94",
    )
    assert names(receipt) == ["Wasser", "Pfand", "Tragetasche", "Leergut"]
    assert receipt.discount.value is None


def test_a_unit_price_is_given_only_where_one_is_printed() -> None:
    receipt = read(
        "CORNER SHOP",
        "2 TEA         4.00",
        "MILK          1.50",
        "3 x 1.20",
        "BUNS          3.60",
        "TOTAL         9.10",
    )
    assert [(str(i.quantity), i.unit_price and str(i.unit_price)) for i in receipt.items] == [
        ("2", None),
        ("1", None),
        ("3", "1.20"),
    ]


def test_a_quantity_below_the_item_belongs_to_it() -> None:
    receipt = read(
        "CORNER SHOP", "BUNS          3.60", "@3 X RM 1.20", "TEA     2.00", "TOTAL     5.60"
    )
    assert [(str(i.quantity), i.description) for i in receipt.items] == [
        ("3", "BUNS"),
        ("1", "TEA"),
    ]


def test_fuel_is_weighed_below_its_amount() -> None:
    receipt = read(
        "Westfalen Tankstelle",
        "Super bleifrei      34,00 EUR A",
        "Zp 02   22,68 l   1,499 EUR/l",
        "Gesamtbetrag        34,00 EUR",
    )
    (item,) = receipt.items
    assert (str(item.quantity), str(item.unit_price), str(item.total)) == (
        "22.68",
        "1.499",
        "34.00",
    )


def test_a_refund_has_positive_quantities() -> None:
    receipt = read("Harbour Books Ltd", "REFUND", "2 x 12.00", "Novel   -24.00", "Total    -24.00")
    assert receipt.total.value == "-24.00"
    assert all(item.quantity > 0 for item in receipt.items)


def test_a_number_that_the_items_contradict_is_kept_but_less_believed() -> None:
    rows = ["CORNER SHOP", "TEA       12.90", "MILK      5.00"]
    wrong = read(*rows, "TOTAL     14.90")
    right = read(*rows, "TOTAL     17.90")
    assert wrong.total.value == "14.90"
    assert wrong.total.confidence < 0.9 <= right.total.confidence
    assert wrong.needs_review
    assert "items_sum_to_total_fails" in wrong.reasons


def test_digits_that_were_mended_are_told() -> None:
    receipt = read("CORNER SHOP", "TEA COSY AND POT", "14/02/2019", "TOTAL     1O.5O", "THANK YOU")
    assert receipt.total.value == "10.50"
    assert "total_mended" in receipt.reasons


def test_a_letter_is_no_receipt_and_nothing_is_invented() -> None:
    receipt = read(
        "Dear Ms Lindgren,",
        "thank you for your letter of 3 March 2021 about the total of 450.00 that we",
        "discussed. We will pay the amount within thirty days, as was agreed in May.",
        "Yours sincerely, Anna Holm",
    )
    assert receipt == Receipt(needs_review=True, reasons=("not_a_receipt",))


def test_an_empty_document_is_no_receipt() -> None:
    assert extract([]).reasons == ("not_a_receipt",)
    assert extract([page()]).reasons == ("not_a_receipt",)


def test_a_total_without_a_receipts_other_parts_is_still_told_as_unsure() -> None:
    receipt = read("ABC STORE", "TEA      4.00", "MILK     2.00", "CASH     6.00")
    assert receipt.total.value == "6.00"
    assert receipt.needs_review


def test_json_has_every_field_of_the_contract() -> None:
    receipt = read(
        "CORNER SHOP", "TEA       2.00", "TOTAL     2.00", "CASH   5.00", "CHANGE   3.00"
    )
    answer = json.loads(json.dumps(receipt.as_json()))
    assert set(answer) == {*FIELDS, "taxes", "items", "checks", "needs_review", "reasons"}
    assert answer["address"] == {"value": None, "confidence": 0, "evidence": []}
    assert answer["total"]["value"] == "2.00"
    assert set(answer["items"][0]) == {
        *("description", "quantity", "unit_price", "total", "confidence", "evidence")
    }
    assert {"check": "items_sum_to_total", "ok": True, "difference": "0.00"} in answer["checks"]


def test_evidence_points_at_the_lines_that_say_so() -> None:
    for seed in range(60):
        source = sheet_page(printed(seed).sheet, seed)
        lines = {line.index: line.text for line in source.lines}
        receipt = extract([source])
        digits = "".join(filter(str.isdigit, receipt.total.value or ""))
        evidence = " ".join(lines[place.line] for place in receipt.total.evidence)
        assert digits in "".join(filter(str.isdigit, evidence))
        for name in FIELDS:
            for place in getattr(receipt, name).evidence:
                assert place.page == 1
                assert place.line in lines


def test_the_items_of_a_second_page_belong_to_the_receipt() -> None:
    first = page("Harbour Books Ltd", "Novel      24.00", "Atlas      10.00")
    second = page("Map         6.00", "Total      40.00", "VISA       40.00")
    receipt = extract([first, type(first)(2, 700, 200, second.lines)])
    assert receipt.total.value == "40.00"
    assert names(receipt) == ["Novel", "Atlas", "Map"]
    assert receipt.total.evidence[0].page == 2


def test_the_name_that_people_say_is_the_merchant_and_its_legal_name_if_that_is_all() -> None:
    rows = ["Brot          3,20", "SUMME EUR     3,20"]
    assert (
        read("Kornhaus Bäckerei", "Meier Backwaren GmbH", *rows).merchant.value
        == "Kornhaus Bäckerei"
    )
    assert (
        read("Meier Backwaren GmbH", "50667 Köln", *rows).merchant.value == "Meier Backwaren GmbH"
    )
    assert (
        read("50667 Köln", *rows, "Meier Backwaren GmbH").merchant.value == "Meier Backwaren GmbH"
    )


def test_a_shop_named_after_a_street_is_no_address() -> None:
    receipt = read(
        "Harbour Street Grocers",
        "14 Harbour Street",
        "Whitby YO21 3PU",
        "Tel. 01947 555 018",
        "Bread         1.80",
        "Total        £1.80",
    )
    assert receipt.merchant.value == "Harbour Street Grocers"
    assert receipt.address.value == "14 Harbour Street Whitby YO21 3PU"


def test_words_of_an_address_that_ocr_misread_are_spelt_as_they_are() -> None:
    rows = ["TEA          2.00", "TOTAL RM     2.00"]
    receipt = read(
        "KEDAI MAJU SDN BHD", "N0 12, Jalau Merdeka 3,", "4730O Petaling Jaya, Setangor", *rows
    )
    assert receipt.address.value == "N0 12, Jalan Merdeka 3, 47300 Petaling Jaya, Selangor"
    receipt = read("KEDAI MAJU SDN BHD", "12, Laman Seri 3, Jin Kiri", "47300 Petaling Jaya", *rows)
    assert receipt.address.value == "12, Laman Seri 3, Jln Kiri 47300 Petaling Jaya"
