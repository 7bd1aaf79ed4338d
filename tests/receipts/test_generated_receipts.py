"""Receipts of ten countries, printed from known facts with a fixed seed, read as perfect text."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

from daemon.receipts.extract import extract
from daemon.receipts.model import Receipt
from tests.receipts.locales import LOCALES
from tests.receipts.till import Printed, printed
from tests.receipts.typeset import page

_COUNT = 500


@cache
def _read(series: str) -> list[tuple[Printed, Receipt]]:
    found = []
    for number in range(_COUNT):
        receipt = printed(f"{series}{number}", locale=LOCALES[number % len(LOCALES)])
        found.append((receipt, extract([page(receipt.sheet, number)])))
    return found


def _told(receipt: Printed) -> str:
    return f"{receipt.locale.name}\n{receipt.sheet.text}\n"


def test_total_and_date_are_right_on_99_of_100_printed_receipts() -> None:
    for series in ("first ", "second "):
        wrong = [
            f"{receipt.total.value} {receipt.date.value} {_told(known)}"
            for known, receipt in _read(series)
            if (receipt.total.value, receipt.date.value)
            != (f"{known.total:.2f}", known.date.isoformat())
        ]
        assert len(wrong) <= _COUNT // 100, "\n".join(wrong)


def test_all_that_printed_receipts_say_is_found_and_nothing_else() -> None:
    wrong: list[str] = []
    for known, receipt in _read("first "):
        for name in ("subtotal", "discount", "tax", "tip", "rounding", "change"):
            fact = known.facts.get(name)
            found = getattr(receipt, name).value
            if found != (None if fact is None else f"{fact:.2f}"):
                wrong.append(f"{name} {found} for {fact} {_told(known)}")
        whole = sum((item.total for item in receipt.items), Decimal(0))
        others = {
            "items": (whole, known.purchase.items),
            "currency": (receipt.currency.value, known.locale.currency),
            "time": ((receipt.time.value or "")[:5], f"{known.purchase.when:%H:%M}"),
        }
        wrong += [
            f"{name} {pair} {_told(known)}" for name, pair in others.items() if len(set(pair)) > 1
        ]
    assert len(wrong) <= _COUNT * 3 // 100, "\n".join(wrong)


def test_the_merchant_is_found_as_printed() -> None:
    wrong = [
        f"{receipt.merchant.value} for {known.purchase.merchant[0]}"
        for known, receipt in _read("first ")
        if (receipt.merchant.value or "").upper().strip(".")
        != known.purchase.merchant[0].upper().strip(".")
    ]
    assert len(wrong) <= _COUNT // 100, "\n".join(wrong)


def test_totals_that_say_nine_in_ten_are_right_nearly_always() -> None:
    sure = [
        receipt.total.value == f"{known.total:.2f}"
        for known, receipt in _read("first ")
        if receipt.total.confidence >= 0.9
    ]
    assert len(sure) >= 0.75 * _COUNT
    assert sum(sure) >= 0.985 * len(sure)


def test_the_same_lines_give_the_same_receipt_every_time() -> None:
    source = page(printed(7).sheet, 7)
    assert extract([source]) == extract([source])
