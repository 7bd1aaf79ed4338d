"""What a receipt states: this much is the total, the tax, the change.

A statement joins a label with the amounts that belong to it: in its row, or, where the row has
none, on the row that follows. What a label means is put together from the marks of its words, so
that TOTAL, INCL and GST need no list of their combinations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from daemon.receipts.currency import rows_in_another_currency
from daemon.receipts.lexicon import LABELS, Mention
from daemon.receipts.lines import Line, Printed


class Kind(StrEnum):
    """What a label says that its amount is."""

    ROUNDED = "rounded"
    DUE = "due"
    TOTAL = "total"
    SUBTOTAL = "subtotal"
    NET = "net"
    TAX = "tax"
    ROUNDING = "rounding"
    TIP = "tip"
    SERVICE = "service"
    DISCOUNT = "discount"
    CASH = "cash"
    CARD = "card"
    WALLET = "wallet"
    VOUCHER = "voucher"
    CHANGE = "change"
    AMOUNT = "amount"
    REFUND = "refund"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Statement:
    """A label and what it says; `line` is the row of the label, `below` whether it looked down."""

    kind: Kind
    marks: frozenset[str]
    label: str
    amounts: tuple[Printed, ...]
    line: Line
    in_summary: bool
    below: bool = False

    @property
    def value(self) -> Decimal | None:
        """The amount that belongs to the label: the last one."""
        return self.amounts[-1].value if self.amounts else None


SUMS = frozenset((Kind.ROUNDED, Kind.DUE, Kind.TOTAL, Kind.SUBTOTAL, Kind.NET))
PAYMENTS = frozenset((Kind.CASH, Kind.CARD, Kind.WALLET, Kind.VOUCHER))
_PAYMENT_MARKS = {
    "card": Kind.CARD,
    "wallet": Kind.WALLET,
    "voucher": Kind.VOUCHER,
    "cash": Kind.CASH,
    "tendered": Kind.CASH,
    "transfer": Kind.CASH,
}
_MOSTLY_LABEL = frozenset(
    {
        Kind.REFUND,
        Kind.TIP,
        Kind.SERVICE,
        Kind.IGNORED,
        Kind.CHANGE,
        Kind.WALLET,
        Kind.VOUCHER,
        Kind.CARD,
    }
)
"""What is also a word in the names of things, so that a label must be most of its row."""
_LEAST_SHARE = 0.45
_CURRENCIES = frozenset(("EUR", "EURO", "EUROS", "CHF", "RM", "USD", "GBP"))
"""Words for an amount that are only the mark of its currency."""
_MASK = re.compile(r"X{3,}")
"""What stands for the hidden digits of a card."""
_WORD = re.compile(r"[^\W\d_]{3,}")
_NUMBERED = re.compile(r"(?<![\d.,])\d{1,3}\s?[(\[]?$")
_DATED = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2}")
_SMALL = Decimal(1)
"""A rounding is less, also one up to the next whole amount for charity."""


def statements_of(lines: Sequence[Line]) -> list[Statement]:
    """All labelled amounts of a document from top to bottom."""
    found: list[Statement] = []
    abroad = rows_in_another_currency(lines)
    in_summary = False
    for line in lines:
        if opens_summary(line):
            in_summary = True
            if not line.money:
                continue
        if is_table_head(line) or line.converts or line.index in abroad:
            continue
        for mentions, amounts in _segments(line):
            statement = _statement(line, mentions, amounts, in_summary=in_summary)
            if statement is None:
                continue
            if not statement.amounts:
                below = _amounts_near(lines, line)
                statement = _statement(line, mentions, below, in_summary=in_summary, below=True)
            if statement is not None and statement.amounts:
                found.append(statement)
    return found


def opens_summary(line: Line) -> bool:
    """Whether a row heads the table of taxes, in words or by its columns: VAT, NET, GROSS."""
    if "summary" in line.marks:
        return not line.marks & {"due", "subtotal"}
    if line.money or any(character.isdigit() for character in line.folded):
        return False
    if "inclusive" in line.marks and line.marks & {"total", "due"}:
        return False  # `total incl. VAT`, its amount on the next row
    columns = {m.start for m in line.mentions if m.mark in ("tax", "net", "gross", "inclusive")}
    return "tax" in line.marks and len(columns) >= 2


def is_table_head(line: Line) -> bool:
    """Whether a row names the columns of the items: two or more heads, and no amount."""
    named = {m.start for m in line.mentions if m.mark in ("header", "amount", "count")}
    if len(named) < 2 or line.money or line.marks & {"summary", "due", "subtotal"}:
        return False
    if any(character.isdigit() for character in line.folded):
        return False
    return not any(m.mark == "total" and m.start == min(named) for m in line.mentions)


def _label_share(line: Line, mentions: Sequence[Mention]) -> float:
    """How much of a row's letters its label is; `TIP TOP TOWELS 5.99` has little of a tip."""
    spans = {mention.start: mention.end for mention in line.mentions if mention in mentions}
    own = sum(sum(map(str.isalpha, line.folded[start:end])) for start, end in spans.items())
    masked = _MASK.sub("", line.folded)
    return own / max(1, sum(map(str.isalpha, masked)))


