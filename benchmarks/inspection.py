"""Put files that differ into a folder, and see afterwards whether each arrived in done/."""

from __future__ import annotations

import hashlib
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Planted:
    """A file as it was put into the inbox."""

    name: str
    size: int
    sha256: str


def plant(folder: Path, files: int, size: int) -> list[Planted]:
    """Write files of random content, no two alike, and have the disk take them.

    Over 64 MiB only the first block is written and the rest is a hole, which is read as zeroes.
    """
    noise = random.Random().randbytes(min(size, _BLOCK))
    planted = []
    for number in range(files):
        start = os.urandom(32)
        name = f"file-{number:05}.bin"
        digest = hashlib.sha256()
        left = size
        with (folder / name).open("wb") as file:
            while left:
                block = (start + noise[32:])[:left] if left == size else noise[:left]
                if size > 64 * _BLOCK and left != size:
                    block = bytes(len(block))
                else:
                    file.write(block)
                digest.update(block)
                left -= len(block)
            file.truncate(size)
        planted.append(Planted(name, size, digest.hexdigest()))
    os.sync()  # what is still to be written must not be written on someone's time
    return planted


def what_is_wrong(place: Path, planted: list[Planted]) -> list[str]:
    """Say what is not as promised: originals and complete sidecars in done/, nothing else left."""
    wrong = []
    for file in planted:
        try:
            size = (place / "done" / file.name).stat().st_size
            sidecar = json.loads((place / "done" / f"{file.name}.json").read_bytes())
        except (OSError, ValueError) as error:
            wrong.append(f"{file.name}: {error}")
            continue
        told = sidecar["file"]
        states = [delivery["state"] for delivery in sidecar["deliveries"]]
        if (size, told["size"], told["sha256"]) != (file.size, file.size, file.sha256):
            wrong.append(f"{file.name}: the sidecar or the original is of other content")
        if sidecar["status"] != "done" or states != ["delivered"]:
            wrong.append(f"{file.name}: {sidecar['status']}, deliveries {states}")
    for folder, wanted in (("inbox", 0), ("work", 0), ("done", 2 * len(planted))):
        there = len(os.listdir(place / folder))
        if there != wanted:
            wrong.append(f"{there} names in {folder}/ instead of {wanted}")
    return wrong[:20]
