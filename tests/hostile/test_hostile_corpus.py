"""The whole corpus, dropped into a daemon: each file gets its verdict, and nothing else happens."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import SystemClock
from daemon.config.load import load
from daemon.jobs.model import ENDS, Job, State
from daemon.jobs.state_folder import StateFolder
from daemon.pipeline.pipeline import routes_of
from daemon.pipeline.verifying import verify
from daemon.sidecar.names import sidecar_name
from tests.hostile.case import DELIVERED, Case
from tests.hostile.corpus import corpus
from tests.hostile.pictures import good
from tests.hostile.strangers import SOMEBODY_ELSE
from tests.reliability.report import Outcome
from tests.running import QUICK, Daemon
from tests.waiting import wait_until

MARKER = "kept-from-everyone-9d1f"
OURS = {"inbox", "read", "anything", "done", "rejected", "work", "state", "archive"}
SECONDS = 600.0
LIMITS = replace(QUICK, prove_timeout=15.0)
MUST = {
    "no file of its own": "not_a_regular_file, and neither followed nor opened",
    "empty or endless": "empty, too_large or type_not_accepted",
    "wrong extension": "type_mismatch where it is of another kind",
    "double extension": "judged by its content",
    "polyglot": "delivered as what it is, noted as what it also is",
    "archive": "type_not_accepted, and nowhere unpacked",
    "SVG and XML": "type_not_accepted, and nowhere resolved",
    "name": "delivered under its name",
    "pixel flood": "too_many_pixels",
    "decompression bomb": "within its limits, or refused",
    "frames without end": "too_many_pages or too_complex",
    "metadata": "delivered",
    "truncated": "truncated",
    "bits flipped": "any verdict",
    "PDF bomb": "within its limits, or refused",
    "PDF that leads astray": "a verdict in time",
    "PDF that acts": "delivered, and flagged",
    "encrypted PDF": "encrypted; one that only forbids printing is delivered",
}


class Memory:
    """The most address space that a child of this process ever had, in bytes, by its name."""

    def __init__(self) -> None:
        self.peaks: dict[str, int] = defaultdict(int)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            for child in _children():
                with contextlib.suppress(OSError, StopIteration, IndexError):
                    name = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[-2].decode()
                    lines = Path(f"/proc/{child}/status").read_text().splitlines()
                    peak = next(line for line in lines if line.startswith("VmPeak"))
                    size = int(peak.split()[1]) * 1024
                    self.peaks[name] = max(self.peaks[name], size)


def _children() -> list[int]:
    with contextlib.suppress(OSError):
        threads = os.listdir("/proc/self/task")
        found = [Path(f"/proc/self/task/{thread}/children") for thread in threads]
        return [int(pid) for path in found if path.exists() for pid in path.read_text().split()]
    return []


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of somebody else that lies in no inbox."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    path = folder / "victim.jpg"
    path.write_bytes(good()["jpg"] + MARKER.encode())
    os.chown(path, SOMEBODY_ELSE, SOMEBODY_ELSE)
    path.chmod(0o600)
    return path


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A daemon with an inbox as it is by default, one that reads, and one that takes anything."""
    plain = "[image/jpeg, image/png, image/tiff, image/webp, image/heic, application/pdf]"
    keys = "    deliver: [disk]\n    duplicates: process\n    settle: 50ms\n"
    others = ""
    (tmp_path / "archive").mkdir()
    for name, accept, read in (("read", plain, "text"), ("anything", "['*/*']", "none")):
        (tmp_path / name / "inbox").mkdir(parents=True)
        others += (
            f"  {name}:\n    path: {name}/inbox\n    accept: {accept}\n    read: {read}\n{keys}"
        )
    return Daemon(
        tmp_path,
        inbox=f"accept: {plain}\ndeliver: [disk]\nduplicates: process",
        rest=f"{others}destinations:\n  disk: {{type: folder, path: archive}}\n"
        "ocr: {timeout: 30s, processes: 2}\n",
        limits=LIMITS,
    )


def folder_of(folder: Path, inbox: str) -> Path:
    """The folder in which an inbox and its ends lie, by its name in the cases."""
    return folder if inbox in ("scans", "box") else folder / inbox


def job_of(case: Case, found: dict[tuple[str, bytes], Job]) -> Job:
    """The job of a case."""
    return found["box" if case.inbox == "scans" else case.inbox, case.name]


def ended(jobs: list[Job]) -> dict[tuple[str, bytes], Job]:
    """The jobs that have ended, by inbox and path."""
    return {(job.inbox, job.path): job for job in jobs if job.state in ENDS}


def came_to(job: Job) -> str:
    """What became of a job: the code of its refusal, or that it was delivered."""
    if job.state is State.DONE:
        return DELIVERED
    assert job.ending is not None
    assert job.ending.fault is not None
    return job.ending.fault.code


