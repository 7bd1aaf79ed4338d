"""Which of the printed amounts is the total: candidates, the evidence for each, the choice.

Every candidate is a number that the receipt prints; evidence moves its score, never its value.
The weights were set by hand on SROIE's text (ICDAR 2019, CC BY 4.0) and drawn receipts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from daemon.receipts.items import Positions
from daemon.receipts.lines import Line, Printed, Text
from daemon.receipts.statements import PAYMENTS, Kind, Statement

_LABELLED = {
    Kind.ROUNDED: 9.0,
    Kind.DUE: 6.0,
    Kind.TOTAL: 5.0,
    Kind.CARD: 2.2,
    Kind.WALLET: 2.0,
    Kind.AMOUNT: 1.8,
    Kind.REFUND: 1.9,
    Kind.SUBTOTAL: 1.5,
    Kind.NET: 0.8,
    Kind.CASH: 1.0,
}
A_LABEL = 5.0
"""From here a label names the total."""
WEIGHTS: Mapping[str, float] = {
    "in_summary": -2.5,
    "table_row": -1.5,
    "position": 1.0,
    "paid_less_change": 3.0,
    "not_paid_less_change": -0.5,
    "paid_exactly": 1.0,
    "composed": 1.2,
    "proved": 6.0,
    "items": 1.5,
    "repeated": 0.35,
    "rounded_to_five": 1.2,
    "extended": 2.0,
    "extended_and_paid": 2.5,
    "tipped": 6.0,
    "before_cashback": 6.0,
    "mended": -0.3,
    "largest": 0.5,
    "below": -0.3,
    "one_rate": -1.0,
    "remainder": -6.0,
}
_NOTHING = Decimal(0)
_MOST_COMPARED = 40
"""Candidates that others are held against; work must stay bounded."""
_MOST_PAID = 3
_PARTS = (Kind.DISCOUNT, Kind.SERVICE, Kind.TAX, Kind.TIP, Kind.ROUNDING)
"""What may stand between a total and the next one."""
_TWO = 2
_FIVE_CENTS = Decimal("0.05")


@dataclass(slots=True)
class Candidate:
    """An amount that may be the total, with what speaks for and against it."""

    value: Decimal
    statement: Statement | None
    printed: Printed
    label: float
    evidence: dict[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The evidence, weighed."""
        return self.label + sum(WEIGHTS[name] * size for name, size in self.evidence.items())


@dataclass(frozen=True, slots=True)
class Facts:
    """The labelled amounts that a total can be checked against; None where not printed."""

    cash: tuple[Decimal, ...]
    change: tuple[Decimal, ...]
    by_card: tuple[Decimal, ...]
    subtotal: Decimal | None
    extras: Decimal
    taxes: tuple[Decimal, ...]
    rounding: Decimal
    tip: Decimal
    items: Decimal | None
    several_items: bool = False
    cashback: Decimal = _NOTHING
    """Money that was paid by card and handed out."""

    @property
    def payments(self) -> tuple[Decimal, ...]:
        """The amounts that were paid: by card, or in cash less the change."""
        return (*self.by_card, *(self.settled if self.change else self.cash))

    @property
    def settled(self) -> tuple[Decimal, ...]:
        """What was given less what came back, most likely last."""
        return tuple(
            given - change for given in self.cash for change in self.change if given >= change
        )


def facts_of(statements: Sequence[Statement], positions: Positions) -> Facts:
    """The amounts of a receipt that arithmetic can use."""
    values = {s.kind: s.value for s in reversed(statements) if s.value is not None}
    extras = [s.value for s in statements if s.kind in (Kind.TIP, Kind.SERVICE)]
    among_items = {printed.place for printed in positions.discounts}
    discounts = [
        abs(s.value)
        for s in statements
        if s.kind is Kind.DISCOUNT and s.value and s.amounts[-1].place not in among_items
    ]
    rounding = [s.value for s in statements if s.kind is Kind.ROUNDING and s.value is not None]
    taxes = [s.value for s in statements if s.kind is Kind.TAX and s.value is not None]
    return Facts(
        cash=_last(statements, Kind.CASH),
        change=_last(statements, Kind.CHANGE),
        by_card=tuple(
            value
            for s in statements
            if s.kind in (Kind.CARD, Kind.WALLET) and s.value is not None
            for value in dict.fromkeys((s.value, abs(s.value)))  # some print a payment below zero
        ),
        subtotal=values.get(Kind.SUBTOTAL),
        extras=sum((v for v in extras if v is not None), _NOTHING) - sum(discounts, _NOTHING),
        taxes=tuple(taxes),
        rounding=rounding[0] if rounding else _NOTHING,
        tip=sum((s.value for s in statements if s.kind is Kind.TIP and s.value), _NOTHING),
        items=positions.whole,
        several_items=len(positions.items) > 1,
        cashback=cashback_of(statements),
    )


