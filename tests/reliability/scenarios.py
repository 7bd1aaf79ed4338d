"""What is under way when a daemon is made to crash: files, servers, disks, commands."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from daemon.crashpoints import EXIT
from daemon.jobs.statements import migrations
from tests.receiver import silent, status
from tests.reliability.world import TEXT, Fate, World
from tests.waiting import wait_until

_EVERYWHERE = ("sure", "unsure", "shelf")
_ADMITTING = ("admit.settled", "admit.queued")
_LEDGER = ("ledger.writing", "ledger.written")
_OPENING = ("ledger.open", "ledger.migrating", "ledger.migrated")
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


def _go_on(world: World) -> None:
    code = world.once()
    assert code in (0, 1), f"exit code {code}: {world.log.read_text('utf-8')[-2000:]}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What leads to a crash, what crashes, and what comes after it.

    `act` runs the daemon or a command that is to crash and returns its exit code; `mounted` is a
    folder with a disk of its own; `inbox` is added to the configuration.
    """

    name: str
    points: tuple[str, ...]
    prepare: Callable[[World], None] = _nothing
    act: Callable[[World, str], int] = _once
    go_on: Callable[[World], None] = _go_on
    inbox: str = ""
    mounted: str = ""
    engine: str = "standin"

    def __str__(self) -> str:
        return self.name


def _three(**changes: object) -> list[Fate]:
    """A small, a larger and a large file."""
    fates = [
        Fate("small.bin", b"small"),
        Fate("larger.bin", b"larger" * 12_000),
        Fate("large.bin", b"large" * 60_000),
    ]
    return [replace(fate, **changes) for fate in fates]  # type: ignore[arg-type]


def _picture(colour: str) -> bytes:
    data = BytesIO()
    Image.new("RGB", (60, 40), colour).save(data, "PNG")
    return data.getvalue()


# -- prepared ----------------------------------------------------------------------------------


def _drop_three(world: World) -> None:
    world.drop(*_three(destinations=_EVERYWHERE))


def _drop_for_sure(world: World) -> None:
    world.drop(*_three())


def _drop_undelivered(world: World) -> None:
    world.drop(*_three(destinations=()))


def _crash_in_delivery(world: World) -> None:
    _drop_three(world)
    world.crash("deliver.answered")


def _drop_pictures(world: World) -> None:
    world.drop(
        *(Fate(f"{name}.png", _picture(name), text=TEXT) for name in ("red", "blue")),
    )


def _drop_a_receipt(world: World) -> None:
    """A picture with words that a real engine can read."""
    picture = Image.new("RGB", (420, 120), "white")
    font = ImageFont.load_default(48)
    ImageDraw.Draw(picture).text((20, 30), TEXT, fill="black", font=font)
    data = BytesIO()
    picture.save(data, "PNG")
    world.drop(Fate("receipt.png", data.getvalue(), text=TEXT))


def _leave_a_reading(world: World) -> None:
    _drop_pictures(world)
    world.crash("file.committed")


def _take_the_name(world: World) -> None:
    """Something comes to lie where an original is about to go."""
    _drop_undelivered(world)
    world.crash("record.committed")
    for name in list(world.fates):
        (world.folder / "done" / name).write_bytes(b"a stranger")


def _go_on_and_clear(world: World) -> None:
    """The strangers are taken away; whoever met one has a name with its job's tail."""
    _go_on(world)
    done = world.folder / "done"
    for path in done.iterdir():
        if path.suffix != ".json" and path.read_bytes() == b"a stranger":
            path.unlink()
    for name, fate in list(world.fates.items()):
        (path,) = (p for p in done.iterdir() if p.read_bytes() == fate.content)
        del world.fates[name]
        world.fates[path.name] = replace(fate, name=path.name)


def _be_refused(world: World) -> None:
    """A server refuses a file for good, then takes it."""
    world.sure.script(status(400))
    world.drop(Fate("refused.bin", b"refused" * 100))
    assert world.once() == 1
    assert (world.folder / "rejected" / "refused.bin").exists()


def _ask_again(world: World) -> None:
    _be_refused(world)
    assert world.command("retry", "refused.bin") == 0


def _park(world: World) -> None:
    """A server asks to be left alone for an hour."""
    world.sure.script(status(503, Retry_After="3600"))
    world.drop(Fate("parked.bin", b"parked" * 100))


def _be_parked(world: World) -> None:
    _park(world)
    assert world.once() == 1
    fate = replace(world.fates["parked.bin"], status="cancelled", folder="rejected")
    world.fates["parked.bin"] = replace(fate, destinations=())


def _give_up(world: World) -> None:
    _be_parked(world)
    assert world.command("cancel", "parked.bin") == 0


def _change_before_the_claim(world: World) -> None:
    world.drop(Fate("changing.bin", b"before"))
    world.crash("claim.taken")
    world.drop(Fate("changing.bin", b"after" * 500))


def _vanish_before_the_claim(world: World) -> None:
    world.drop(Fate("vanishing.bin", b"soon gone"), Fate("staying.bin", b"stays"))
    world.crash("claim.taken")
    (world.folder / "inbox" / "vanishing.bin").unlink()
    del world.fates["vanishing.bin"]


def _deliver_and_drop_a_copy(world: World) -> None:
    world.drop(Fate("first.bin", b"the same" * 100))
    assert world.once() == 0
    world.drop(Fate("second.bin", b"the same" * 100, status="duplicate"))


