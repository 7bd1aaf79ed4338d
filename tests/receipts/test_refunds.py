"""Money that went back, and receipts that only speak of it."""

from __future__ import annotations

import pytest

from tests.receipts.paper import read

PURCHASE = ("14-03-2023 10:22", "Roman     15,50", "Atlas     10,00", "Total     25,50")


@pytest.mark.parametrize(
    "terms",
    [
        "Refund policy",
        "NO RETURNS",
        "Return ID 4412",
        "Keine Rückgabe",
        "Rückgabe möglich",
        "Rückgabe Pfand",
        "Remboursement impossible",
        "Sin devolución",
        "Devolución con ticket",
        "Nessun rimborso",
        "Geen retour",
        "Sem devolução",
        "Tiada pulangan",
        "Tiada bayaran balik",
    ],
)
@pytest.mark.parametrize("in_head", [True, False])
def test_the_terms_of_refunds_make_no_refund(terms: str, in_head: bool) -> None:
    if in_head and any(map(str.isdigit, terms)):
        rows = ("Harbour Books", *PURCHASE, terms, "Card     25,50")
    elif in_head:
        rows = ("Harbour Books", terms, *PURCHASE)
    else:
        rows = ("Harbour Books", *PURCHASE, terms)
    assert read(*rows).total.value == "25.50"


@pytest.mark.parametrize(
    "title",
    [
        "emesso per RESO MERCE",
        "emesso per ANNULLAMENTO",
        "NOTA DE CRÉDITO NC 2023/14",
        "Nota de devolução",
        "*** REFUND ***",
        "Factura de abono",
        "Warengutschrift",
    ],
)
def test_a_title_of_several_words_says_refund(title: str) -> None:
    assert read("Harbour Books", title, *PURCHASE).total.value == "-25.50"


def test_a_slip_of_a_card_below_the_sum_may_say_refund() -> None:
    assert read("Harbour Books", *PURCHASE, "VISA REFUND").total.value != "25.50"
    assert read("Harbour Books", *PURCHASE, "REFUND VISA").total.value == "-25.50"


@pytest.mark.parametrize("word", ["STORNO", "VOID SALE", "RETOUR", "** RETURN **"])
def test_a_thing_that_was_struck_out_makes_no_refund_of_a_purchase(word: str) -> None:
    receipt = read(
        "Harbour Books",
        "14-03-2023 10:22",
        "Roman     15,50",
        "Atlas     10,00",
        word,
        "Atlas     -10,00",
        "Total     15,50",
    )
    assert receipt.total.value == "15.50"
    assert [str(item.total) for item in receipt.items] == ["15.50", "10.00"]
    assert receipt.reasons == ()


def test_more_money_back_than_paid_is_a_refund_although_something_was_bought() -> None:
    receipt = read(
        "Harbour Books", "14-03-2023", "RETURN", "Atlas     -20.00", "Pen     5.00",
        "Total     -15.00",
    )  # fmt: skip
    assert receipt.total.value == "-15.00"


def test_an_exchange_of_like_for_like_comes_to_nothing() -> None:
    receipt = read(
        "Harbour Books", "14-03-2023", "RETURN", "Atlas     -20.00", "SALE", "Novel     20.00",
        "Total     0.00",
    )  # fmt: skip
    assert receipt.total.value == "0.00"