def cashback_of(statements: Sequence[Statement]) -> Decimal:
    """The money that came out of the till with the goods; nothing where none did."""
    handed = (abs(s.value) for s in statements if "cashback" in s.marks and s.value)
    return next(handed, _NOTHING)


def _last(statements: Sequence[Statement], kind: Kind) -> tuple[Decimal, ...]:
    """The last amounts of a kind, from top to bottom; more could not be told apart."""
    values = [abs(s.value) for s in statements if s.kind is kind and s.value is not None]
    return tuple(values[-_MOST_PAID:])


def candidates_of(text: Text, statements: Sequence[Statement], facts: Facts) -> list[Candidate]:
    """All amounts that may be the total, best first."""
    found: list[Candidate] = []
    count = max(1, len(text.lines))
    for statement in statements:
        label = _LABELLED.get(statement.kind)
        if label is None:
            continue
        printed = _amount_of(statement, statements, facts)
        if printed.value == 0 and (label < A_LABEL or facts.items != 0):
            continue
        candidate = Candidate(printed.value, statement, printed, label)
        candidate.evidence["position"] = statement.line.index / count
        if statement.in_summary and not _stays_below_taxes(statement):
            candidate.evidence["in_summary"] = 1
        if len(statement.amounts) >= 3:
            candidate.evidence["table_row"] = 1
        if statement.line.rates and statement.kind in (Kind.DUE, Kind.TOTAL):
            candidate.evidence["one_rate"] = 1
        if statement.below:
            candidate.evidence["below"] = 1
        found.append(candidate)
    found.extend(_unlabelled(text.lines, facts, found))
    printed_values = Counter(abs(p.value) for line in text.lines for p in line.money)
    _weigh(found, facts, printed_values, statements)
    found.sort(key=lambda c: -c.score)
    return found


def _amount_of(statement: Statement, statements: Sequence[Statement], facts: Facts) -> Printed:
    """The amount that a label says: the last one, or the larger one before its column of taxes."""
    last = statement.amounts[-1]
    if not names_less(statement, last.value):
        return last
    first = statement.amounts[0]
    others = {s.value for s in statements if s.kind in (Kind.TOTAL, Kind.DUE) and s != statement}
    return first if first.value in others | set(facts.payments) else last


def names_less(statement: Statement, value: Decimal) -> bool:
    """Whether this is the smaller of the two amounts that stand in the row of a total."""
    if statement.kind not in (Kind.TOTAL, Kind.DUE) or len(statement.amounts) != _TWO:
        return False
    return 0 < value < statement.amounts[0].value


def _stays_below_taxes(statement: Statement) -> bool:
    """Whether a statement below the table of taxes is none of it: rounded total, card slip."""
    if statement.kind is Kind.ROUNDED:
        return True
    return statement.kind in PAYMENTS and len(statement.amounts) == 1


def _unlabelled(lines: Sequence[Line], facts: Facts, known: Sequence[Candidate]) -> list[Candidate]:
    """The printed amount that was paid less the change, and the largest one if nothing else is."""
    values = {candidate.value for candidate in known}
    extra: list[Candidate] = []
    money = [(line, printed) for line in lines for printed in line.money if printed.value != 0]
    for settled in dict.fromkeys(facts.settled):
        match = next((printed for _, printed in money if printed.value == settled), None)
        if match is not None and settled and settled not in values:
            extra.append(Candidate(settled, None, match, 1.0))
    if facts.items and facts.several_items and facts.items not in values:
        match = next((printed for _, printed in money if printed.value == facts.items), None)
        if match is not None:
            extra.append(Candidate(facts.items, None, match, 2.0))
    for value in sorted(possible_totals(facts) - values):
        match = next((printed for _, printed in money if printed.value == value), None)
        if match is not None:
            extra.append(Candidate(value, None, match, 0.5))
    if not known and money:
        largest = max((printed for _, printed in money), key=lambda printed: printed.value)
        extra.append(Candidate(largest.value, None, largest, 0.0))
    return extra


def _weigh(
    found: Sequence[Candidate],
    facts: Facts,
    printed: Counter[Decimal],
    statements: Sequence[Statement],
) -> None:
    sums = possible_totals(facts)
    largest = max((c.value for c in found), default=_NOTHING)
    for candidate in found:
        value, evidence = candidate.value, candidate.evidence
        if facts.settled:
            name = "paid_less_change" if value in facts.settled else "not_paid_less_change"
            evidence[name] = 1
        if value in facts.by_card and not _is_payment(candidate):
            evidence["paid_exactly"] = 1
        _weigh_sums(candidate, facts, sums)
        if _is_remainder(candidate, found, statements):
            evidence["remainder"] = 1
        evidence["repeated"] = min(3, printed[abs(value)] - 1)
        if candidate.printed.mended:
            evidence["mended"] = 1
        if value == largest:
            evidence["largest"] = 1
        if _extended(candidate, found, facts, statements):
            evidence["extended"] = 1
            if value in facts.payments:
                evidence["extended_and_paid"] = 1
        if _is_tipped(candidate, found, statements):
            evidence["tipped"] = 1
        if _rounded_sibling(candidate, found, facts.rounding):
            evidence["rounded_to_five"] = 1


