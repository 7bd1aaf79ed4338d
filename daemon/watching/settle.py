"""Whether a file is ready to be taken, decided from what was observed and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from daemon.watching.ending import Ending

_SHORTEST_WAIT = 0.05
_SOON = 0.01
_OPEN = "open for writing"


class FileKind(StrEnum):
    """What a name in an inbox stands for."""

    REGULAR = "regular"
    SPECIAL = "special"
    """A link, FIFO, socket or device: never read, refused by name later."""
    FOLDER = "folder"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    """We have no right to read it; its writer may still give us one."""
    UNREADABLE = "unreadable"
    """It is there and cannot be opened or read, which is no verdict on it."""


class Lease(StrEnum):
    """The kernel's answer to whether anyone has the file open for writing."""

    CLOSED = "closed"
    OPEN = "open"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Observation:
    """What is known of one file at one moment; times in seconds on a clock that never goes back.

    `closed` says that the kernel has just reported a writer done with it. `quiet` is how long ago
    we last saw its size, mtime or inode change, 0 at the first look.
    `settle` is the inbox's quiet time, `patience` how many of them an empty or cut file is given.
    """

    kind: FileKind
    lease: Lease
    ending: Ending
    closed: bool
    quiet: float
    settle: float
    patience: float


@dataclass(frozen=True, slots=True)
class Ready:
    """The file can be taken."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again in so many seconds; `reason` is for people."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """There is no file to take here."""

    reason: str


Decision = Ready | Wait | Ignore


def settle(seen: Observation) -> Decision:
    """Ready, wait or ignore.

    An open file waits however long that takes. A closed one that looks whole is ready at once;
    where the kernel cannot tell, it must have been quiet for `settle`. What is empty or cut off is
    given `patience` times that to grow, and what we may not read as long to get the right; both
    are then ready, to be refused by name.
    """
    if seen.kind in (FileKind.FOLDER, FileKind.GONE):
        return Ignore(str(seen.kind))
    if seen.kind is FileKind.SPECIAL:
        return Ready()
    if seen.kind is FileKind.FORBIDDEN:
        return _wait_until(seen, seen.patience * seen.settle, "may not be read by us")
    if seen.kind is FileKind.UNREADABLE:
        return _look_again(seen, "cannot be read")
    if seen.lease is Lease.OPEN:
        # The event of closing comes a moment before the kernel counts the writer out.
        return Wait(_SOON, _OPEN) if seen.closed else _look_again(seen, _OPEN)
    if seen.ending in (Ending.EMPTY, Ending.CUT):
        reason = "empty" if seen.ending is Ending.EMPTY else "looks cut off"
        return _wait_until(seen, seen.patience * seen.settle, reason)
    if seen.lease is Lease.UNKNOWN:
        return _wait_until(seen, seen.settle, "may still be written")
    return Ready()


def _wait_until(seen: Observation, needed: float, reason: str) -> Decision:
    if seen.quiet >= needed:
        return Ready()
    return Wait(needed - seen.quiet, reason)


def _look_again(seen: Observation, reason: str) -> Wait:
    """Nothing but a change ends this wait; an event announces it, so looks become rare."""
    shortest = max(seen.settle, _SHORTEST_WAIT)
    return Wait(min(max(shortest, seen.quiet), shortest * max(seen.patience, 1.0)), reason)
