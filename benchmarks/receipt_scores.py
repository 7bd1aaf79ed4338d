"""How right a set of understood receipts is: the measures that `receipts.py` prints."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

SURE = 0.9
_BINS = 10
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DATES = (
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})"), (0, 1, 2)),
    (re.compile(r"(\d{1,2})[\s./-]+(\d{1,2})[\s./-]+(\d{4}|\d{2})(?!\d)"), (2, 1, 0)),
    (re.compile(r"(\d{1,2})[\s./-]*([A-Z]{3})[A-Z]*[\s.,/-]*(\d{4}|\d{2})"), (2, 1, 0)),
    (re.compile(r"([A-Z]{3})[A-Z]*\s*(\d{1,2}),?\s*(\d{4})"), (2, 0, 1)),
    (re.compile(r"(?<!\d)(20\d{2})(\d{2})(\d{2})(?!\d)"), (0, 1, 2)),
    (re.compile(r"(?<!\d)(\d{2})(\d{2})(20\d{2})(?!\d)"), (2, 1, 0)),
)
Json = Any


def cents(text: str | None) -> Decimal | None:
    """An amount as the keys print it: `RM 3.30`, `$8.20`, `9.00`."""
    try:
        return Decimal(re.sub(r"[^\d.\-]", "", text or "")).quantize(Decimal("0.01"))
    except InvalidOperation:
        return None


def iso_date(text: str) -> str:
    """A date as the keys print it, day first, in ISO 8601; the text itself when it is none."""
    for pattern, order in _DATES:
        match = pattern.search(text.upper())
        if match:
            year, month, day = (match.group(place + 1) for place in order)
            number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month)
            first = int(day)
            if number > 12:
                number, first = first, number
            return f"{int(year) % 100 + 2000:04d}-{number:02d}-{first:02d}"
    return text


def plain(text: str | None) -> str:
    """Upper-case letters without accents, and digits, as SROIE task 3 compares names."""
    return re.sub(r"[^A-Z0-9]", "", unicodedata.normalize("NFKD", text or "").upper())


@dataclass(slots=True)
class Scores:
    """Counts over one set; `beliefs` pairs a total's confidence with whether it is right."""

    name: str
    receipts: int = 0
    right: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    given: dict[str, int] = field(default_factory=dict)
    counts_items: bool = False
    items_counted: int = 0
    items_summed: int = 0
    beliefs: list[tuple[float, bool]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, key: Mapping[str, Json], receipt: Json) -> None:
        """Count one receipt against its key; `receipt` is the sidecar's, or None."""
        self.receipts += 1
        receipt = receipt or {}
        found = {
            ours: (receipt.get(field_name) or {}).get("value")
            for ours, field_name in _FIELDS.items()
        }
        for ours, value in found.items():
            if ours in key:
                self._count(name, ours, value, right=_is_right(ours, value, key, self.name))
        total = receipt.get("total") or {}
        is_right = _is_right("total", found["total"], key, self.name)
        if found["total"] is not None:
            self.beliefs.append((float(total["confidence"]), is_right))
        items = receipt.get("items") or []
        self.counts_items |= "n_items" in key
        self.items_counted += len(items) == key.get("n_items")
        summed = sum((Decimal(item["total"]) for item in items), Decimal(0))
        self.items_summed += bool(items) and summed == cents(key.get("items_total", key["total"]))

    def _count(self, name: str, ours: str, value: str | None, *, right: bool) -> None:
        self.asked[ours] = self.asked.get(ours, 0) + 1
        self.given[ours] = self.given.get(ours, 0) + (value is not None)
        self.right[ours] = self.right.get(ours, 0) + right
        if not right:
            self.wrong.append(f"{name} {ours}: {value!r}")

    def share(self, ours: str) -> float:
        """The share of receipts whose field is exactly right."""
        return self.right.get(ours, 0) / max(1, self.asked.get(ours, 0))

    @property
    def f1(self) -> float:
        """F1 over all fields that have a key; a field that was not given costs no precision."""
        right = sum(self.right.values())
        precision = right / max(1, sum(self.given.values()))
        recall = right / max(1, sum(self.asked.values()))
        return 2 * precision * recall / max(1e-9, precision + recall)

    @property
    def precision(self) -> float:
        """How many totals are right of those that are sure."""
        sure = [right for belief, right in self.beliefs if belief >= SURE]
        return sum(sure) / max(1, len(sure))

    @property
    def coverage(self) -> float:
        """How many receipts have a total that is sure."""
        return sum(belief >= SURE for belief, _ in self.beliefs) / max(1, self.receipts)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the totals, over ten bins (Guo et al. 2017)."""
        return calibration_error(self.beliefs)


def calibration_error(beliefs: Sequence[tuple[float, bool]]) -> float:
    """The gap between belief and truth, averaged over bins by their size."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for belief, right in beliefs:
        bins[min(_BINS - 1, int(belief * _BINS))].append((belief, right))
    gaps = (abs(sum(b for b, _ in part) - sum(r for _, r in part)) for part in bins if part)
    return sum(gaps) / max(1, len(beliefs))


_FIELDS = {"total": "total", "date": "date", "company": "merchant", "address": "address"}


def _is_right(ours: str, value: str | None, key: Mapping[str, Json], name: str) -> bool:
    if value is None:
        return False
    if ours == "total":
        return cents(value) == cents(key["total"])
    if ours == "date":
        return value == iso_date(key["date"])
    if ours == "company" and name == "german":
        return plain(key["company"]) in plain(value)  # the keys name the chain, in one word
    return plain(value) == plain(key[ours])
