"""`verify` finds every planted disagreement, and nothing where all agrees."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.config.load import load
from daemon.jobs.changes import TakenUp
from daemon.jobs.model import Job, State
from daemon.jobs.state_folder import StateFolder
from daemon.pipeline.pipeline import routes_of
from daemon.pipeline.verifying import Disagreement, verify
from tests.running import Daemon


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A daemon that has done one file and refused another, at rest."""
    daemon = Daemon(tmp_path, inbox="max_size: 10B")
    with daemon:
        daemon.drop("good.bin", b"good")
        daemon.drop("large.bin", b"larger than ten bytes")
        daemon.wait_for(State.DONE)
        daemon.wait_for(State.REJECTED)
    return daemon


def _verify(daemon: Daemon) -> list[Disagreement]:
    ledger = StateFolder(daemon.folder / "state").existing_ledger(SystemClock())
    try:
        return list(verify(ledger, routes_of(load(daemon.config_path))))
    finally:
        ledger.close()


def test_a_daemon_at_rest_agrees_with_its_folders(daemon: Daemon) -> None:
    """Including files that wait in the inbox for the next start."""
    (daemon.inbox / "waiting.bin").write_bytes(b"w")
    assert _verify(daemon) == []


def test_what_a_person_puts_away_with_its_sidecar_is_no_disagreement(daemon: Daemon) -> None:
    """done/ is theirs."""
    (daemon.done / "good.bin").unlink()
    (daemon.done / "good.bin.json").unlink()
    assert _verify(daemon) == []


def test_an_original_that_is_json_is_told_from_a_sidecar(tmp_path: Path) -> None:
    """People drop JSON too; its sidecar is called `x.json.json`."""
    daemon = Daemon(tmp_path)
    with daemon:
        daemon.drop("x.json", b"{}")
        daemon.drop("y.json", b'{"no": "sidecar"}')
        daemon.wait_for(State.DONE, 2)
    assert _verify(daemon) == []


def test_a_ledger_that_knows_nothing_does_not_agree(daemon: Daemon) -> None:
    """A new ledger beside old folders is told, file by file."""
    shutil.rmtree(daemon.folder / "state")
    StateFolder(daemon.folder / "state").open_ledger(SystemClock()).close()
    assert [found.code for found in _verify(daemon)] == ["unknown_job", "unknown_job"]


def _lose_original(daemon: Daemon) -> None:
    (daemon.done / "good.bin").unlink()


def _lose_sidecar(daemon: Daemon) -> None:
    (daemon.rejected / "large.bin.json").unlink()


def _halve_sidecar(daemon: Daemon) -> None:
    path = daemon.done / "good.bin.json"
    path.write_bytes(path.read_bytes()[:100])


def _falsify_sidecar(daemon: Daemon) -> None:
    path = daemon.done / "good.bin.json"
    facts = json.loads(path.read_bytes())
    facts["status"] = "failed"
    path.write_text(json.dumps(facts))


def _change_original(daemon: Daemon) -> None:
    (daemon.done / "good.bin").write_bytes(b"better")


def _stranger_in_work(daemon: Daemon) -> None:
    (daemon.work / "holiday.jpg").write_bytes(b"x")


def _stranger_in_done(daemon: Daemon) -> None:
    (daemon.done / "holiday.jpg").write_bytes(b"x")


def _strange_sidecar(daemon: Daemon) -> None:
    facts = {"schema": "inboxd/sidecar/1", "job": "0190f3c2-0000-7000-8000-000000000000"}
    (daemon.done / "other.bin.json").write_text(json.dumps(facts))


def _left_over(daemon: Daemon) -> None:
    job = _job(daemon, State.DONE)
    (daemon.done / f".inboxd-{job.id}.tmp").write_bytes(b"{")


def _back_in_work(daemon: Daemon) -> None:
    os.rename(daemon.done / "good.bin", daemon.work / _job(daemon, State.DONE).id)


def _lost_while_waiting(daemon: Daemon) -> None:
    ledger = StateFolder(daemon.folder / "state").existing_ledger(SystemClock())
    ledger.write([TakenUp(_job(daemon, State.REJECTED).id)])
    ledger.close()
    (daemon.rejected / "large.bin").unlink()
    (daemon.rejected / "large.bin.json").unlink()


def _job(daemon: Daemon, state: State) -> Job:
    return daemon.jobs(state)[0]


PLANTED: list[tuple[Callable[[Daemon], None], set[str]]] = [
    (_lose_original, {"original_missing"}),
    (_lose_sidecar, {"sidecar_missing", "no_sidecar"}),
    (_halve_sidecar, {"sidecar_damaged"}),
    (_falsify_sidecar, {"sidecar_differs"}),
    (_change_original, {"original_changed"}),
    (_stranger_in_work, {"stranger_in_work"}),
    (_stranger_in_done, {"no_sidecar"}),
    (_strange_sidecar, {"unknown_job"}),
    (_left_over, {"left_over"}),
    (_back_in_work, {"original_missing", "left_in_work"}),
    (_lost_while_waiting, {"file_missing"}),
]


@pytest.mark.parametrize(
    ("plant", "codes"), PLANTED, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_planted_disagreement_is_found(
    daemon: Daemon, plant: Callable[[Daemon], None], codes: set[str]
) -> None:
    """By its code, with a sentence on how to mend it."""
    plant(daemon)
    found = _verify(daemon)
    assert {disagreement.code for disagreement in found} == codes
    assert all(disagreement.mend for disagreement in found)
