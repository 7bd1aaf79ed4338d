"""What a benchmark recommends: how many uploads at once, and how long to wait for one; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from daemon.delivery.benchmark import Row
from daemon.delivery.transport.flow import Times
from daemon.limits import KIB

_GOOD_ENOUGH: Final = 0.95
"""A number of workers is recommended once it reaches this part of the best throughput."""
_MARGIN: Final = 10
"""A server may be so many times slower than it was, before we give it up."""
_SHORTEST: Final = Times(connect=5.0, read=10.0, transfer=30.0, slowest=1000.0)
"""Less is never recommended: a lost packet alone costs seconds (RFC 6298)."""
_FASTEST_TRICKLE: Final = 1_000_000
"""Bytes a second; who still takes as many is no trickle, however fast it was in the benchmark."""
_TELLS_A_RATE: Final = 64 * KIB
"""Smaller files say more about round trips than about a rate."""
_STEPS: Final = (1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to write into the section of a destination.

    `more_may_help` tells that the largest number of workers that was tried is the best.
    """

    workers: int
    more_may_help: bool
    timeout: Times


def recommend(rows: Sequence[Row], connect: float | None = None) -> Recommendation | None:
    """What suits a destination, None where no size came through without errors.

    Args: `connect` is how long a new connection takes at most, in seconds, where that is known.
    """
    workers = _workers(rows)
    if workers is None:
        return None
    most = max(row.workers for row in rows)
    calm = [row for row in rows if row.workers <= workers and row.delivered]
    return Recommendation(workers, workers == most > 1, _timeout(calm, connect))


def _workers(rows: Sequence[Row]) -> int | None:
    """The smallest number of workers that serves every size well, None where none does.

    For each size it is the smallest that comes near the best throughput without errors.
    """
    chosen: list[int] = []
    for size in {row.size for row in rows}:
        clean = [row for row in rows if row.size == size and not row.errors]
        if clean:
            best = max(row.files_per_second for row in clean)
            near = [r.workers for r in clean if r.files_per_second >= _GOOD_ENOUGH * best]
            chosen.append(min(near))
    return max(chosen, default=None)


def _timeout(rows: Sequence[Row], connect: float | None) -> Times:
    """Times that end what is stuck and nothing else, with a margin over what was measured."""
    smallest = min(row.size for row in rows)
    silences = [
        row.p95 if row.answer_p95 is None else row.answer_p95
        for row in rows
        if row.answer_p95 is not None or row.size == smallest
    ]
    slowest = _slowest(rows)
    beyond = max(_MARGIN * row.p95 - row.size / slowest for row in rows)
    return Times(
        connect=_longer(max(_MARGIN * (connect or 0.0), _SHORTEST.connect)),
        read=_longer(max(_MARGIN * max(silences), _SHORTEST.read)),
        transfer=_longer(max(beyond, _SHORTEST.transfer)),
        slowest=slowest,
    )


def _slowest(rows: Sequence[Row]) -> float:
    """The rate under which an upload is as good as stuck, in bytes a second."""
    largest = max(row.size for row in rows)
    if largest < _TELLS_A_RATE:
        return _SHORTEST.slowest
    usual = min(largest / row.p95 for row in rows if row.size == largest)
    return max(min(_lower(usual / _MARGIN), _FASTEST_TRICKLE), _SHORTEST.slowest)


def _longer(seconds: float) -> float:
    """The next time that a person would write."""
    hours = math.ceil(seconds / _HOUR) * _HOUR
    return float(next((step for step in _STEPS if step >= seconds), hours))


def _lower(rate: float) -> float:
    """The last rate before it that a person would write: 1, 2 or 5 with zeros."""
    power = 10 ** max(math.floor(math.log10(max(rate, 1.0))), 0)
    return float(max(step for step in (1, 2, 5) if step * power <= max(rate, 1.0)) * power)
