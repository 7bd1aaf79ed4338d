"""What rows say that no word tells for certain: their place, sign, rate and the sums tell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from daemon.receipts.lexicon import LABELS
from daemon.receipts.lines import Line, Printed
from daemon.receipts.statements import Kind, Statement

_BASES = frozenset((Kind.SUBTOTAL, Kind.NET, Kind.TOTAL))
_FINAL = frozenset((Kind.ROUNDED, Kind.DUE, Kind.TOTAL))
_BESIDE_CHANGE = _FINAL | {Kind.CASH, Kind.SUBTOTAL}
_OTHERWISE = frozenset((Kind.SERVICE, Kind.IGNORED, Kind.VOUCHER, Kind.AMOUNT, Kind.REFUND))
"""What a label may be taken for whose amount is below zero between two sums."""


def as_placed(statements: Sequence[Statement]) -> list[Statement]:
    """The statements, with words that may say change or refund told by what stands above them.

    What goes back after cash was given is change; without any cash or total it is a refund.
    """
    placed: list[Statement] = []
    kinds = {statement.kind for statement in statements}
    given = False
    for statement in statements:
        kind = statement.kind
        if kind is Kind.REFUND and given:
            kind = Kind.CHANGE
        elif kind is Kind.CHANGE and not kinds & _BESIDE_CHANGE:
            kind = Kind.REFUND
        given = given or (kind is Kind.CASH and bool(statement.value and statement.value > 0))
        placed.append(replace(statement, kind=kind))
    return placed


def with_unnamed_parts(
    lines: Sequence[Line], statements: Sequence[Statement]
) -> Sequence[Statement]:
    """The statements, with what stands between a subtotal and the total and has no word we know.

    An amount below zero is a discount there; one beside a rate is a tax.
    """
    between = _between(statements)
    if between is None:
        return statements
    base, final = between
    kept = [s for s in statements if not _is_discount(s, base, final)]
    taken = {amount.place for statement in kept for amount in statement.amounts}
    added = [
        Statement(kind, frozenset((kind.value,)), "", (amount,), line, in_summary=False)
        for line in lines[base.line.index + 1 : final.line.index]
        for kind, amount in _parts(line)
        if amount.place not in taken
    ]
    if base.kind is Kind.TOTAL and not _adds_up(base, final, added):
        return statements
    return sorted([*kept, *added], key=lambda s: (s.line.index, s.amounts[0].start))


def _between(statements: Sequence[Statement]) -> tuple[Statement, Statement] | None:
    """The first sum above zero, and the next statement of a total that differs from it."""
    base = next((s for s in statements if s.kind in _BASES and not s.in_summary), None)
    if base is None or not base.value or base.value < 0:
        return None
    later = (s for s in statements if s.line.index > base.line.index and s.kind in _FINAL)
    final = next((s for s in later if not s.in_summary), None)
    return None if final is None or final.value == base.value else (base, final)


def _is_discount(statement: Statement, base: Statement, final: Statement) -> bool:
    inside = base.line.index < statement.line.index < final.line.index
    below = statement.value is not None and statement.value < 0
    return inside and below and statement.kind in _OTHERWISE


def _parts(line: Line) -> Iterator[tuple[Kind, Printed]]:
    if len(line.money) != 1:
        return
    amount = line.money[0]
    if amount.value < 0:
        yield Kind.DISCOUNT, amount
    elif line.rates and amount.value and not line.marks & LABELS:
        yield Kind.TAX, amount


def _adds_up(base: Statement, final: Statement, added: Sequence[Statement]) -> bool:
    """Whether one total less the discounts found makes the next one."""
    parts = sum(s.amounts[0].value for s in added)
    return base.value is not None and base.value + parts == final.value
