"""Receipts with known answers: folders of pictures, and pictures that the tests draw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.receipts.photos import photo

FOLDERS = ("sroie", "german")
Json = Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture and what is true of it."""

    identity: str
    picture: Path
    key: Json


def in_folder(folder: Path) -> Iterator[Sample]:
    """The samples of a set that have a picture; where it names a development set, those of it."""
    pictures = {path.stem: path for path in (folder / "img").glob("*")}
    split = folder / "split.json"
    names = json.loads(split.read_text())["dev"] if split.exists() else sorted(pictures)
    for name in names:
        if name in pictures:
            key = json.loads((folder / "key" / f"{name}.json").read_text())
            yield Sample(name, pictures[name], key)


def generated(folder: Path, series: str, count: int) -> Iterator[Sample]:
    """So many receipts of a series, drawn into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        drawn = photo(number, series=series)
        picture = folder / f"{drawn.name}.jpg"
        picture.write_bytes(drawn.jpeg)
        bought = drawn.receipt.purchase
        key = {
            "total": f"{bought.total:.2f}",
            "date": bought.when.date().isoformat(),
            "company": bought.merchant[0],
            "n_items": len(bought.positions),
            "items_total": f"{bought.items:.2f}",
        }
        yield Sample(drawn.name, picture, key)
