"""Fuzzes the reading of a server's answer; needs atheris, and takes the options of libFuzzer.

    python -m tests.fuzz.fuzz_answer -max_total_time=600 CORPUS_FOLDER

It begins with the seeds, keeps in the folder what leads further, and ends with the bytes in a file
where something does not hold: such a file's content becomes a new seed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["daemon"]):
    from tests.fuzz.answers import METHODS, SEEDS, one_answer, one_exchange


def one(data: bytes) -> None:
    """Both ways of reading the same bytes."""
    one_answer(data)
    one_exchange(data[:1] + data[2:])


def main() -> None:
    """Fuzz, with the seeds beside the folders that were given."""
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(SEEDS):
            for method in range(len(METHODS)):
                Path(folder, f"{number}-{method}").write_bytes(bytes([method, 2]) + seed)
        atheris.Setup([*sys.argv, folder], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
