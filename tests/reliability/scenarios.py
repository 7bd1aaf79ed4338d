"""What is under way when a daemon is made to crash: files, servers, disks, commands."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from tests.receiver import silent
from tests.reliability import beginnings
from tests.reliability.world import Fate, World
from tests.waiting import wait_until

_ADMITTING = ("admit.settled", "admit.queued")
_LEDGER = ("ledger.writing", "ledger.written")
_OPENING = ("ledger.open", "ledger.migrating", "ledger.migrated")
_REBUILDING = tuple(
    f"rebuild.{what}" for what in ("salvaged", "restored", "built", "complete", "aside", "placed")
)
_STARTING = ("start.recovering", "start.recovered")
_PREPARING = ("claim.taken", "claim.renamed", "prepare.judged", "prepare.committed")
_DELIVERING = ("deliver.begun", "deliver.sent", "deliver.answered", "deliver.committed")
_ON_SHELF = ("deliver.copied", "deliver.named")
_RECORDING = tuple(
    f"record.{what}" for what in ("written", "synced", "renamed", "durable", "committed")
)
_FILING = ("file.moved", "file.durable", "file.committed", "file.cleared")
_READING = (
    *("child.asked", "read.begun", "read.found", "write.synced", "write.renamed"),
    *("read.written", "read.committed"),
)
_COPYING = ("copy.copied", "copy.named", "copy.removed")


def _nothing(world: World) -> None:
    del world


def _once(world: World, crash: str) -> int:
    return world.once(crash)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What leads to a crash, what crashes, and what comes after it.

    `act` runs the daemon or a command that is to crash and returns its exit code; `mounted` is a
    folder with a disk of its own; `inbox` is added to the configuration. With `two_steps` a file
    may have two names for a moment.
    """

    name: str
    points: tuple[str, ...]
    prepare: Callable[[World], None] = _nothing
    act: Callable[[World, str], int] = _once
    go_on: Callable[[World], None] = World.go_on
    inbox: str = ""
    mounted: str = ""
    two_steps: bool = False
    engine: str = "standin"

    def __str__(self) -> str:
        return self.name


# -- what crashes ------------------------------------------------------------------------------


def _retry(world: World, crash: str) -> int:
    return world.command("retry", "refused.bin", crash=crash)


def _retry_if_not_yet(world: World) -> None:
    world.command("retry", "refused.bin")  # says what is wrong where it was taken up already
    world.go_on()


def _cancel(world: World, crash: str) -> int:
    return world.command("cancel", "parked.bin", crash=crash)


def _cancel_again(world: World) -> None:
    world.command("cancel", "parked.bin")
    world.go_on()


def _retry_parked(world: World) -> None:
    """Where the crash came first, the file is parked only now."""
    for _ in range(2):
        world.go_on()
        world.command("retry", "parked.bin")
    world.go_on()


def _reload(world: World, crash: str) -> int:
    """A second inbox is added while the daemon runs."""
    pid = world.start(crash)
    # What lay in the inbox may bring it to the point of the crash before that.
    wait_until(lambda: world.logged("daemon.ready") or _is_dead(pid), "the start")
    _add_inbox(world)
    os.kill(pid, signal.SIGHUP)
    return _stop_when_done(world, pid)


def _add_inbox(world: World) -> None:
    (world.folder / "inbox2").mkdir()
    world.drop(Fate("second.bin", b"in the second"), inbox="inbox2")
    world.configure(
        "deliver: [sure]", "second: {path: inbox2, accept: ['*/*'], read: none, deliver: [sure]}"
    )


def _go_on_reloaded(world: World) -> None:
    """Where the daemon ended before the reload was asked for, it is asked for now."""
    if not (world.folder / "inbox2").exists():
        _add_inbox(world)
    world.go_on()


def _stop_when_done(world: World, pid: int) -> int:
    def is_over() -> bool:
        there = (world.folder / "done" / f"{name}.json" for name in world.fates)
        return _is_dead(pid) or all(path.exists() for path in there)

    wait_until(is_over, "all files or the end")
    if not _is_dead(pid):
        os.kill(pid, signal.SIGTERM)
    return world.wait(pid)


def _hurry(world: World, crash: str) -> int:
    """Two signals end deliveries that are under way."""
    world.sure.script(silent(), silent(), silent())
    pid = world.start(crash)
    wait_until(lambda: world.logged("delivery.started") or _is_dead(pid), "a delivery")
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: world.logged("daemon.stopping") or _is_dead(pid), "the stop")
    if not _is_dead(pid):
        os.kill(pid, signal.SIGTERM)
    return world.wait(pid)


def _is_dead(pid: int) -> bool:
    with open(f"/proc/{pid}/stat", "rb") as facts:
        return b") Z" in facts.read()


