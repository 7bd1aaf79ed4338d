"""A job that is ready again before its last flight is known to be over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs.changes import Requeued, TakenUp
from daemon.jobs.model import State
from daemon.pipeline.filing import Filing
from daemon.pipeline.step import StepEnded
from tests.receiver import Receiver, status
from tests.running import Daemon, http
from tests.waiting import wait_until


def test_a_retry_between_the_end_and_the_word_of_it_is_not_forgotten(tmp_path: Path) -> None:
    """The ledger says that the job failed, and it is taken up again before the pipeline knows."""
    with (
        Receiver(status(400)) as receiver,
        Daemon(tmp_path, inbox="deliver: [server]", rest=http(receiver.url)) as daemon,
    ):
        coordinator, store = daemon.service._pipeline.coordinator, daemon.service._store
        filer: Any = coordinator._filer
        told: Callable[[Sequence[Filing]], None] = filer._filed

        def tell_late(filings: Sequence[Filing]) -> None:
            filer._filed = told
            store.write([TakenUp(filings[0].job.id)])
            coordinator.nudge()
            wait_until(lambda: daemon.jobs(State.RUNNING), "the job to run again")
            told(filings)

        filer._filed = tell_late
        daemon.drop("again.bin", b"again")
        daemon.wait_for(State.DONE)
        wait_until(lambda: coordinator.in_flight() == 0, "the word of its end")
        assert coordinator._flights.of_inbox("box") == 0


def test_a_job_that_goes_back_is_taken_again_only_once_it_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that was broken off sends it back to the queue, from which it is taken at once."""
    with (
        Receiver() as receiver,
        Daemon(tmp_path, inbox="deliver: [server]", rest=http(receiver.url)) as daemon,
    ):
        coordinator, store = daemon.service._pipeline.coordinator, daemon.service._store
        submit = store.submit
        held = threading.Event()

        def commit_first(changes: Any, committed: Any, failed: Any) -> None:
            """The word of a commit comes last, after what the queue gives then."""
            if isinstance(changes[0], Requeued) and not held.is_set():
                held.set()
                results = store.write(changes)
                coordinator._fill()
                committed(results)
                return
            submit(changes, committed, failed)

        monkeypatch.setattr(store, "submit", commit_first)
        prepare = coordinator.steps.prepare
        broken_off: list[str] = []

        def break_off(flight: Any, route: Any) -> None:
            if broken_off:
                prepare(flight, route)
                return
            broken_off.append(flight.job.id)
            coordinator.step_ended(StepEnded(flight.job.id, "prepare"))

        monkeypatch.setattr(coordinator.steps, "prepare", break_off)
        daemon.drop("back.bin", b"back")
        daemon.wait_for(State.DONE)
        assert held.is_set()
        assert len(receiver.requests) == 1
