"""A paced destination learns from a real server how much that one takes at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from daemon.config.destinations import ConcurrencyConfig, RetryConfig
from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress
from daemon.delivery.pacing.attempts import Delivered, Outcome, run_attempts
from daemon.delivery.pacing.lane import Lane
from daemon.delivery.pacing.paced import PacedDestination
from daemon.errors import DeliveryError
from tests.crowding import Crowding
from tests.delivery.parcels import http_destination, never, parcel_of, write
from tests.exchange import Exchange
from tests.receiver import Receiver, thinking

POLICY = RetryConfig.model_validate({"attempts": 5, "initial": "20ms", "max": "10s"})
CROWDED = DeliveryError("too_many_requests", "slow down", http_status=429)


def deliver_all(paced: PacedDestination, parcel: Parcel, number: int) -> list[Outcome]:
    """Deliver so often, with as many threads as the lane lets begin; returns what came of each."""
    outcomes: list[Outcome] = []
    done = threading.Event()
    stop = never()

    def start(task: Any) -> None:
        threading.Thread(target=task, daemon=True).start()

    lane = Lane(lambda: paced.limit, start)

    def deliver() -> None:
        outcome = run_attempts(
            paced,
            parcel,
            POLICY,
            prior_attempts=0,
            first_attempt_at=None,
            sleep=lambda seconds: lane.sleep(seconds, stop),
            stop=stop,
            progress=lambda _: None,
            on_failed=lambda *_: None,
        )
        outcomes.append(outcome)
        if len(outcomes) == number:
            done.set()

    for _ in range(number):
        lane.submit(deliver)
    assert done.wait(60)
    return outcomes


def test_the_allowed_number_is_found_and_no_file_pays_for_the_search(tmp_path: Path) -> None:
    """Every file arrives at its first counted attempt, though the search met refusals."""
    parcel = parcel_of(write(tmp_path, b"content"))
    server = Crowding(3, 0.03)  # long beside what a busy machine adds
    with Receiver(otherwise=server.reply) as receiver:
        paced = PacedDestination(http_destination(receiver.url), ConcurrencyConfig(max=16))
        outcomes = deliver_all(paced, parcel, 150)
        paced.close()
    assert all(isinstance(o, Delivered) and o.attempts == 1 for o in outcomes)
    assert paced.limit == 3
    assert 0 < server.refused < 20


def test_what_is_found_is_handed_out_to_be_remembered(tmp_path: Path) -> None:
    """The next start begins with it and meets no refusal."""
    parcel = parcel_of(write(tmp_path, b"content"))
    server = Crowding(2, 0.1)  # long beside what a busy machine adds
    memory: Mapping[str, Any] = {}

    def remember(found: Mapping[str, Any]) -> None:
        nonlocal memory
        memory = found

    concurrency = ConcurrencyConfig(max=8)
    with Receiver(otherwise=server.reply) as receiver:
        first = PacedDestination(http_destination(receiver.url), concurrency, remember=remember)
        deliver_all(first, parcel, 60)
        first.close()
        assert memory["limit"] == 2
        refused = server.refused
        second = PacedDestination(
            http_destination(receiver.url), concurrency, remembered=memory, remember=remember
        )
        assert second.limit == 2
        deliver_all(second, parcel, 30)
        second.close()
    assert server.refused == refused


class Scripted:
    """A destination that fails as told, in the middle of as many others as told."""

    name = "scripted"

    def __init__(self, error: DeliveryError) -> None:
        self.error = error

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        raise self.error

    def check(self) -> list[Finding]:
        return []

    def close(self) -> None:
        return


@pytest.mark.parametrize("code", ["connection_refused", "server_error"])
def test_trouble_that_is_not_about_numbers_leaves_the_number(tmp_path: Path, code: str) -> None:
    """A server that is down is the breaker's business."""
    paced = PacedDestination(Scripted(DeliveryError(code, "down")), ConcurrencyConfig(max=8))
    before = paced.limit
    with pytest.raises(DeliveryError):
        paced.deliver(parcel_of(write(tmp_path, b"x")), lambda _: None, never())
    assert paced.limit == before


def test_one_that_cannot_be_closed_ends_nothing_else() -> None:
    """Another package's fault at the end does not become ours."""

    class Stuck(Scripted):
        def close(self) -> None:
            raise RuntimeError

    PacedDestination(Stuck(CROWDED), ConcurrencyConfig()).close()


def test_a_fixed_number_stays_as_it_is(tmp_path: Path) -> None:
    """With `adaptive: false` a refusal is the file's, and counts."""
    paced = PacedDestination(Scripted(CROWDED), ConcurrencyConfig(max=8, adaptive=False))
    with pytest.raises(DeliveryError) as caught:
        paced.deliver(parcel_of(write(tmp_path, b"x")), lambda _: None, never())
    assert not caught.value.crowded
    assert paced.limit == 8


def test_a_refusal_of_a_lone_delivery_counts(tmp_path: Path) -> None:
    """The server does not want this file now, whatever else is under way."""
    paced = PacedDestination(Scripted(CROWDED), ConcurrencyConfig(max=8))
    with pytest.raises(DeliveryError) as caught:
        paced.deliver(parcel_of(write(tmp_path, b"x")), lambda _: None, never())
    assert not caught.value.crowded


def test_the_round_trip_is_from_the_last_byte_to_the_status_line(tmp_path: Path) -> None:
    """How long the server thinks is in it, how long a slow upload takes is not."""
    parcel = parcel_of(write(tmp_path, b"x" * 300_000))
    with Receiver(thinking(0.1), thinking(0.0)) as receiver:
        destination = http_destination(receiver.url, bandwidth="200KB/s")
        thought = destination.deliver(parcel, lambda _: None, never()).round_trip
        began = time.monotonic()
        at_once = destination.deliver(parcel, lambda _: None, never()).round_trip
        took = time.monotonic() - began
        destination.close()
    assert thought is not None
    assert at_once is not None
    assert thought >= 0.1
    assert took > 1
    assert at_once < took / 2


class Counting:
    """Takes so many requests a second after the first few, and refuses the rest."""

    def __init__(self, rate: float, burst: int) -> None:
        self.taken = 0
        self.refused = 0
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._filled = time.monotonic()
        self._lock = threading.Lock()

    def reply(self, exchange: Exchange) -> None:
        exchange.read_body()
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            fits = self._tokens >= 1
            self._tokens -= fits
            self.taken += fits
            self.refused += not fits
        exchange.answer(201 if fits else 429)


def test_a_limit_on_requests_a_second_is_met_by_spacing(tmp_path: Path) -> None:
    """No number under way is small enough; hardly a file pays for the search with an attempt."""
    parcel = parcel_of(write(tmp_path, b"content"))
    server = Counting(50, 5)  # fewer than a busy machine makes
    with Receiver(otherwise=server.reply) as receiver:
        paced = PacedDestination(http_destination(receiver.url), ConcurrencyConfig(max=8))
        outcomes = deliver_all(paced, parcel, 120)
        paced.close()
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert sum(outcome.attempts > 1 for outcome in outcomes) < 10
    assert paced.interval > 0.008
    assert server.refused < 40
