"""Taking turns: of the threads that compute only one runs at a time, and one that waits lets go.

Python runs one thread at a time anyway. Left to itself it changes threads at every short system
call, and with many busy threads on several cores that costs as much as the work. A thread that has
the turn keeps it until it waits for something slow. Turns are advice, never a lock: a turn that is
kept too long is taken away, so nothing slow in one place can hold up another.
"""

from __future__ import annotations

import threading
from types import TracebackType

_TOO_LONG = 0.02


class _Turn(threading.local):
    """What this thread holds."""

    held: threading.Lock | None = None


_mine = _Turn()
_passing = threading.Lock()
_current = threading.Lock()


class computing:  # noqa: N801  # read as a word of the language: with turns.computing()
    """Compute in turn while the block runs."""

    __slots__ = ()

    def __enter__(self) -> None:
        _take()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _give()


class waiting:  # noqa: N801
    """Let others compute while the block waits for a disk, a network or another process."""

    __slots__ = ("_had_it",)

    def __enter__(self) -> None:
        self._had_it = _give()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._had_it:
            _take()


def _take() -> None:
    turn = _current
    if turn.acquire(timeout=_TOO_LONG):
        _mine.held = turn
    else:
        _take_away(turn)


def _take_away(kept: threading.Lock) -> None:
    """Leave a turn with whoever keeps it so long, and begin a new one for all others."""
    global _current  # noqa: PLW0603 - there is one turn for the whole process
    with _passing:
        if _current is kept:
            fresh = threading.Lock()
            fresh.acquire()
            _current = _mine.held = fresh
            return
    # Somebody was quicker; who meets a busy turn a second time goes on without one.
    turn = _current
    if turn.acquire(timeout=_TOO_LONG):
        _mine.held = turn


def _give() -> bool:
    turn, _mine.held = _mine.held, None
    if turn is None:
        return False
    turn.release()
    return True
