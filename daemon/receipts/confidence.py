"""How sure the total is, as a chance between 0 and 1.

A logistic model over few features; its weights are fitted on receipts with known answers by
`benchmarks/receipt_confidence.py` and rounded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from daemon.receipts.arithmetic import (
    ITEMS_SUM,
    NET_AND_TAX,
    PAID,
    PARTS_SUM,
    confirming,
    contradicting,
)
from daemon.receipts.model import Check
from daemon.receipts.statements import Kind
from daemon.receipts.totals import A_LABEL, Candidate, names_less

WEIGHTS: Mapping[str, float] = {
    "one": 0.2,
    "label": 0.2,
    "lead": 1.2,
    "repeated": 0.2,
    "paid": 1.3,
    "items": 2.0,
    "parts": 2.4,
    "taxes": 1.7,
    "paid_wrong": -4.5,
    "items_wrong": -2.2,
    "parts_wrong": -0.2,
    "taxes_wrong": -3.6,
    "only_wrong": -0.2,
    "unread": -10.8,
    "mended": -1.2,
}
_HIGHEST = 0.995
_OVERRULED = 0.85
"""An amount that is taken for the total against its label is never sure: OCR errs consistently."""
_PROVISIONAL = 0.65
"""A sum that something is to follow on may be all that is left of a receipt that was cut off."""
_PAID_EVIDENCE = frozenset(("proved", "paid_less_change", "paid_exactly"))
_FIVE_CENTS = Decimal("0.05")
_CHECKS = {PAID: "paid", ITEMS_SUM: "items", PARTS_SUM: "parts", NET_AND_TAX: "taxes"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A total, how far it leads the next value, and what the arithmetic says of it."""

    candidate: Candidate
    lead: float
    checks: tuple[Check, ...]
    overruled: bool = False
    """Whether another amount has a label that says total."""
    provisional: bool = False
    """Whether more is to follow on this amount, and no payment says that nothing did."""

    @property
    def value(self) -> Decimal:
        """The amount."""
        return self.candidate.value


def lead_of(candidates: Sequence[Candidate]) -> float:
    """How far the best candidate's score is above the best one of another value."""
    best = candidates[0]
    other = next((c.score for c in candidates if c.value != best.value), 2.0)
    return best.score - other


def is_overruled(candidates: Sequence[Candidate]) -> bool:
    """Whether the best candidate has no label of a total while another value has."""
    best = candidates[0]
    return best.label < A_LABEL and any(
        other.label >= A_LABEL and abs(other.value) != abs(best.value) for other in candidates
    )


def is_provisional(best: Candidate, rounding: Decimal) -> bool:
    """Whether a candidate is a subtotal, the sum before a rounding, or the smaller of two amounts.

    What somebody paid is none of these.
    """
    if best.evidence.keys() & _PAID_EVIDENCE:
        return False
    if best.statement is not None and names_less(best.statement, best.value):
        return True
    before_rounding = bool(rounding) and bool(best.value % _FIVE_CENTS)
    kind = None if best.statement is None else best.statement.kind
    return before_rounding or kind in (Kind.SUBTOTAL, Kind.NET)


def features_of(chosen: Chosen) -> dict[str, float]:
    """What the model looks at."""
    features = {
        "one": 1.0,
        "label": 1.0 if chosen.candidate.label >= 5.0 else 0.0,
        "lead": min(2.5, max(0.0, chosen.lead)),
        "repeated": 1.0 if chosen.candidate.evidence.get("repeated") else 0.0,
        "unread": 1.0 - chosen.candidate.printed.seen,
        "mended": 1.0 if chosen.candidate.printed.mended else 0.0,
    }
    for name in confirming(chosen.checks):
        features[_CHECKS[name]] = 1.0
    wrong = contradicting(chosen.checks)
    features["only_wrong"] = 1.0 if wrong and not confirming(chosen.checks) else 0.0
    for name in wrong:
        if name in _CHECKS:
            features[f"{_CHECKS[name]}_wrong"] = 1.0
    return features


def most_of(chosen: Chosen) -> float:
    """The highest chance that a total can have, whatever speaks for it."""
    if chosen.provisional:
        return _PROVISIONAL
    return _OVERRULED if chosen.overruled else _HIGHEST


def certainty(chosen: Chosen) -> float:
    """The chance that the total is right."""
    weighed = sum(WEIGHTS[name] * size for name, size in features_of(chosen).items())
    return min(most_of(chosen), max(0.02, 1 / (1 + math.exp(-weighed))))