def _segments(line: Line) -> Iterator[tuple[tuple[Mention, ...], tuple[Printed, ...]]]:
    """The label and amount pairs of a row; `QTY 8 ROUNDING 0.02 TOTAL 41.50` is two or three."""
    mentions: list[Mention] = []
    amounts: list[Printed] = []
    pending = list(line.money)
    for mention in line.mentions:
        while pending and pending[0].start < mention.start:
            amounts.append(pending.pop(0))
        if amounts and mentions and mention.mark in LABELS:
            yield tuple(mentions), tuple(amounts)
            mentions, amounts = [], []
        if _counted(line, mentions, mention):
            mentions = []
        mentions.append(mention)
    amounts.extend(pending)
    yield tuple(mentions), tuple(amounts)


def _counted(line: Line, mentions: Sequence[Mention], following: Mention) -> bool:
    """Whether a count was closed by its number before the next label: `ITEM 3 TOTAL ...`."""
    if not mentions or following.mark not in LABELS or mentions[-1].mark != "count":
        return False
    between = line.folded[mentions[-1].end : following.start].strip(" :.()#")
    return between.isdigit() and all(mention.mark == "count" for mention in mentions)


def _statement(
    line: Line,
    mentions: tuple[Mention, ...],
    amounts: tuple[Printed, ...],
    *,
    in_summary: bool,
    below: bool = False,
) -> Statement | None:
    mentions = _without_count(line, mentions)
    marks = frozenset(mention.mark for mention in mentions)
    value = amounts[-1].value if amounts else None
    kind = kind_of(mentions, value)
    if kind is Kind.TIP and marks & {"total", "due"} and "inclusive" in marks:
        kind = Kind.IGNORED if line.rates else Kind.DUE  # a tip by a rate is only suggested
    if kind is None or (kind in _MOSTLY_LABEL and _label_share(line, mentions) < _LEAST_SHARE):
        return None
    if kind is Kind.CHANGE and amounts and not below and _is_dated(line, mentions, amounts):
        return None
    offered = not below and kind is Kind.DISCOUNT and value and value > 0
    if offered and _offers(line, mentions, amounts):
        return None
    label = " ".join(mention.phrase for mention in mentions)
    return Statement(kind, marks, label, amounts, line, in_summary, below)


def _is_dated(line: Line, mentions: Sequence[Mention], amounts: Sequence[Printed]) -> bool:
    """Whether a date parts a label from its amount: `RETOUR 20/03/2023 38,00` is the way back."""
    return bool(_DATED.search(line.folded[mentions[0].end : amounts[0].start]))


def _without_count(line: Line, mentions: tuple[Mention, ...]) -> tuple[Mention, ...]:
    """The label of a total without how many things it is for: `TOTAL FOR 3 ITEMS`."""
    if not mentions or mentions[0].mark not in ("total", "due"):
        return mentions
    counts = [m for m in mentions if m.mark == "count" and _NUMBERED.search(line.folded[: m.start])]
    return tuple(m for m in mentions if m not in counts)


def _offers(line: Line, mentions: Sequence[Mention], amounts: Sequence[Printed]) -> bool:
    """Whether a row only offers a discount: `5.00 off from 50.00`, `coupon 5.00 for next time`."""
    start = mentions[0].start
    labelled = any(m.mark in LABELS and m.start < start for m in line.mentions)
    if line.money[0].start < start and not labelled:
        return True
    return len(_WORD.findall(line.folded[amounts[-1].end :])) >= 2


