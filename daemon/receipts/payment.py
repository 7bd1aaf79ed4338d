"""How it was paid, what was given and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from daemon.receipts.lines import Line, Printed
from daemon.receipts.model import NOT_FOUND, Field, money
from daemon.receipts.statements import PAYMENTS, Kind, Statement

_LONGEST_LABEL = 6
"""Words of a row that may still be a label; a longer one is a sentence."""
_MOST_WAYS = 4
"""Payments of which two may be the parts of one; more are a slip told again."""
_METHODS = ("card", "wallet", "voucher", "cash", "transfer")


@dataclass(frozen=True, slots=True)
class Payment:
    """What the receipt says about its payment."""

    method: Field = NOT_FOUND
    paid: Field = NOT_FOUND
    change: Field = NOT_FOUND


def payment_of(
    lines: Sequence[Line], statements: Sequence[Statement], total: Decimal | None
) -> Payment:
    """The payment; what was given is the amount that, less the change, makes the total."""
    changes = [s.amounts[-1] for s in reversed(statements) if s.kind is Kind.CHANGE]
    given = [s for s in statements if s.kind in PAYMENTS and s.value]
    returned = _returned(changes, given, total)
    paid, sure = _given(given, abs(returned.value) if returned else Decimal(0), total)
    whole = sum((abs(amount.value) for amount in paid), Decimal(0))
    return Payment(
        _method(lines, given, paid, returned),
        Field(money(whole), sure, tuple(amount.place for amount in paid)) if paid else NOT_FOUND,
        Field(money(abs(returned.value)), 0.95 if sure > 0.9 else 0.8, (returned.place,))
        if returned
        else NOT_FOUND,
    )


def _returned(
    changes: Sequence[Printed], given: Sequence[Statement], total: Decimal | None
) -> Printed | None:
    """The change: the amount that makes the total with what was given, else the last one."""
    paid = {abs(statement.value) for statement in given if statement.value}
    for change in changes:
        if total is not None and abs(change.value) + abs(total) in paid:
            return change
    if total is not None and abs(total) in paid and len(paid) == 1:
        return None  # paid exactly: what says change is a balance or a rate
    return changes[0] if changes else None


def _given(
    given: Sequence[Statement], change: Decimal, total: Decimal | None
) -> tuple[tuple[Printed, ...], float]:
    """What was given: in one way, or the part by a gift card and the part by another card."""
    amounts = [statement.amounts[-1] for statement in given]
    ways = [*combinations(amounts, 1), *combinations(amounts[:_MOST_WAYS], 2)]
    for way in ways:
        whole = sum((abs(amount.value) for amount in way), Decimal(0))
        if total is not None and whole - change == abs(total):
            return way, 0.96 if len(way) == 1 else 0.9
    return tuple(sorted(amounts, key=lambda amount: amount.value)[-1:]), 0.6


def _method(
    lines: Sequence[Line],
    given: Sequence[Statement],
    paid: Sequence[Printed],
    change: Printed | None,
) -> Field:
    for statement in given:
        if any(statement.amounts[-1] is amount for amount in paid):
            named = [method for method in _METHODS if method in statement.marks]
            if named:
                return Field(named[0], 0.95, (statement.amounts[-1].place,))
    if change is not None and change.value != 0:
        return Field("cash", 0.85, (change.place,))
    return _mentioned(lines) or NOT_FOUND


def _mentioned(lines: Sequence[Line]) -> Field | None:
    """A method named in the lower part, where no amount stands by it."""
    for method in _METHODS:
        for line in reversed(lines[len(lines) // 3 :]):
            if line.marks & {"footer", "points", "staff", "not_date"}:
                continue
            if len(line.folded.split()) > _LONGEST_LABEL:
                continue
            for mention in line.mentions:
                if mention.mark == method:
                    return Field(method, 0.7, (line.place_at(mention.start),))
    return None