def sidecar_of(folder: Path, job: Job) -> Mapping[str, Any]:
    """What lies beside an original where it ended; its name is only read, never followed."""
    assert job.ending is not None
    end = "done" if job.state is State.DONE else "rejected"
    place = folder_of(folder, job.inbox) / end
    path = os.path.join(os.fsencode(place), sidecar_name(job.basename, job.id))
    facts: dict[str, Any] = json.loads(Path(os.fsdecode(path)).read_bytes())
    return facts


def files_in(folder: Path) -> Iterator[Path]:
    """Every regular file below a folder; links are not followed."""
    for place, _folders, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path


@pytest.mark.system
@pytest.mark.reliability("Hostile drops", MUST)
def test_every_hostile_file_gets_its_verdict(
    tmp_path: Path, victim: Path, daemon: Daemon, outcome: Outcome
) -> None:
    """No crash, no child over its limits, nothing written or read outside of the folders."""
    staged = tmp_path / "staged"
    staged.mkdir()
    cases = corpus(victim)
    assert {case.kind for case in cases} == MUST.keys()
    for number, case in enumerate(cases):
        case.make(os.fsencode(staged / str(number)))
    outside = sorted(entry.name for entry in tmp_path.iterdir())
    found: dict[tuple[str, bytes], Job] = {}
    with Memory() as memory:
        daemon.start()
        for number, case in enumerate(cases):
            inbox = folder_of(tmp_path, case.inbox) / "inbox"
            os.rename(staged / str(number), os.path.join(os.fsencode(inbox), case.name))
        wait_until(
            lambda: len(found.update(ended(_jobs(tmp_path))) or found) >= len(cases),
            lambda: f"{len(found)} of {len(cases)} to end; {_waiting(tmp_path)}",
            SECONDS,
        )
        daemon.drop("afterwards.jpg", good()["jpg"])
        daemon_is_well = len(cases) + 1
        wait_until(lambda: len(ended(_jobs(tmp_path))) == daemon_is_well, "a good file afterwards")
        assert daemon.service.health().healthy, daemon.service.health().reasons
    assert daemon.stop() == 0
    _hold(tmp_path, victim, cases, found)
    assert memory.peaks["validation"] <= LIMITS.prove_memory
    assert memory.peaks["reading"] <= LIMITS.read_memory
    after = sorted(entry.name for entry in tmp_path.iterdir() if entry.name not in OURS)
    assert after == [name for name in outside if name not in OURS]
    _tell(cases, found, outcome)


def _jobs(folder: Path) -> list[Job]:
    ledger = StateFolder(folder / "state").existing_ledger(SystemClock())
    try:
        return ledger.jobs(None, 1000)
    finally:
        ledger.close()


def _waiting(folder: Path) -> list[tuple[str, str]]:
    return [(job.name, str(job.state)) for job in _jobs(folder) if job.state not in ENDS]


def _hold(
    folder: Path, victim: Path, cases: list[Case], found: dict[tuple[str, bytes], Job]
) -> None:
    """Each case came to what it must, says so in its sidecar, and touched nothing else."""
    wrong = []
    for case in cases:
        job = job_of(case, found)
        sidecar = sidecar_of(folder, job)
        notes = " ".join(c["detail"] for c in sidecar["checks"] if not c["ok"])
        code = came_to(job)
        if code not in case.expected or (case.noted and case.noted not in notes):
            wrong.append((case.kind, case.name, code, notes))
        assert (sidecar["error"] or {"code": DELIVERED})["code"] == code
    assert wrong == []
    delivered = sum(job.state is State.DONE for job in found.values()) + 1
    assert sum(1 for _ in files_in(folder / "archive")) == delivered
    for path in files_in(folder):
        if path.stat().st_size < 50_000_000 and path != victim:
            linked = path.stat().st_ino == victim.stat().st_ino
            assert linked or MARKER.encode() not in path.read_bytes(), path
    assert victim.read_bytes() == good()["jpg"] + MARKER.encode()
    assert victim.stat().st_uid == SOMEBODY_ELSE
    config = load(folder / "config.yaml")
    ledger = StateFolder(folder / "state").existing_ledger(SystemClock())
    try:
        assert list(verify(ledger, routes_of(config))) == []
    finally:
        ledger.close()


def _tell(cases: list[Case], found: dict[tuple[str, bytes], Job], outcome: Outcome) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for case in cases:
        job = job_of(case, found)
        counts[case.kind][came_to(job)] += 1
    for kind, codes in counts.items():
        told = ", ".join(f"{count} {code}" for code, count in codes.most_common())
        outcome(f"{codes.total()} files: {told}", kind)
