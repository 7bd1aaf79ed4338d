"""Counters and gauges for Prometheus; labels are inboxes, destinations and states, never files."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600, 3600, 86400)


class Metrics:
    """What is counted; one instance for a daemon, with a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.jobs = Counter(
            "inboxd_jobs", "Jobs that ended, by state", ["inbox", "state"], registry=self.registry
        )
        self.seconds = Histogram(
            "inboxd_job_seconds",
            "From the file being noticed to its end",
            ["inbox"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.attempts = Counter(
            "inboxd_delivery_attempts",
            "Attempts to deliver, by outcome",
            ["destination", "outcome"],
            registry=self.registry,
        )
        self.bytes = Counter(
            "inboxd_delivered_bytes", "Bytes delivered", ["destination"], registry=self.registry
        )
        self.readings = Counter(
            "inboxd_readings", "Files read by OCR, by outcome", ["outcome"], registry=self.registry
        )
        self._waiting = Gauge(
            "inboxd_jobs_waiting",
            "Jobs that have not ended, by state",
            ["inbox", "state"],
            registry=self.registry,
        )
        self._healthy = Gauge("inboxd_healthy", "1 when health is proven", registry=self.registry)

    def watch_health(self, healthy: Callable[[], bool]) -> None:
        """Ask for health whenever metrics are read."""
        self._healthy.set_function(lambda: float(healthy()))

    def render(self, counts: Mapping[str, Mapping[str, int]]) -> bytes:
        """All metrics in the text format; `counts` are the ledger's, by inbox and state."""
        for inbox, states in counts.items():
            for state in ("queued", "running", "parked", "failed"):
                self._waiting.labels(inbox, state).set(states.get(state, 0))
        return generate_latest(self.registry)
