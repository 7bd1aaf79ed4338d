"""Whether a reading process stays as large as it is, however many receipts it reads.

    python benchmarks/reading_memory.py FOLDER [--count N] [--engine E] [--profile P] [--runtime R]

Reads the pictures in FOLDER over and over, in one process and without limits, and prints every
fifty receipts what the process holds and has held at most, in MB, and the CPU seconds of one.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from daemon.reading.engine import EngineSettings, make_engine
from daemon.reading.reader import Reader

_KINDS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
_EVERY = 50


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--engine", default="rapid")
    parser.add_argument("--profile", default="accurate")
    parser.add_argument("--runtime", default="auto")
    arguments = parser.parse_args()
    reader = Reader(
        make_engine(EngineSettings(arguments.engine, arguments.profile, arguments.runtime))
    )
    pictures = sorted(path for path in arguments.folder.iterdir() if path.suffix in _KINDS)
    print("receipts  RSS MB  peak MB  CPU s")
    used = time.process_time()
    for count, path in enumerate(itertools.islice(itertools.cycle(pictures), arguments.count), 1):
        _read(reader, path)
        if count % _EVERY == 0:
            now = time.process_time()
            print(f"{count:8}  {_held('VmRSS'):6}  {_held('VmHWM'):7}  {(now - used) / _EVERY:.3f}")
            used = now
    return 0


def _read(reader: Reader, path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        reader.read(descriptor, _KINDS[path.suffix], max_pages=10)
    finally:
        os.close(descriptor)


def _held(name: str) -> int:
    """A figure of proc(5), in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) // 1024


if __name__ == "__main__":
    sys.exit(main())