SCENARIOS = (
    Scenario(
        "three files to three destinations",
        (
            *(*_ADMITTING, *_LEDGER, *_OPENING, *_STARTING, "start.folders", *_PREPARING),
            *(*_DELIVERING, *_ON_SHELF, *_RECORDING, *_FILING, "stop.drained"),
        ),
        beginnings.drop_three,
        inbox="deliver: [sure, unsure, shelf]",
    ),
    Scenario(
        "recovery from a crash in delivery",
        (*_LEDGER, "ledger.open", *_STARTING, *_DELIVERING, *_ON_SHELF, *_RECORDING, *_FILING),
        beginnings.crash_in_delivery,
        inbox="deliver: [sure, unsure, shelf]",
    ),
    Scenario(
        "pictures that are read",
        (*_LEDGER, *_PREPARING, *_READING, *_RECORDING, *_FILING),
        beginnings.drop_pictures,
        inbox="deliver: [sure]\nread: text",
    ),
    Scenario(
        "a picture that the real engine reads",
        ("read.begun", "read.found"),
        beginnings.drop_a_receipt,
        inbox="deliver: [sure]\nread: text",
        engine="rapid",
    ),
    Scenario(
        "recovery with a text left in work/",
        ("start.tidied", *_STARTING),
        beginnings.leave_a_reading,
        inbox="deliver: [sure]\nread: text",
    ),
    Scenario(
        "a disk without an exclusive rename",
        ("rename.linked", "claim.renamed", "file.moved", "file.durable"),
        beginnings.drop_where_a_rename_is_two_steps,
        inbox="deliver: [sure, shelf]",
        two_steps=True,
    ),
    Scenario(
        "done/ on another disk",
        (*_RECORDING, *_COPYING, "file.durable", "file.committed", "file.cleared"),
        beginnings.drop_for_sure,
        inbox="deliver: [sure]",
        mounted="done",
    ),
    Scenario(
        "a name that is taken at the last moment",
        ("record.again", *_RECORDING, *_FILING),
        beginnings.take_the_name,
        go_on=beginnings.go_on_and_clear,
    ),
    Scenario(
        "originals that stay",
        ("claim.taken", "prepare.judged", *_RECORDING, *_FILING[1:]),
        lambda world: world.drop(*beginnings.three(original="inbox")),
        inbox="deliver: [sure]\noriginals: keep",
    ),
    Scenario(
        "originals that go",
        (*_PREPARING, *_RECORDING, *_FILING),
        lambda world: world.drop(*beginnings.three(original="")),
        inbox="deliver: [sure]\noriginals: delete",
    ),
    Scenario(
        "inboxd retry",
        ("ledger.open", *_LEDGER, "retry.requested"),
        beginnings.be_refused,
        _retry,
        _retry_if_not_yet,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a file tried again",
        (
            *("retry.sidecar_removed", "retry.fetched", *_LEDGER, "prepare.judged"),
            *(*_DELIVERING, *_RECORDING, *_FILING),
        ),
        beginnings.ask_again,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a file tried again from another disk",
        ("retry.sidecar_removed", *_COPYING, "retry.fetched", "prepare.judged"),
        beginnings.ask_again,
        inbox="deliver: [sure]",
        mounted="rejected",
    ),
    Scenario(
        "a destination that is down",
        (*_LEDGER, "park.committed"),
        beginnings.park,
        go_on=_retry_parked,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "inboxd cancel",
        (*_LEDGER, "cancel.requested"),
        beginnings.be_parked,
        _cancel,
        _cancel_again,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a file given up",
        (*_LEDGER, *_RECORDING, *_FILING),
        beginnings.give_up,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a file given up when its sidecar was begun",
        (*_RECORDING, *_FILING),
        beginnings.give_up_with_a_sidecar_begun,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a file that changes before it is claimed",
        (*_ADMITTING, *_LEDGER, *_PREPARING, "unclaim.committed"),
        beginnings.change_before_the_claim,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a file that vanishes before it is claimed",
        (*_LEDGER, *_PREPARING, "gone.committed"),
        beginnings.vanish_before_the_claim,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a copy of what is done",
        (*_LEDGER, "prepare.committed", *_RECORDING, *_FILING),
        beginnings.deliver_and_drop_a_copy,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a ledger of the first version",
        (*_OPENING, *_LEDGER),
        beginnings.leave_an_old_ledger,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a link that is followed",
        ("link.fetched", "link.queued", *_LEDGER, "prepare.judged", "prepare.committed"),
        beginnings.drop_a_link,
        go_on=beginnings.go_on_to_what_is_linked,
        inbox='deliver: [sure]\nlinks: {hosts: ["*.linked.example.com"], http: true}',
    ),
    Scenario(
        "a damaged ledger",
        (*_REBUILDING, *_STARTING, *_RECORDING),
        beginnings.damage_the_ledger,
        inbox="deliver: [sure, unsure, shelf]",
    ),
    Scenario(
        "a second inbox by reload",
        ("reload.loaded", "reload.rerouted", "reload.followed", "admit.settled", "file.committed"),
        beginnings.drop_for_sure,
        _reload,
        _go_on_reloaded,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a stop that is asked for twice",
        ("requeue.committed", "stop.drained", *_LEDGER),
        beginnings.drop_for_sure,
        _hurry,
        inbox="deliver: [sure]",
    ),
)
