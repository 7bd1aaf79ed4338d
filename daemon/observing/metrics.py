"""Counters and gauges for Prometheus; labels are inboxes, destinations and states, never files."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 86400.0)
_LANES = (
    ("in_flight", "deliveries_in_flight", "Deliveries under way, or about to begin"),
    ("waiting", "deliveries_waiting", "Deliveries that wait for their turn"),
    ("limit", "deliveries_limit", "Deliveries that may be under way, as far as it is known by now"),
    (
        "interval",
        "deliveries_interval_seconds",
        "Between the beginnings of two deliveries at least, 0 where they need no spacing",
    ),
    (
        "paused_for",
        "destination_paused_seconds",
        "Until a delivery is tried again, 0 when not paused",
    ),
    ("down", "destination_down", "1 from when a destination was found down until it takes a file"),
)
_STANDING = ("queued", "running", "parked", "failed")


class Metrics:
    """What is counted, as plain numbers; they become Prometheus metrics only when asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: Counter[tuple[str, ...]] = Counter()
        self._attempts: Counter[tuple[str, ...]] = Counter()
        self._bytes: Counter[str] = Counter()
        self._readings: Counter[str] = Counter()
        self._ages: dict[str, list[int]] = defaultdict(lambda: [0] * (len(_SECONDS) + 1))
        self._age_sums: dict[str, float] = defaultdict(float)
        self._healthy: Callable[[], bool] = lambda: True
        self._lanes: Callable[[], Mapping[str, Mapping[str, Any]]] = dict

    def job_ended(self, inbox: str, state: str, seconds: float) -> None:
        """A job ended, so many seconds after its file was noticed."""
        with self._lock:
            self._jobs[inbox, str(state)] += 1
            self._ages[inbox][bisect_left(_SECONDS, seconds)] += 1
            self._age_sums[inbox] += seconds

    def attempt_failed(self, destination: str, *, crowded: bool = False) -> None:
        """An attempt to deliver failed; `crowded` because there were more than it takes at once."""
        with self._lock:
            self._attempts[destination, "crowded" if crowded else "failed"] += 1

    def delivered(self, destination: str, size: int) -> None:
        """A destination took a file of so many bytes."""
        with self._lock:
            self._attempts[destination, "delivered"] += 1
            self._bytes[destination] += size

    def reading_ended(self, outcome: str) -> None:
        """A file was read, or could not be."""
        with self._lock:
            self._readings[outcome] += 1

    def watch_health(self, healthy: Callable[[], bool]) -> None:
        """Ask for health whenever metrics are read."""
        self._healthy = healthy

    def watch_lanes(self, lanes: Callable[[], Mapping[str, Mapping[str, Any]]]) -> None:
        """Ask for what is under way at each destination whenever metrics are read."""
        self._lanes = lanes

    def render(self, counts: Mapping[str, Mapping[str, int]]) -> bytes:
        """All metrics in the text format; `counts` are the ledger's, by inbox and state."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415  # slow

        registry = CollectorRegistry()
        registry.register(_Collected(list(self._families(counts))))
        return generate_latest(registry)

    def _families(self, counts: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
        with self._lock:
            yield from self._counted()
        yield from self._standing(counts)

    def _counted(self) -> Iterator[Metric]:
        """What has happened since the start; under the lock."""
        from prometheus_client.core import (  # noqa: PLC0415  # slow
            CounterMetricFamily,
            HistogramMetricFamily,
        )

        yield _filled(
            CounterMetricFamily(
                "inboxd_jobs", "Jobs that ended, by state", labels=["inbox", "state"]
            ),
            self._jobs,
        )
        yield _filled(
            CounterMetricFamily(
                "inboxd_delivery_attempts",
                "Attempts to deliver, by outcome",
                labels=["destination", "outcome"],
            ),
            self._attempts,
        )
        yield _filled(
            CounterMetricFamily(
                "inboxd_delivered_bytes", "Bytes delivered", labels=["destination"]
            ),
            {(name,): number for name, number in self._bytes.items()},
        )
        yield _filled(
            CounterMetricFamily(
                "inboxd_readings", "Files read by OCR, by outcome", labels=["outcome"]
            ),
            {(name,): number for name, number in self._readings.items()},
        )
        ages = HistogramMetricFamily(
            "inboxd_job_seconds", "From the file being noticed to its end", labels=["inbox"]
        )
        for inbox, buckets in self._ages.items():
            ages.add_metric([inbox], list(_cumulated(buckets)), self._age_sums[inbox])
        yield ages

    def _standing(self, counts: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
        """How things stand at this moment."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415  # slow

        standing: dict[tuple[str, ...], int] = {
            (inbox, state): states.get(state, 0)
            for inbox, states in counts.items()
            for state in _STANDING
        }
        yield _filled(
            GaugeMetricFamily(
                "inboxd_jobs_waiting",
                "Jobs that have not ended, and those that failed, by state",
                labels=["inbox", "state"],
            ),
            standing,
        )
        lanes = self._lanes()
        for key, name, text in _LANES:
            yield _filled(
                GaugeMetricFamily(f"inboxd_{name}", text, labels=["destination"]),
                {(destination,): float(facts[key]) for destination, facts in lanes.items()},
            )
        yield GaugeMetricFamily(
            "inboxd_healthy", "1 when health is proven", value=float(self._healthy())
        )


class _Collected:
    """Families that were put together already, as a registry wants them."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _filled(family: Any, numbers: Mapping[tuple[str, ...], float]) -> Any:
    for labels, number in sorted(numbers.items()):
        family.add_metric(labels, number)
    return family


def _cumulated(buckets: list[int]) -> Iterator[tuple[str, float]]:
    total = 0
    for bound, number in zip((*map(str, _SECONDS), "+Inf"), buckets, strict=True):
        total += number
        yield bound, total