def kind_of(mentions: Sequence[Mention], value: Decimal | None) -> Kind | None:
    """What a label says, from the marks of its words; None when it labels no amount."""
    order = [mention.mark for mention in mentions]
    marks = frozenset(order)
    worded = [mention.mark for mention in mentions if mention.phrase not in _CURRENCIES]
    kind = _aside_kind(order, marks, value) or _tax_kind(worded, frozenset(worded))
    if kind is not None:
        return kind
    if "net" in marks and "due" not in marks:
        return Kind.NET
    if "service" in marks and not marks & {"total", "due", "tendered"}:
        return Kind.SERVICE
    if "due" in marks:
        return Kind.DUE
    if "total" in marks:
        return _named_total(marks)
    return _payment_kind(order, marks) or (Kind.REFUND if "refund" in marks else None)


def _aside_kind(order: Sequence[str], marks: frozenset[str], value: Decimal | None) -> Kind | None:
    """What a label says that is no total although it may have the word in it: TOTAL SAVINGS."""
    if "rounding" in marks:
        return _rounding_kind(value)
    if "change" in marks and not marks & {"total", "due"}:
        return Kind.CHANGE
    if marks & {"suggestion", "points", "cashback", "saving", "unit_price"}:
        return Kind.IGNORED
    if "subtotal" in marks:
        return Kind.SUBTOTAL
    if "due" in marks:
        return None
    if "tip" in marks:
        return Kind.TIP
    if "discount" in marks:
        return Kind.DISCOUNT
    return Kind.IGNORED if "count" in order[:3] else None


def _rounding_kind(value: Decimal | None) -> Kind:
    """A rounding is some cents; an amount beside the word is the total after it."""
    return Kind.ROUNDING if value is not None and abs(value) < _SMALL else Kind.ROUNDED


def _tax_kind(order: Sequence[str], marks: frozenset[str]) -> Kind | None:
    """What a label with a tax in it says: with it, without it, or the tax itself."""
    if "tax" not in marks:
        return None
    if "contained" in marks:
        return Kind.TAX
    totals = marks & {"total", "due", "amount", "tendered"}
    if "exclusive" in marks and totals:
        return Kind.NET
    if "inclusive" in marks and totals:
        first = min(order.index(mark) for mark in totals)
        if order.index("tax") < first and order.index("tax") < order.index("inclusive"):
            return Kind.TAX if order.index("inclusive") < first else Kind.TOTAL
        return Kind.DUE
    if "due" in marks:
        return Kind.DUE
    if "net" in marks:
        return Kind.NET
    if "service" in marks and order.index("service") < order.index("tax"):
        return Kind.SERVICE
    return Kind.TAX


def _named_total(marks: frozenset[str]) -> Kind:
    if "exclusive" in marks:
        return Kind.NET
    if "change" in marks:
        return Kind.CHANGE
    for mark, kind in _PAYMENT_MARKS.items():
        if mark in marks and mark in ("tendered", "voucher", "cash"):
            return kind
    return Kind.TOTAL


def _payment_kind(order: Sequence[str], marks: frozenset[str]) -> Kind | None:
    for mark, kind in _PAYMENT_MARKS.items():
        if mark in marks:
            return kind
    return Kind.AMOUNT if "amount" in marks and order and order[0] in ("amount", "header") else None


def _amounts_near(lines: Sequence[Line], line: Line) -> tuple[Printed, ...]:
    """The amounts of the next row that has any, when it has nothing else."""
    place = line.index
    for step in (1, 2):
        if place + step >= len(lines):
            break
        other = lines[place + step]
        gap = other.row.middle - line.row.middle
        if other.row.page != line.row.page or gap > 2.4 * step * _height(line, other):
            break
        if other.money:
            return other.money if _only_amounts(other) else ()
        if step == 1 and other.letters > 3:
            break
    return ()


def _height(first: Line, second: Line) -> float:
    return max(first.row.height, second.row.height)


def _only_amounts(line: Line) -> bool:
    """Whether a row has amounts and at most a currency or tax code beside them."""
    letters = line.letters
    for mark in ("RM", "MYR", "EURO", "EUR", "CHF", "SFR", "FR", "GBP", "USD"):
        letters -= len(mark) * line.folded.count(mark)
    return letters <= 2
