"""The promises in random histories, and in those that once broke one."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.reliability import LONG_RUN
from tests.reliability.machine import YEAR, EngineMachine
from tests.reliability.report import Outcome


@pytest.mark.reliability(
    "Whole engine",
    "drops, appends, renames, crashes, power cuts, faults, clocks",
    "the promises hold at every moment, and all comes to its end",
)
def test_no_history_breaks_a_promise(outcome: Outcome) -> None:
    """Each is the same when it is repeated, so the shortest that fails is found."""
    examples, steps = (1000, 60) if LONG_RUN else (40, 30)
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    run_state_machine_as_test(EngineMachine, settings=chosen)
    outcome(f"{examples:,} histories of up to {steps} steps")


@pytest.fixture
def machine() -> Iterator[EngineMachine]:
    """A daemon that has just started; in the end all is mended and must come to its end."""
    machine = EngineMachine()
    machine.begin()
    yield machine
    machine.teardown()


def test_a_clock_that_is_set_back_a_year_delays_nothing(machine: EngineMachine) -> None:
    """A job was parked until a time of the old clock."""
    machine.drop("a.bin", 5)
    machine.set_server("unreachable")
    machine.settle()
    machine.set_clock(-YEAR)


def test_power_that_is_cut_after_the_verdict_can_undo_the_claim(machine: EngineMachine) -> None:
    """The ledger says that the file is taken, the folders say that it is in the inbox."""
    machine.drop("a.bin", 5)
    machine.look()
    machine.step(0)
    machine.cut_power(0, names=1.0, contents=1.0, seed=0)


def test_power_that_is_cut_at_every_change_in_turn(machine: EngineMachine) -> None:
    """Each daemon gets a little further than the one before it."""
    for number in range(12):
        machine.drop("a.bin", 5)
        machine.cut_power(number, names=0.5, contents=0.5, seed=number)
        machine.nothing_is_lost()


def test_a_sidecar_begun_anew_before_the_power_is_cut_leaves_nothing(
    machine: EngineMachine,
) -> None:
    """The first is back, whose removal was not synced, and the second has its temporary name."""
    machine.drop("a.bin", 5)
    machine.cut_power(7, names=1.0, contents=0.0, seed=0)  # delivered, and the claim undone
    machine.cut_power(13, names=0.5, contents=0.0, seed=10)
    begun, first = sorted(path.name for path in (machine.folder / "disk" / "done").iterdir())
    assert begun.endswith(".tmp")
    assert first == "a.bin.json"


def test_a_disk_that_is_unmounted_while_a_sidecar_is_due_gets_it_later(
    machine: EngineMachine,
) -> None:
    """It must not be written where the disk was mounted: the original would end without one."""
    machine.drop("a.bin", 5)
    machine.look()
    machine.step(0)
    machine.step(0)
    assert machine.engine is not None
    machine.engine.decide()
    machine.unmount("disk")
    machine.settle()
    assert not (machine.folder / "disk").exists()


def test_a_file_that_is_tried_again_while_its_disk_is_away_is_not_given_up(
    machine: EngineMachine,
) -> None:
    """It is not gone from rejected/: rejected/ is gone."""
    machine.drop("a.bin", 5)
    machine.look()
    machine.give_up(0)
    machine.settle()
    machine.retry()
    machine.unmount("disk")
    machine.kill_at("admit.queued", 1)


def test_a_probe_of_the_disk_that_a_kill_left_is_cleared_away(machine: EngineMachine) -> None:
    """Nobody else would ever touch it, and `inboxd verify` does not know it."""
    machine.drop("a.bin", 5)
    machine.break_disk(errno.EIO)
    machine.settle()
    machine.mend_disk()
    machine.let_time_pass(60.0)
    machine.kill_at("write.renamed", 2)


def test_a_probe_that_cannot_be_cleared_away_is_no_disagreement(machine: EngineMachine) -> None:
    """The power brings it back while the disk is broken; it is nobody's file."""
    machine.break_disk(errno.ENOSPC)
    machine.step(0)
    machine.mend_disk()
    machine.let_time_pass(4000.0)
    machine.step(0)
    machine.break_disk(errno.EIO)
    machine.cut_power(25, names=0.5, contents=1.0, seed=202)
    assert [path.name for path in (machine.folder / "disk" / "rejected").iterdir()] == [
        ".inboxd-probe"
    ]


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_disk_that_fails_at_every_step_blames_no_file(machine: EngineMachine, fault: int) -> None:
    """Whatever is under way waits until the disk is mended, and goes on by itself."""
    for steps in range(5):
        machine.drop("a.bin", 5)
        machine.look()
        for _ in range(steps):
            machine.step(0)
        machine.break_disk(fault)
        machine.settle()
        machine.no_file_is_blamed()
        machine.nothing_is_lost()
        machine.mend_disk()
        machine.let_time_pass(60.0)
        machine.settle()