def _weigh_sums(candidate: Candidate, facts: Facts, sums: set[Decimal]) -> None:
    """The evidence of what the parts and the items come to."""
    value, evidence = candidate.value, candidate.evidence
    if value in sums:
        evidence["composed"] = 1
    known = value in sums or value == facts.items
    if value in facts.payments and known:
        evidence["proved"] = 1
    if facts.cashback and known and value + facts.cashback in facts.by_card:
        evidence["before_cashback"] = 1
    if value in _items_and_rounded(facts) and candidate.label >= 2.0:
        evidence["items"] = 1


def _extended(
    candidate: Candidate,
    found: Sequence[Candidate],
    facts: Facts,
    statements: Sequence[Statement],
) -> bool:
    """Whether this is a total further up after what stands between: tip, rounding, discount."""
    own = candidate.statement
    if own is None:
        return False
    printed = {facts.tip + sign * facts.rounding for sign in (-1, 0, 1)} - {_NOTHING}
    for other in found[:_MOST_COMPARED]:
        above = other.statement
        if above is None or other.label < _LABELLED[Kind.TOTAL] or other.value == candidate.value:
            continue
        if above.line.index >= own.line.index:
            continue
        between = [s for s in statements if above.line.index < s.line.index < own.line.index]
        if candidate.value - other.value in printed | _sums_of(between):
            return True
    return False


def _is_tipped(
    candidate: Candidate, found: Sequence[Candidate], statements: Sequence[Statement]
) -> bool:
    """Whether this is the total after the one tip that stands between it and the one before.

    What the card was asked for before the tip may stand on the slip, too: it was not paid alone.
    """
    own = candidate.statement
    tips = [s for s in statements if s.kind is Kind.TIP and s.value]
    if own is None or candidate.label < A_LABEL or len(tips) != 1 or tips[0].line.rates:
        return False
    place, before = tips[0].line.index, candidate.value - (tips[0].value or _NOTHING)
    return place < own.line.index and any(
        other.value == before and other.statement.line.index < place
        for other in found[:_MOST_COMPARED]
        if other.statement is not None and other.label >= A_LABEL
    )


def _items_and_rounded(facts: Facts) -> set[Decimal]:
    """What the items come to, before and after a rounding that is printed."""
    return set() if facts.items is None else {facts.items, facts.items + facts.rounding}


def _is_remainder(
    candidate: Candidate, found: Sequence[Candidate], statements: Sequence[Statement]
) -> bool:
    """Whether this is what a voucher or gift card further up left to be paid of the total."""
    own = candidate.statement
    if own is None:
        return False
    given = [s for s in statements if s.kind is Kind.VOUCHER and s.value]
    for other in found[:_MOST_COMPARED]:
        above = other.statement
        if above is None or other.label < A_LABEL or other.value <= candidate.value:
            continue
        first, last = above.line.index, own.line.index
        between = [abs(s.value or _NOTHING) for s in given if first < s.line.index < last]
        if between and other.value - candidate.value == sum(between, _NOTHING):
            return True
    return False


def _sums_of(between: Sequence[Statement]) -> set[Decimal]:
    """What the parts of a sum that stand together come to, with the tax among them or without."""
    parts = dict.fromkeys(_PARTS, _NOTHING)
    for statement in between:
        if statement.kind in parts and statement.value is not None:
            less = statement.kind is Kind.DISCOUNT
            parts[statement.kind] += -abs(statement.value) if less else statement.value
    whole = sum(parts.values(), _NOTHING)
    return {whole, whole - parts[Kind.TAX]} - {_NOTHING}


def _is_payment(candidate: Candidate) -> bool:
    return candidate.statement is not None and candidate.statement.kind in PAYMENTS


def possible_totals(facts: Facts) -> set[Decimal]:
    """The totals that the printed parts add up to: with the tax in them, or on top."""
    sums: set[Decimal] = set()
    for base in (facts.subtotal, facts.items):
        if base is None:
            continue
        every_tax = sum(facts.taxes, _NOTHING)
        for tax in {_NOTHING, every_tax, *facts.taxes}:
            for extras in {_NOTHING, facts.extras}:
                whole = base + tax + extras
                if tax or extras or facts.rounding:
                    sums.add(whole + facts.rounding)
    return sums


def _rounded_sibling(candidate: Candidate, found: Sequence[Candidate], rounding: Decimal) -> bool:
    """Whether this is another candidate after its rounding to five cents."""
    if not rounding or candidate.value % _FIVE_CENTS:
        return False
    return any(
        abs(candidate.value - other.value) == abs(rounding) and other.value % _FIVE_CENTS
        for other in found[:_MOST_COMPARED]
    )
