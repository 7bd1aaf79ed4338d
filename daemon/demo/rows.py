"""A receipt as rows of text, in one of three layouts that tills and offices use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from daemon.demo.facts import Item, Receipt
from daemon.demo.languages import Language


class Layout(StrEnum):
    """How the items stand: name and price; quantity below the name; a table with a head."""

    TILL = "till"
    STACKED = "stacked"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text; `at` is where it is anchored, as a share of the width between margins."""

    text: str
    at: float = 0.0
    anchor: Literal["left", "center", "right"] = "left"


@dataclass(frozen=True, slots=True)
class Row:
    """Pieces of text on one line; `scale` is against the ordinary size; a rule has no cells."""

    cells: tuple[Cell, ...]
    scale: float = 1.0
    bold: bool = False
    rule: bool = False


def _centre(text: str, *, scale: float = 1.0, bold: bool = False) -> Row:
    return Row((Cell(text, 0.5, "center"),), scale, bold)


def _pair(left: str, right: str, *, scale: float = 1.0, bold: bool = False) -> Row:
    return Row((Cell(left), Cell(right, 1.0, "right")), scale, bold)


_RULE = Row((), rule=True)
_GAP = Row((Cell(""),), 0.6)


def rows_of(receipt: Receipt, language: Language, layout: Layout) -> tuple[Row, ...]:
    """All rows of a receipt from the shop's name to the thanks."""
    return (
        *_head(receipt, language),
        _RULE,
        *_items(receipt, language, layout),
        _RULE,
        *_sums(receipt, language),
        *_payment(receipt, language),
        *(_included_taxes(receipt, language) if receipt.tax_included else ()),
        _GAP,
        _centre(language.thanks),
    )


def card_slip(receipt: Receipt, language: Language) -> tuple[Row, ...]:
    """The slip that a card terminal prints beside the receipt; it repeats the total."""
    return (
        _centre(receipt.shop.name, scale=1.2, bold=True),
        _RULE,
        _pair(language.card, "**** **** **** 4821"),
        _pair(language.date_label, language.day(receipt.moment)),
        _pair(language.total, language.money(receipt.total), bold=True),
    )


def _head(receipt: Receipt, language: Language) -> Iterator[Row]:
    shop = receipt.shop
    yield _centre(shop.name, scale=1.5, bold=True)
    for line in shop.address:
        yield _centre(line)
    yield _centre(f"Tel. {shop.phone}")
    yield _centre(f"{language.tax_id} {shop.tax_id}")
    yield _GAP
    yield _pair(
        f"{language.date_label}: {language.day(receipt.moment)}", receipt.moment.strftime("%H:%M")
    )
    yield Row((Cell(f"{language.number_label} {receipt.number}"),))


def _items(receipt: Receipt, language: Language, layout: Layout) -> Iterator[Row]:
    if layout is Layout.TABLE:
        yield Row(_table(language.quantity, language.description, language.price, ""), bold=True)
    for item in receipt.items:
        yield from _item(item, language, layout)


def _item(item: Item, language: Language, layout: Layout) -> Iterator[Row]:
    amount = language.amount
    if layout is Layout.TABLE:
        price = amount(item.unit_price)
        yield Row(_table(str(item.quantity), item.description, price, amount(item.total)))
    elif layout is Layout.STACKED and item.quantity > 1:
        yield Row((Cell(item.description),))
        yield _pair(f"  {item.quantity} x {amount(item.unit_price)}", amount(item.total))
    else:
        count = f"{item.quantity} x " if item.quantity > 1 else ""
        yield _pair(count + item.description, amount(item.total))


def _table(quantity: str, description: str, price: str, total: str) -> tuple[Cell, ...]:
    return (
        Cell(quantity),
        Cell(description, 0.16),
        Cell(price, 0.78, "right"),
        Cell(total, 1.0, "right"),
    )


def _sums(receipt: Receipt, language: Language) -> Iterator[Row]:
    if receipt.subtotal != receipt.total:
        yield _pair(language.subtotal, language.amount(receipt.subtotal))
    if not receipt.tax_included:
        for tax in receipt.taxes:
            label = f"{language.tax} {language.percent(tax.rate)}"
            yield _pair(label, language.amount(tax.amount))
    for label, amount in ((language.tip, receipt.tip), (language.rounding, receipt.rounding)):
        if amount:
            yield _pair(label, language.amount(amount))
    yield _pair(language.total, language.money(receipt.total), scale=1.3, bold=True)


def _payment(receipt: Receipt, language: Language) -> Iterator[Row]:
    if receipt.cash is None:
        yield _pair(language.card, language.amount(receipt.total))
        return
    yield _pair(language.cash, language.amount(receipt.cash))
    if receipt.change > Decimal(0):
        yield _pair(language.change, language.amount(receipt.change))


def _included_taxes(receipt: Receipt, language: Language) -> Iterator[Row]:
    yield _GAP
    yield Row(_quarters(f"{language.tax} %", language.net, language.tax, language.gross))
    for tax in receipt.taxes:
        numbers = map(language.amount, (tax.net, tax.amount, tax.gross))
        yield Row(_quarters(language.percent(tax.rate), *numbers))


def _quarters(first: str, *others: str) -> tuple[Cell, ...]:
    ends = (0.5, 0.74, 1.0)
    right = (Cell(text, at, "right") for text, at in zip(others, ends, strict=True))
    return (Cell(first), *right)
