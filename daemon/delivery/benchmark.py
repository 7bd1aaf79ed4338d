"""Measuring a destination: how fast it takes files of some sizes with some numbers of workers."""

from __future__ import annotations

import collections
import concurrent.futures
import hashlib
import math
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from daemon.delivery.destination import Acknowledgement, Destination, Parcel
from daemon.errors import DeliveryError
from daemon.limits import MIB

PREFIX: Final = "inboxd-bench-"
"""What the names of all generated files begin with."""

_GOOD_ENOUGH: Final = 0.95
"""A number of workers is recommended once it reaches this part of the best throughput."""


@dataclass(frozen=True, slots=True)
class Row:
    """One size with one number of workers; times in seconds, rates per second."""

    size: int
    workers: int
    files: int
    seconds: float
    p50: float
    p95: float
    cpu_seconds: float
    errors: Mapping[str, int]

    @property
    def delivered(self) -> int:
        """Files that arrived."""
        return self.files - sum(self.errors.values())

    @property
    def files_per_second(self) -> float:
        """Files that arrived in a second."""
        return self.delivered / self.seconds

    @property
    def bytes_per_second(self) -> float:
        """Bytes of files that arrived in a second."""
        return self.files_per_second * self.size


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured; `left_behind` are the places of files that we could not take away."""

    rows: tuple[Row, ...]
    recommended_workers: int | None
    left_behind: tuple[str, ...]


@runtime_checkable
class Discarding(Protocol):
    """A destination that can take away again what it was just given."""

    def discard(self, acknowledgement: Acknowledgement) -> bool:
        """Remove one file that a benchmark delivered; tells whether it is gone."""
        ...


def measure(
    destination: Destination,
    sizes: Sequence[int],
    workers: Sequence[int],
    repeats: int,
    *,
    stop: threading.Event,
    on_row: Callable[[Row], None] = lambda _: None,
    scratch: Path | None = None,
) -> Report:
    """Deliver generated files, `repeats` of each of `sizes` (bytes) for each number of `workers`.

    Errors of deliveries are counted, not raised. `on_row` is called with each row as it is known.
    Raises StoppedError once `stop` is set, EnvironmentFaultError and OSError where the content
    cannot be written to `scratch` (the system's folder for temporary files by default).
    """
    rows: list[Row] = []
    left_behind: list[str] = []
    run = secrets.token_hex(4)
    for size in sizes:
        with _content(size, scratch) as (path, sha256):
            for count in workers:
                parcels = [
                    _parcel(path, size, sha256, f"{run}-{size}-{count}-{number}")
                    for number in range(max(repeats, 1))
                ]
                row, taken = _measure_one(destination, parcels, size, count, stop)
                rows.append(row)
                on_row(row)
                left_behind += _clean_up(destination, taken)
    return Report(tuple(rows), recommend(rows), tuple(left_behind))


def recommend(rows: Sequence[Row]) -> int | None:
    """The smallest number of workers that serves every size well, None where nothing arrived.

    For each size it is the smallest that comes near the best throughput without errors; pure.
    """
    chosen: list[int] = []
    for size in {row.size for row in rows}:
        clean = [row for row in rows if row.size == size and not row.errors]
        if clean:
            best = max(row.files_per_second for row in clean)
            near = [r.workers for r in clean if r.files_per_second >= _GOOD_ENOUGH * best]
            chosen.append(min(near))
    return max(chosen, default=None)


def quantile(values: Sequence[float], part: float) -> float:
    """The nearest-rank quantile of some values, 0.0 of none; pure."""
    ordered = sorted(values)
    return ordered[max(math.ceil(part * len(ordered)) - 1, 0)] if ordered else 0.0


def _measure_one(
    destination: Destination,
    parcels: Sequence[Parcel],
    size: int,
    workers: int,
    stop: threading.Event,
) -> tuple[Row, list[Acknowledgement]]:
    taken: list[Acknowledgement] = []
    lasted: list[float] = []
    errors: collections.Counter[str] = collections.Counter()

    def deliver(parcel: Parcel) -> None:
        began = time.perf_counter()
        try:
            taken.append(destination.deliver(parcel, lambda _: None, stop))
        except DeliveryError as error:
            errors[error.code] += 1
        else:
            lasted.append(time.perf_counter() - began)

    began, cpu = time.perf_counter(), time.process_time()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(deliver, parcels):
            pass
    return (
        Row(
            size=size,
            workers=workers,
            files=len(parcels),
            seconds=max(time.perf_counter() - began, 1e-9),
            p50=quantile(lasted, 0.5),
            p95=quantile(lasted, 0.95),
            cpu_seconds=time.process_time() - cpu,
            errors=dict(errors),
        ),
        taken,
    )


def _clean_up(destination: Destination, taken: Sequence[Acknowledgement]) -> list[str]:
    """Take away what was delivered, where that can be done; returns the places of the rest."""
    if isinstance(destination, Discarding):
        taken = [got for got in taken if not destination.discard(got)]
    return [got.location or f"a {PREFIX}* file of {destination.name}" for got in taken]


@contextmanager
def _content(size: int, scratch: Path | None) -> Iterator[tuple[Path, str]]:
    """A file of random bytes, as nothing on the way can make smaller, and its sha256."""
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(prefix=PREFIX, dir=scratch) as file:
        left = size
        while left:
            block = os.urandom(min(left, MIB))
            digest.update(block)
            file.write(block)
            left -= len(block)
        file.flush()
        yield Path(file.name), digest.hexdigest()


def _parcel(path: Path, size: int, sha256: str, tail: str) -> Parcel:
    name = f"{PREFIX}{tail}.bin"
    return Parcel(
        job=f"{PREFIX}{tail}",
        inbox="bench",
        name=name,
        path=name,
        size=size,
        sha256=sha256,
        media_type="application/octet-stream",
        received=datetime.now(UTC),
        idempotency_key=f"{PREFIX}{tail}",
        open=lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC),
    )