def _leave_an_old_ledger(world: World) -> None:
    """A ledger of the first version, with a file in its queue."""
    fate = Fate("old.bin", b"queued long ago")
    world.drop(fate)
    seen = (world.folder / "inbox" / fate.name).stat()
    (world.folder / "state").mkdir(mode=0o700)
    ledger = sqlite3.connect(world.folder / "state" / "ledger.sqlite3")
    ledger.executescript(f"{migrations()[0]}\nPRAGMA user_version = 1;")
    ledger.execute(
        "INSERT INTO jobs (id, inbox, path, name, state, device, inode, size, modified_ns,"
        " received, updated) VALUES (?, 'box', ?, ?, 'queued', ?, ?, ?, ?, 0, 0)",
        (
            "01900000-0000-7000-8000-000000000000",
            fate.name.encode(),
            fate.name,
            seen.st_dev,
            seen.st_ino,
            seen.st_size,
            seen.st_mtime_ns,
        ),
    )
    ledger.commit()
    ledger.close()


# -- what crashes ------------------------------------------------------------------------------


def _retry(world: World, crash: str) -> int:
    return world.command("retry", "refused.bin", crash=crash)


def _retry_if_not_yet(world: World) -> None:
    world.command("retry", "refused.bin")  # says what is wrong where it was taken up already
    _go_on(world)


def _cancel(world: World, crash: str) -> int:
    return world.command("cancel", "parked.bin", crash=crash)


def _cancel_again(world: World) -> None:
    world.command("cancel", "parked.bin")
    _go_on(world)


def _retry_parked(world: World) -> None:
    """Where the crash came first, the file is parked only now."""
    for _ in range(2):
        _go_on(world)
        world.command("retry", "parked.bin")
    _go_on(world)


def _reload(world: World, crash: str) -> int:
    """A second inbox is added while the daemon runs."""
    pid = world.start(crash)
    wait_until(lambda: world.logged("daemon.ready"), "the start")
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
    _go_on(world)


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
        _drop_three,
        inbox="deliver: [sure, unsure, shelf]",
    ),
    Scenario(
        "recovery from a crash in delivery",
        (*_LEDGER, "ledger.open", *_STARTING, *_DELIVERING, *_ON_SHELF, *_RECORDING, *_FILING),
        _crash_in_delivery,
        inbox="deliver: [sure, unsure, shelf]",
    ),
    Scenario(
        "pictures that are read",
        (*_LEDGER, *_PREPARING, *_READING, *_RECORDING, *_FILING),
        _drop_pictures,
        inbox="deliver: [sure]\nread: text",
    ),
    Scenario(
        "a picture that the real engine reads",
        ("read.begun", "read.found"),
        _drop_a_receipt,
        inbox="deliver: [sure]\nread: text",
        engine="rapid",
    ),
    Scenario(
        "recovery with a text left in work/",
        ("start.tidied", *_STARTING),
        _leave_a_reading,
        inbox="deliver: [sure]\nread: text",
    ),
    Scenario(
        "done/ on another disk",
        (*_RECORDING, *_COPYING, "file.durable", "file.committed", "file.cleared"),
        _drop_for_sure,
        inbox="deliver: [sure]",
        mounted="done",
    ),
    Scenario(
        "a name that is taken at the last moment",
        ("record.again", *_RECORDING, *_FILING),
        _take_the_name,
        go_on=_go_on_and_clear,
    ),
    Scenario(
        "originals that stay",
        ("claim.taken", "prepare.judged", *_RECORDING, *_FILING[1:]),
        lambda world: world.drop(*_three(original="inbox")),
        inbox="deliver: [sure]\noriginals: keep",
    ),
    Scenario(
        "originals that go",
        (*_PREPARING, *_RECORDING, *_FILING),
        lambda world: world.drop(*_three(original="")),
        inbox="deliver: [sure]\noriginals: delete",
    ),
    Scenario(
        "inboxd retry",
        ("ledger.open", *_LEDGER, "retry.requested"),
        _be_refused,
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
        _ask_again,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a file tried again from another disk",
        ("retry.sidecar_removed", *_COPYING, "retry.fetched", "prepare.judged"),
        _ask_again,
        inbox="deliver: [sure]",
        mounted="rejected",
    ),
    Scenario(
        "a destination that is down",
        (*_LEDGER, "park.committed"),
        _park,
        go_on=_retry_parked,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "inboxd cancel",
        (*_LEDGER, "cancel.requested"),
        _be_parked,
        _cancel,
        _cancel_again,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a file given up",
        (*_LEDGER, *_RECORDING, *_FILING),
        _give_up,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a file that changes before it is claimed",
        (*_ADMITTING, *_LEDGER, *_PREPARING, "unclaim.committed"),
        _change_before_the_claim,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a file that vanishes before it is claimed",
        (*_LEDGER, *_PREPARING, "gone.committed"),
        _vanish_before_the_claim,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a copy of what is done",
        (*_LEDGER, "prepare.committed", *_RECORDING, *_FILING),
        _deliver_and_drop_a_copy,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a ledger of the first version",
        (*_OPENING, *_LEDGER),
        _leave_an_old_ledger,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a second inbox by reload",
        ("reload.loaded", "reload.rerouted", "reload.followed", "admit.settled", "file.committed"),
        _drop_for_sure,
        _reload,
        _go_on_reloaded,
        inbox="deliver: [sure]",
    ),
    Scenario(
        "a stop that is asked for twice",
        ("requeue.committed", "stop.drained", *_LEDGER),
        _drop_for_sure,
        _hurry,
        inbox="deliver: [sure]",
    ),
)


def reached(code: int) -> bool:
    """Whether a process ended at its crash point; it must have ended in good order otherwise."""
    assert code in (0, 1, EXIT), f"exit code {code}"
    return code == EXIT
