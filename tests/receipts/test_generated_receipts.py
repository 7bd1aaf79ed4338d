"""Receipts of ten countries, drawn from known facts with a fixed seed."""

from __future__ import annotations

from decimal import Decimal

from daemon.receipts.extract import extract
from tests.receipts.drawing import draw

_COUNT = 500


def test_total_and_date_are_right_on_99_of_100_drawn_receipts() -> None:
    wrong: list[str] = []
    for seed in range(_COUNT):
        drawn = draw(seed)
        receipt = extract(drawn.pages)
        if (receipt.total.value, receipt.date.value) != (
            f"{drawn.total:.2f}",
            drawn.date.isoformat(),
        ):
            wrong.append(
                f"seed {seed}: {drawn.locale.name} {receipt.total.value} {receipt.date.value}"
            )
    assert len(wrong) <= _COUNT // 100, "\n".join(wrong)


def test_all_that_drawn_receipts_print_is_found_and_nothing_else() -> None:
    wrong: list[str] = []
    for seed in range(_COUNT, 2 * _COUNT):
        drawn = draw(seed)
        receipt = extract(drawn.pages)
        for name in ("subtotal", "discount", "tax", "tip", "rounding", "change"):
            printed = drawn.facts.get(name)
            found = getattr(receipt, name).value
            if found != (None if printed is None else f"{printed:.2f}"):
                wrong.append(f"seed {seed}: {drawn.locale.name} {name} {found} for {printed}")
        others = {
            "items": (sum((item.total for item in receipt.items), Decimal(0)), drawn.items),
            "merchant": (receipt.merchant.value, drawn.merchant),
            "currency": (receipt.currency.value, drawn.locale.currency),
        }
        wrong += [
            f"seed {seed}: {name} {pair}" for name, pair in others.items() if len(set(pair)) > 1
        ]
    assert len(wrong) <= _COUNT // 100, "\n".join(wrong)


def test_totals_that_say_nine_in_ten_are_right_nearly_always() -> None:
    sure = right = 0
    for seed in range(1000, 1200):
        drawn = draw(seed)
        total = extract(drawn.pages).total
        if total.confidence >= 0.9:
            sure += 1
            right += total.value == f"{drawn.total:.2f}"
    assert sure >= 150
    assert right >= 0.985 * sure


def test_the_same_lines_give_the_same_receipt_every_time() -> None:
    drawn = draw(7)
    assert extract(drawn.pages) == extract(drawn.pages)
