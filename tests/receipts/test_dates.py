"""Dates and times of a purchase."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.receipts.dates import dates_in
from daemon.receipts.spelling import folded
from tests.receipts.paper import read

DAY = dt.date(2018, 3, 25)


@pytest.mark.parametrize(
    "text",
    [
        "25/03/2018",
        "25-03-18",
        "25.03.2018",
        "2018-03-25",
        "2018/03/25",
        "25 MAR 2018",
        "25-Mar-18",
        "25MAR2018",
        "March 25, 2018",
        "Mar 25 2018",
        "25. März 2018",
        "25 mars 2018",
        "25 de marzo de 2018",
        "25 marzo 2018",
        "25 maart 2018",
        "25 de março de 2018",
        "25 Mac 2018",
        "25th March 2018",
        "20180325",
        "25032018",
        "25 / 03 / 2018",
        "2018-03-25T10:15:00",
        "O5/03/2018 25/03/2018",
        "25/O3/2018",
        "25.O3.2O18",
        "25 März 2O18",
        "25,03,2018",
        "25.03.201817:32",
        "25.03.1817:32",
        "(25/03/2018)",
        "25.3.2018",
        "5223 12 SUN 25 MAR 2018",
        "25 de marzode 2018",
        "25 de marzo de2018",
        "25 df marzo df 2018",
        "2S de marzo de 2018",
        "Kaufdatum So25.O3.2018",
        "MAR 25 '18, 16:25:39",
        "SUNMAR 25 2018",
    ],
)
def test_a_date_is_read_in_every_order_and_language(text: str) -> None:
    assert DAY in [reading.date for reading in dates_in(folded(text), month_first=False)]


@pytest.mark.parametrize(
    "text",
    ["32/13/2018", "01/01/1890", "192.168.10.12", "12.50.30", "99/99/99", "03-78801234", "2018"],
)
def test_what_cannot_be_a_date_is_none(text: str) -> None:
    assert list(dates_in(folded(text), month_first=False)) == []


@given(st.dates(dt.date(1991, 1, 1), dt.date(2038, 12, 31)))
def test_day_first_and_month_first_are_the_same_day_in_their_own_countries(day: dt.date) -> None:
    assert [r.date for r in dates_in(day.strftime("%d/%m/%Y"), month_first=False)] == [day]
    assert [r.date for r in dates_in(day.strftime("%m/%d/%Y"), month_first=True)] == [day]


ROWS = ("TEA       2.00", "MILK      1.50", "TOTAL     3.50", "CASH      5.00", "CHANGE    1.50")


def test_a_dollar_receipt_puts_the_month_first() -> None:
    assert (
        read(
            "GREENLEAF MARKET",
            "Austin, TX 78704",
            "03/04/2018 10:15 AM",
            *ROWS[:2],
            "TOTAL   $3.50",
        ).date.value
        == "2018-03-04"
    )


def test_a_receipt_elsewhere_puts_the_day_first() -> None:
    assert (
        read("HARBOUR BOOKS", "03/04/2018 10:15", *ROWS[:2], "TOTAL   £3.50").date.value
        == "2018-04-03"
    )


def test_another_date_on_the_receipt_tells_which_comes_first() -> None:
    receipt = read("CORNER SHOP", "Date: 03/04/2018", *ROWS, "Return by 03/28/2018")
    assert receipt.date.value == "2018-03-04"


@pytest.mark.parametrize(
    "other",
    ["Valid until 31/12/2019", "EXP 31/12/2019", "Gültig bis 31.12.2019", "Return by 31/12/2019"],
)
def test_a_date_of_something_else_is_not_the_date_of_the_purchase(other: str) -> None:
    receipt = read("CORNER SHOP", other, *ROWS, "14/02/2019 10:15")
    assert receipt.date.value == "2019-02-14"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("14/02/2019 10:15", "10:15"),
        ("14/02/2019 10:15:42", "10:15:42"),
        ("14/02/2019 8:13:39 PM", "20:13:39"),
        ("14.02.2019 19.05 Uhr", "19:05"),
        ("14/02/2019 12:01 AM", "00:01"),
        ("14/02/2019 / 10.15", "10:15"),
        ("14 FEB 2019   10.15", "10:15"),
        ("14-02-2019   Tijd:10:15:42", "10:15:42"),
        ("14-02-2019   10.15 uur", "10:15"),
        ("14.02.2019   1O:15", "10:15"),
    ],
)
def test_the_time_that_stands_by_the_date_is_the_time(text: str, time: str) -> None:
    assert read("CORNER SHOP", "OPEN 08:00 - 22:00", *ROWS, text).time.value == time


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("07. Oezember 2023", dt.date(2023, 12, 7)),
        ("09 novcmbre 2022", dt.date(2022, 11, 9)),
        ("3 Fcbruary 2021", dt.date(2021, 2, 3)),
        ("12. NOVEM8ER 2023", dt.date(2023, 11, 12)),
        ("OCT0BER 11, 2015", dt.date(2015, 10, 11)),
        ("25. 0ktober 2023", dt.date(2023, 10, 25)),
        ("23 5ep 2020", dt.date(2020, 9, 23)),
        ("0ct 17 2021", dt.date(2021, 10, 17)),
    ],
)
def test_one_letter_of_a_month_may_be_misread(text: str, day: dt.date) -> None:
    assert [r.date for r in dates_in(folded(text), month_first=False)] == [day]


def test_numbers_beside_a_date_in_cells_of_their_own_are_no_part_of_it() -> None:
    receipt = read("CORNER SHOP", "5223 12   Dec 12 '21   06:42", *ROWS)
    assert (receipt.date.value, receipt.time.value) == ("2021-12-12", "06:42")
    receipt = read("BAR SPORT", "GIO 29/11/2018 / 06.13", *ROWS)
    assert (receipt.date.value, receipt.time.value) == ("2018-11-29", "06:13")
    receipt = read(
        "BAR SPORT", "Ora: 06.13   29.11.18", "Pane  2,00", "Totale  2,00", "Contanti  2,00"
    )
    assert (receipt.date.value, receipt.time.value) == ("2018-11-29", "06:13")


@pytest.mark.parametrize("text", ["14.03.2023/10:22", "14/03/2023-10:22", "14.03.23/10:22"])
def test_a_stroke_may_part_a_date_from_its_time(text: str) -> None:
    receipt = read("CORNER SHOP", text, *ROWS)
    assert (receipt.date.value, receipt.time.value) == ("2023-03-14", "10:22")


def test_of_two_dates_that_look_alike_none_is_sure() -> None:
    receipt = read("CORNER SHOP", "Foo 20/03/2023", *ROWS, "Bar 14/03/2023")
    assert receipt.date.confidence < 0.9
    assert read("CORNER SHOP", "Foo 20/03/2023", *ROWS).date.confidence >= 0.9


@pytest.mark.parametrize("text", ["12 Mar 14:30", "12 March 14:30:05", "Sat 12. Mar 14:30"])
def test_the_hour_is_no_year(text: str) -> None:
    receipt = read("CORNER SHOP", text, *ROWS)
    assert receipt.date.value is None
    assert "no_date" in receipt.reasons


@pytest.mark.parametrize(
    "rows",
    [
        ("Rechnung Nr. 44 vom 14.03.2023", "Zeitraum 10.03.2023 - 14.03.2023"),
        ("Einfahrt 13.03.2023 22:15", "Bezahlt 14.03.2023 10:22"),
        ("Anreise: 10.03.2023", "Abreise: 14.03.2023"),
        ("Entry 13/03/2023 22:15", "Paid 14/03/2023 10:22"),
    ],
)
def test_when_a_stay_began_is_not_when_it_was_paid(rows: tuple[str, str]) -> None:
    assert read("CORNER SHOP", *rows, *ROWS).date.value == "2023-03-14"


@pytest.mark.parametrize("row", ["2 JUPILER 25CL     6.20", "MILK 2 JUNI 18ML     6.20"])
def test_a_measure_is_no_year(row: str) -> None:
    assert read("CORNER SHOP", row, "TOTAL     6.20").date.value is None


def test_the_date_until_which_goods_go_back_may_stand_on_a_row_of_its_own() -> None:
    terms = ("Rückgabe nur mit Kassenbon bis", "23.05.2022 möglich")
    receipt = read("BAUHAUS", "Spax     9,00", "SUMME     9,00", *terms, "23.04.22 14:07")
    assert receipt.date.value == "2022-04-23"


def test_where_nothing_tells_the_country_no_date_is_sure_that_has_two_orders() -> None:
    rows = ("CORNER SHOP", "TEA     9.00", "TOTAL     9.00", "01/06/2023 16:10")
    assert read(*rows).date.confidence < 0.9
    assert read(*rows, "VAT 20% GBP 1.50").date.confidence >= 0.9


def test_a_date_in_the_row_of_an_item_is_less_likely_than_one_beside_a_time() -> None:
    rows = ("CAKE 20/03/2023     3.00", "TOTAL     3.00", "CASH     3.00", "14/03/2023 10:22")
    assert read("CORNER SHOP", *rows).date.value == "2023-03-14"


def test_without_a_date_nothing_is_invented() -> None:
    receipt = read("CORNER SHOP", *ROWS)
    assert receipt.date.value is None
    assert "no_date" in receipt.reasons
