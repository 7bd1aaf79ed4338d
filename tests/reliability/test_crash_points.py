"""Promises 1 to 4, 6 and 7 when the process ends at any named point, at every occurrence."""

from __future__ import annotations

import ast
import contextlib
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import pytest

import daemon.crashpoints
from daemon.crashpoints import EXIT, POINTS, VARIABLE, CountedCrash
from tests.reliability import LONG_RUN
from tests.reliability.nursery import ROOT, Nursery
from tests.reliability.report import Outcome
from tests.reliability.scenarios import SCENARIOS, Scenario
from tests.reliability.world import World, install_engine

MOST = 10_000 if LONG_RUN else 1
"""Occurrences of a point in one scenario that are tried."""
CASES = [(scenario, point, POINTS[point]) for scenario in SCENARIOS for point in scenario.points]
_SIDE_BY_SIDE = 2
FEW = ("claim.renamed", "deliver.answered", "record.renamed", "file.moved")


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """A process that forks daemons, with the stand-in engine installed."""
    folder = tmp_path_factory.mktemp("engine")
    install_engine(folder)
    with Nursery(folder) as nursery:
        yield nursery


@contextlib.contextmanager
def _disk_of_its_own(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=750", "tmpfs", str(folder)]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _crash_once(
    folder: Path, nursery: Nursery, scenario: Scenario, point: str, occurrence: int
) -> bool:
    """Crash at one occurrence, start again, and look; tells whether the point was reached."""
    with ExitStack() as stack:
        if scenario.mounted:
            stack.enter_context(_disk_of_its_own(folder / scenario.mounted))
        engine = scenario.engine
        world = stack.enter_context(World(folder, nursery, inbox=scenario.inbox, engine=engine))
        scenario.prepare(world)
        code = scenario.act(world, f"{point}:{occurrence}")
        assert code in (0, 1, EXIT), f"exit code {code}"
        assert world.faults_now(doubled=bool(scenario.mounted) or scenario.two_steps) == []
        scenario.go_on(world)
        assert world.faults_at_the_end() == []
    return code == EXIT


def _crash_at_each(folder: Path, nursery: Nursery, scenario: Scenario, point: str) -> int:
    """Crash at one occurrence after the other; returns how many there are."""
    for occurrence in range(1, MOST + 1):
        if not _crash_once(folder / str(occurrence), nursery, scenario, point, occurrence):
            return occurrence - 1
    return MOST


@pytest.fixture(scope="module")
def counts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[tuple[Scenario, str], Future[int]]]:
    """How often each selected point was crashed at; all of them run side by side."""
    folder = tmp_path_factory.mktemp("worlds")
    install_engine(folder)
    selected = [
        (item.callspec.params["scenario"], item.callspec.params["point"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "counts" in item.fixturenames
    ]
    with ExitStack() as stack:
        nurseries: SimpleQueue[Nursery] = SimpleQueue()
        for _ in range(_SIDE_BY_SIDE):
            nurseries.put(stack.enter_context(Nursery(folder)))

        def crash(number: int, scenario: Scenario, point: str) -> int:
            nursery = nurseries.get()
            try:
                return _crash_at_each(folder / str(number), nursery, scenario, point)
            finally:
                nurseries.put(nursery)

        pool = stack.enter_context(ThreadPoolExecutor(_SIDE_BY_SIDE))
        stack.callback(pool.shutdown, cancel_futures=True)
        yield {case: pool.submit(crash, number, *case) for number, case in enumerate(selected)}


@pytest.mark.system
@pytest.mark.reliability("Crash points", "{point}: {scenario}", "{left}")
@pytest.mark.parametrize(
    ("scenario", "point", "left"),
    CASES,
    ids=[f"{point}-{scenario.name.replace(' ', '_')}" for scenario, point, _ in CASES],
)
def test_a_crash_at_a_point_leaves_nothing_undone(
    scenario: Scenario,
    point: str,
    left: str,
    counts: Mapping[tuple[Scenario, str], Future[int]],
    outcome: Outcome,
) -> None:
    """At each occurrence in turn, until a run comes to its end without one."""
    count = counts[scenario, point].result()
    assert count, "the point was not reached"
    outcome(f"held after {count} crashes" if count > 1 else "held after a crash")


@pytest.mark.parametrize("point", FEW)
def test_a_few_crashes_leave_nothing_undone(point: str, nursery: Nursery, tmp_path: Path) -> None:
    """The same at the first occurrence of four points, for every run of the tests."""
    assert _crash_once(tmp_path / "world", nursery, SCENARIOS[0], point, 1)


@pytest.mark.system
@pytest.mark.reliability(
    "Crash points", "{name} at each point: {scenario}", "it stops in good order; the next goes on"
)
@pytest.mark.parametrize("scenario", [SCENARIOS[0], SCENARIOS[2]], ids=str)
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_at_a_point_leaves_nothing_undone(
    name: str, scenario: Scenario, nursery: Nursery, tmp_path: Path, outcome: Outcome
) -> None:
    """A request to stop, or to read the configuration again, at the worst of moments."""
    for point in scenario.points:
        with World(tmp_path / point, nursery, inbox=scenario.inbox) as world:
            scenario.prepare(world)
            code = world.once(f"{name},{point}:1")
            # Before it listens to signals it ends as any program does.
            ends = (0, 1, -signal.Signals[name], 128 + signal.Signals[name])
            assert code in ends, f"{point}: exit code {code}"
            assert world.faults_now() == [], point
            world.go_on()
            assert world.faults_at_the_end() == [], point
    outcome(f"held at {len(scenario.points)} points")


def test_every_point_is_placed_once_and_crashed_at() -> None:
    """The list is closed: what is in it is in the code, and what is in the code is in it."""
    placed: Counter[str] = Counter()
    for path in (ROOT / "daemon").rglob("*.py"):
        if path.samefile(daemon.crashpoints.__file__):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        if "crashpoint" in path.read_text("utf-8") or path.name == "step.py":
            placed.update(
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and node.value in POINTS
            )
    assert placed == Counter(POINTS.keys())
    assert {point for _, point, _ in CASES} == set(POINTS)


def test_an_order_for_a_point_that_is_not_there_is_refused() -> None:
    """A misspelt point must not look like one that was survived."""
    for order in ("claim.renamed", "claim.renamed:x", "no.such:1"):
        with pytest.raises(ValueError, match="no such crash point"):
            CountedCrash(order)


def test_without_an_order_a_point_does_nothing() -> None:
    """What production runs is one function without a body."""
    assert daemon.crashpoints.crashpoint is daemon.crashpoints._nothing
    assert daemon.crashpoints._nothing.__code__.co_names == ()


def test_a_process_ends_at_the_occurrence_that_its_environment_names() -> None:
    """The order reaches a real daemon the way it reaches no child: by its environment."""
    program = (
        "from daemon.crashpoints import crashpoint\n"
        "for number in range(9):\n"
        "    print(number, flush=True)\n"
        "    crashpoint('file.moved')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={VARIABLE: "file.moved:3"},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == EXIT
    assert ended.stdout.split() == [b"0", b"1", b"2"]
