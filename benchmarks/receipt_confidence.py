"""Fit the weights of `daemon/receipts/confidence.py` on receipts with known answers.

    python benchmarks/receipt_confidence.py FOLDER [--lines FOLDER]

Every receipt counts once as it is, and with a small weight with one digit of its total misread,
which is what OCR does and what the sums of a receipt can catch. Prints the weights, and how the
chances fit what is true in halves that the fit did not see.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.receipt_scores import calibration_error, cents
from daemon.receipts.arithmetic import PAID, PARTS_SUM, confirming
from daemon.receipts.confidence import WEIGHTS, features_of
from daemon.receipts.extract import understand_total
from daemon.receipts.text import PageText, TextLine

_MISREAD = 0.1
"""How often a digit of a total is taken to be misread: as often as in poor photographs."""
_NAMES = list(WEIGHTS)
_SPEAKS_FOR = frozenset(("one", "label", "lead", "paid", "items", "parts", "taxes"))
_LEAST = np.array([0.2 if name in _SPEAKS_FOR else -np.inf for name in _NAMES])
_MOST = np.array([np.inf if name in _SPEAKS_FOR else -0.2 for name in _NAMES])
"""What confirms a total may not count against it, however few receipts there are to learn from."""
Row = tuple[list[float], bool, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=Path, help="folder of SET/ID.json with lines read before")
    arguments = parser.parse_args()
    rows = list(_rows(arguments.folder, arguments.lines))
    for half in (0, 1):
        weights = _fit(rows[half::2])
        other = rows[1 - half :: 2]
        beliefs = [(_chance(weights, features), right) for features, right, w in other if w == 1]
        print(f"half {half}: calibration error {calibration_error(beliefs):.4f}")
    for name, weight in zip(_NAMES, _fit(rows), strict=True):
        print(f'    "{name}": {weight:.1f},')


def _rows(folder: Path, lines: Path | None) -> Iterator[Row]:
    chance = random.Random(1)
    for pages, total in _samples(folder, lines):
        chosen = understand_total(pages)
        if chosen is None:
            continue
        right = abs(chosen.candidate.value) == abs(total)
        if not right and confirming(chosen.checks) & {PAID, PARTS_SUM}:
            continue  # the key is at odds with the receipt's own sums: the known noise of the keys
        yield _features(chosen), right, 1.0
        if not right:
            continue
        for _ in range(3):
            worse = _misread(pages, chosen.candidate.printed.place, chance)
            chosen_then = understand_total(worse)
            if chosen_then is not None:
                then = abs(chosen_then.candidate.value) == abs(total)
                yield _features(chosen_then), then, _MISREAD / 3


def _features(chosen: object) -> list[float]:
    features = features_of(chosen)  # type: ignore[arg-type]
    return [features.get(name, 0.0) for name in _NAMES]


def _samples(folder: Path, lines: Path | None) -> Iterator[tuple[list[PageText], object]]:
    split = json.loads((folder / "sroie" / "split.json").read_text())
    for name in split["text_only"]:
        key = json.loads((folder / "sroie" / "key" / f"{name}.json").read_text())
        boxes = json.loads((folder / "sroie" / "box" / f"{name}.json").read_text())
        texts = [(box["text"], 0.97, tuple(map(float, box["poly"]))) for box in boxes]
        yield from _sample([texts], key)
    for path in sorted((lines or Path("/nonexistent")).glob("*/*.json")):
        key_file = folder / path.parent.name / "key" / path.name
        pages = json.loads(path.read_text())["pages"]
        texts_of = [
            [(line["text"], line["confidence"], tuple(line["box"])) for line in page["lines"]]
            for page in pages
        ]
        yield from _sample(texts_of, json.loads(key_file.read_text()))


def _sample(pages: Sequence[Sequence[tuple]], key: dict) -> Iterator[tuple[list[PageText], object]]:  # type: ignore[type-arg]
    total = cents(key["total"])
    if total is None:
        return
    yield (
        [
            PageText(number, 1, 1, tuple(TextLine(n, *line) for n, line in enumerate(lines)))
            for number, lines in enumerate(pages, start=1)
        ],
        total,
    )


def _misread(pages: list[PageText], place: object, chance: random.Random) -> list[PageText]:
    """The pages with one digit of the line at a place read as another one."""
    worse = []
    for page in pages:
        lines = list(page.lines)
        for at, line in enumerate(lines):
            if (page.number, line.index) == (place.page, place.line):  # type: ignore[attr-defined]
                digits = [n for n, character in enumerate(line.text) if character.isdigit()]
                spot = chance.choice(digits[-4:])
                digit = chance.choice([d for d in "0123456789" if d != line.text[spot]])
                text = line.text[:spot] + digit + line.text[spot + 1 :]
                lines[at] = replace(line, text=text, confidence=min(line.confidence, 0.93))
        worse.append(replace(page, lines=tuple(lines)))
    return worse


def _fit(rows: Sequence[Row], steps: int = 20000) -> np.ndarray:
    """Logistic regression by gradient descent, held near zero where data says little."""
    features = np.array([row[0] for row in rows])
    right = np.array([row[1] for row in rows], dtype=float)
    weight = np.array([row[2] for row in rows])
    found = np.zeros(features.shape[1])
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-features @ found))
        slope = features.T @ (weight * (right - chance)) - 0.05 * found
        found = np.clip(found + slope / (0.25 * len(rows)), _LEAST, _MOST)
    return found


def _chance(weights: np.ndarray, features: Sequence[float]) -> float:
    return float(1 / (1 + np.exp(-np.dot(weights, features))))


if __name__ == "__main__":
    main()
