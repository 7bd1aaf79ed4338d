"""A delivery that was cut goes on where it was, and one that is given up leaves nothing there."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress, Resume
from daemon.errors import DeliveryError, Kind
from daemon.jobs.changes import CancelRequested, TakenUp
from daemon.jobs.model import State
from daemon.observing.events import Event
from daemon.pipeline import outlets
from tests.running import QUICK, Daemon, http
from tests.waiting import wait_until

CUT = DeliveryError("connection_reset", "cut")
REFUSED = DeliveryError("refused_by_server", "no", kind=Kind.PERMANENT, http_status=400)


class Stepwise:
    """A destination that takes a step of a file in each attempt, and is cut after it."""

    def __init__(self, name: str, steps: int, error: DeliveryError = CUT) -> None:
        self.name = name
        self.steps = steps
        self.error = error
        self.found: list[Mapping[str, Any]] = []
        self.abandoned: list[Mapping[str, Any]] = []

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        state = parcel.resume.load()
        self.found.append(state)
        step = state.get("step", 0) + 1
        if step < self.steps:
            parcel.resume.keep({"step": step, "of": self.name})
            raise self.error
        return Acknowledgement(parcel.size)

    def abandon(self, resume: Resume) -> None:
        self.abandoned.append(resume.load())
        resume.keep({})

    def check(self) -> list[Finding]:
        return []

    def close(self) -> None:
        return


@pytest.fixture
def destinations(monkeypatch: pytest.MonkeyPatch) -> dict[str, Stepwise]:
    """What the daemon opens in place of the destinations of its configuration."""
    known: dict[str, Stepwise] = {}
    monkeypatch.setattr(outlets, "open_destination", lambda name, _: known[name])
    return known


def config(*names: str, retry: str = "{attempts: 2, initial: 10ms, max: 20ms}") -> str:
    """Two destinations that are replaced."""
    sections = "".join(
        f"  {name}: {{type: http, url: http://127.0.0.1:1/, retry: {retry}}}\n" for name in names
    )
    return f"destinations:\n{sections}"


def test_each_destination_goes_on_where_it_was_also_after_parking_and_a_restart(
    tmp_path: Path, destinations: dict[str, Stepwise]
) -> None:
    """What one remembers the other never sees."""
    destinations.update(a=Stepwise("a", 999), b=Stepwise("b", 1))
    daemon = Daemon(tmp_path, inbox="deliver: [a, b]", rest=config("a", "b"))
    with daemon:
        daemon.drop("r.bin")
        wait_until(lambda: len(destinations["a"].found) >= 3, "a second run")
    made = len(destinations["a"].found)
    destinations["a"].steps = made + 4
    with daemon:
        (job,) = daemon.wait_for(State.DONE)
    steps = [state.get("step", 0) for state in destinations["a"].found]
    assert steps == list(range(made + 4))
    assert destinations["b"].found == [{}]
    assert [delivery.attempts for delivery in job.deliveries] == [made + 4, 1]


def test_a_retry_goes_on_where_the_failed_delivery_was_unless_it_was_taken_away(
    tmp_path: Path, destinations: dict[str, Stepwise]
) -> None:
    """A delivery that failed for good is taken away, so that no server keeps half a file."""
    destinations["a"] = Stepwise("a", 3, REFUSED)
    with Daemon(tmp_path, inbox="deliver: [a]", rest=config("a")) as daemon:
        daemon.drop("r.bin")
        (job,) = daemon.wait_for(State.FAILED)
        assert destinations["a"].abandoned == [{"step": 1, "of": "a"}]
        daemon.service._store.write([TakenUp(job.id)])
        daemon.service.signalled(10)
        wait_until(lambda: len(destinations["a"].found) == 2, "the second attempt")
        assert destinations["a"].found[1] == {}


def test_a_job_that_is_cancelled_while_it_waits_is_taken_away(
    tmp_path: Path, destinations: dict[str, Stepwise]
) -> None:
    """Also where no step of it is under way."""
    destinations["a"] = Stepwise("a", 99)
    rest = config("a", retry="{attempts: 1, initial: 10s, max: 600s}")
    limits = replace(QUICK, park_max=600.0)
    with Daemon(tmp_path, inbox="deliver: [a]", rest=rest, limits=limits) as daemon:
        daemon.drop("r.bin")
        wait_until(lambda: daemon.log.of(Event.JOB_PARKED), "a parked job")
        (job,) = daemon.jobs()
        daemon.service._store.write([CancelRequested(job.id)])
        daemon.service.signalled(10)
        daemon.wait_for(State.CANCELLED)
        wait_until(lambda: destinations["a"].abandoned, "what was begun to be taken away")
        assert destinations["a"].abandoned == [{"step": 1, "of": "a"}]


def test_a_destination_that_leaves_nothing_behind_is_not_asked(tmp_path: Path) -> None:
    """A plain HTTP server has nothing to take away."""
    rest = http("http://127.0.0.1:1/").replace("give_up_after: 1h", "give_up_after: 1ms")
    with Daemon(tmp_path, inbox="deliver: [server]", rest=rest) as daemon:
        daemon.drop("r.bin")
        (job,) = daemon.wait_for(State.FAILED)
        assert job.deliveries[0].fault is not None
        assert job.deliveries[0].fault.code == "connection_refused"
