"""Rows of every kind in any order: whatever is on a page, it is understood without an error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.receipts.extract import extract
from daemon.receipts.model import Receipt
from daemon.receipts.word_files import built_in
from tests.receipts.paper import page, read

_PHRASES = sorted(
    {phrase for file in built_in() for words in file["marks"].values() for phrase in words}
)
_NUMBERS = ["2.10", "-2.10", "1.234,56", "RM 5", "12 x 1,10", "6%", "12/03/2024", "14.35", "€", ""]
_CELLS = st.one_of(st.sampled_from(_PHRASES), st.sampled_from(_NUMBERS), st.text(max_size=12))
_ROWS = st.lists(st.lists(_CELLS, min_size=1, max_size=4).map("   ".join), max_size=14)


@given(_ROWS)
def test_any_rows_are_understood_without_an_error(rows: list[str]) -> None:
    receipt = extract([page(*rows)])
    assert isinstance(receipt, Receipt)
    assert receipt.needs_review == bool(receipt.reasons)


def test_a_discount_without_a_minus_may_have_its_amount_on_the_next_row() -> None:
    receipt = read(
        "KEDAI MAJU",
        "12/03/2024",
        "TEA          6.00",
        "SUBTOTAL     6.00",
        "DISCOUNT",
        "             1.00",
        "TOTAL        5.00",
    )
    assert (receipt.total.value, receipt.discount.value) == ("5.00", "1.00")
