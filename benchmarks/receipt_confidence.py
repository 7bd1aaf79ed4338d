"""Fit the weights of `daemon/receipts/confidence.py` on receipts with known answers.

    python benchmarks/receipt_confidence.py FOLDER [--lines FOLDER]

FOLDER is as `receipts.py` takes it; `--lines` holds lines read before, `SET/ID.json`, where a set
`drawn S` is the series S that the tests draw. Every receipt counts once as it is, and with a small
weight with one digit of its total misread, which is what OCR does and what the sums of a receipt
can catch. Prints the weights, and how the chances fit what is true in parts that the fit did not
see (cross-validation).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.receipt_scores import SURE, calibration_error, cents
from daemon.receipts.arithmetic import PAID, PARTS_SUM, confirming
from daemon.receipts.confidence import WEIGHTS, Chosen, features_of, most_of
from daemon.receipts.extract import understand_total
from daemon.receipts.model import Evidence
from daemon.receipts.text import PageText, TextLine
from tests.receipts.photos import receipt_on

_FOLDS = 5
_MISREAD = 0.05
"""How often a digit of a total is taken to be misread: several times as often as measured."""
_TIMES = 4
"""Misreadings that are tried of each receipt; every other one befalls all copies of the amount."""
_NAMES = list(WEIGHTS)
_SPEAKS_FOR = frozenset(("one", "label", "lead", "repeated", "paid", "items", "parts", "taxes"))
_LEAST = np.array([0.2 if name in _SPEAKS_FOR else -np.inf for name in _NAMES])
_MOST = np.array([np.inf if name in _SPEAKS_FOR else -0.2 for name in _NAMES])
"""What confirms a total may not count against it, however few receipts there are to learn from."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the model sees of one total, and whether it is right.

    `weight` 1 is a receipt as it is; `most` is what its chance can be.
    """

    set: str
    features: list[float]
    right: bool
    weight: float
    most: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=Path, help="folder of SET/ID.json with lines read before")
    arguments = parser.parse_args()
    receipts = list(_receipts(arguments.folder, arguments.lines))
    random.Random(2).shuffle(receipts)
    unseen: list[tuple[Row, float]] = []
    for fold in range(_FOLDS):
        known = [row for n, rows in enumerate(receipts) if n % _FOLDS != fold for row in rows]
        weights = np.round(_fit(known), 1)
        unseen += [(row, _chance(weights, row)) for rows in receipts[fold::_FOLDS] for row in rows]
    _tell(unseen)
    for name, weight in zip(_NAMES, _fit([row for rows in receipts for row in rows]), strict=True):
        print(f'    "{name}": {weight:.1f},')


def _tell(unseen: Sequence[tuple[Row, float]]) -> None:
    """How right the chances are, per set, on rows that their weights were not fitted on."""
    for name in sorted({row.set for row, _ in unseen}):
        for as_read in (True, False):
            rows = [(row, c) for row, c in unseen if row.set == name]
            part = [(c, row.right) for row, c in rows if (row.weight == 1) is as_read]
            sure = [right for chance, right in part if chance >= SURE]
            print(
                f"{name:12} {'as read' if as_read else 'misread':8} {len(part):5}"
                f"  right {_share(right for _, right in part):.4f}"
                f"  sure {len(sure) / max(1, len(part)):.3f}, of these right {_share(sure):.4f}"
                f"  calibration error {calibration_error(part):.4f}"
            )


def _share(right: Iterable[bool]) -> float:
    found = list(right)
    return sum(found) / max(1, len(found))


def _receipts(folder: Path, lines: Path | None) -> Iterator[list[Row]]:
    chance = random.Random(1)
    for name, pages, total in _samples(folder, lines):
        chosen = understand_total(pages)
        if chosen is None:
            continue
        right = abs(chosen.value) == abs(total)
        if not right and confirming(chosen.checks) & {PAID, PARTS_SUM}:
            continue  # the key is at odds with the receipt's own sums: the known noise of the keys
        rows = [Row(name, _features(chosen), right, 1.0, most_of(chosen))]
        for number in range(_TIMES if right else 0):
            place = chosen.candidate.printed.place
            then = understand_total(_misread(pages, place, chance, all_copies=number % 2 == 1))
            if then is not None:
                still = abs(then.value) == abs(total)
                rows.append(Row(name, _features(then), still, _MISREAD / _TIMES, most_of(then)))
        yield rows


def _features(chosen: Chosen) -> list[float]:
    features = features_of(chosen)
    return [features.get(name, 0.0) for name in _NAMES]


def _samples(folder: Path, lines: Path | None) -> Iterator[tuple[str, list[PageText], Decimal]]:
    split = json.loads((folder / "sroie" / "split.json").read_text())
    for name in split["text_only"]:
        key = json.loads((folder / "sroie" / "key" / f"{name}.json").read_text())
        boxes = json.loads((folder / "sroie" / "box" / f"{name}.json").read_text())
        texts = [(box["text"], 0.97, tuple(map(float, box["poly"]))) for box in boxes]
        total = cents(key.get("total"))
        if total is not None:
            yield "sroie text", _pages([texts]), total
    for path in sorted((lines or Path("/nonexistent")).glob("*/*.json")):
        total = _known_total(folder, path)
        pages = json.loads(path.read_text())["pages"]
        if total is not None:
            texts_of = [
                [(line["text"], line["confidence"], tuple(line["box"])) for line in page["lines"]]
                for page in pages
            ]
            yield path.parent.name, _pages(texts_of), total


def _known_total(folder: Path, lines: Path) -> Decimal | None:
    """The total of the receipt whose lines were read."""
    name = lines.parent.name
    if name.startswith("drawn "):
        series = name.removeprefix("drawn ")
        return receipt_on(int(lines.stem.removeprefix(series)), series=series).total
    return cents(json.loads((folder / name / "key" / lines.name).read_text())["total"])


def _pages(pages: Sequence[Sequence[tuple]]) -> list[PageText]:  # type: ignore[type-arg]
    return [
        PageText(number, 1, 1, tuple(TextLine(n, *line) for n, line in enumerate(lines)))
        for number, lines in enumerate(pages, start=1)
    ]


def _misread(
    pages: list[PageText], place: Evidence, chance: random.Random, *, all_copies: bool
) -> list[PageText]:
    """The pages with one digit of the line at a place read as another one.

    The same print is often misread the same way, so that a copy of it confirms nothing.
    """
    text = next(
        line.text
        for page in pages
        for line in page.lines
        if (page.number, line.index) == (place.page, place.line)
    )
    digits = [n for n, character in enumerate(text) if character.isdigit()][-4:]
    spot = chance.choice(digits)
    amount = text[max(0, digits[0] - 1) :]
    digit = chance.choice([d for d in "0123456789" if d != text[spot]])
    wrong = amount[: spot - len(text)] + digit + amount[len(amount) + spot - len(text) + 1 :]
    worse = []
    for page in pages:
        lines = list(page.lines)
        for at, line in enumerate(lines):
            here = (page.number, line.index) == (place.page, place.line)
            if here or (all_copies and line.text.endswith(amount)):
                text = line.text[: len(line.text) - len(amount)] + wrong
                lines[at] = replace(line, text=text, confidence=min(line.confidence, 0.93))
        worse.append(replace(page, lines=tuple(lines)))
    return worse


def _fit(rows: Sequence[Row], steps: int = 20000) -> np.ndarray:
    """Logistic regression by gradient descent, held near zero where data says little."""
    features = np.array([row.features for row in rows])
    right = np.array([row.right for row in rows], dtype=float)
    weight = np.array([row.weight for row in rows])
    found = np.zeros(features.shape[1])
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-features @ found))
        slope = features.T @ (weight * (right - chance)) - 0.05 * found
        found = np.clip(found + slope / (0.25 * weight.sum()), _LEAST, _MOST)
    return found


def _chance(weights: np.ndarray, row: Row) -> float:
    return min(row.most, float(1 / (1 + np.exp(-np.dot(weights, row.features)))))


if __name__ == "__main__":
    main()
