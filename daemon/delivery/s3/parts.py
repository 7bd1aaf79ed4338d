"""A file in parts: how it is cut, and how much of it may be under way at once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from daemon.delivery.destination import Progress
from daemon.delivery.s3.answers import Kept
from daemon.errors import StoppedError
from daemon.limits import MIB

MOST_PARTS: Final = 10_000
"""Parts of one upload (Amazon S3 User Guide, "Multipart upload limits")."""
_NOTICE: Final = 0.1
"""Seconds between two looks at `stop` while waiting."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file that go in one request; numbered from 1."""

    number: int
    offset: int
    size: int


def part_size_for(size: int, wanted: int) -> int:
    """The size of all parts but the last: as wanted, or more so that there are not too many."""
    least = -(-size // MOST_PARTS)
    return max(wanted, -(-least // MIB) * MIB)


def cut(size: int, part_size: int) -> list[Part]:
    """A file of `size` bytes in parts that all have `part_size` except the last."""
    return [
        Part(number, offset, min(part_size, size - offset))
        for number, offset in enumerate(range(0, size, part_size), 1)
    ]


def still_missing(parts: list[Part], kept: Mapping[int, Kept]) -> list[Part]:
    """The parts that the store does not have, or not in this size."""
    return [
        part
        for part in parts
        if part.number not in kept
        or kept[part.number].size != part.size
        or not kept[part.number].etag
    ]


class UnderWay:
    """Holds what was sent and not acknowledged below a bound, and tells progress.

    The part begun first may always go on; the others use what it leaves of `most` bytes, so that
    none waits for ever and a crash costs no more than `most`, or one part where that is larger.
    Args: `had` bytes of the file are there already; `step` bytes are sent between two calls.
    """

    def __init__(self, most: int, step: int, had: int, progress: Progress) -> None:
        self._most = most
        self._step = step
        self._arrived = had
        self._told = -1
        self._progress = progress
        self._changed = threading.Condition()
        self._sent: dict[Part, int] = {}
        self._allowed: dict[Part, int] = {}

    def begin(self, part: Part, stop: threading.Event) -> None:
        """Wait until a part may begin; raises StoppedError once `stop` is set."""
        with self._changed:
            self._sent[part] = self._allowed[part] = 0
            self._wait(part, stop)

    def went_on(self, part: Part, sent: int, stop: threading.Event) -> None:
        """So many bytes of a part are sent; waits until more may be, raises StoppedError."""
        with self._changed:
            self._sent[part] = sent
            self._tell()
            if sent < part.size:
                self._wait(part, stop)

    def end(self, part: Part, *, arrived: bool) -> None:
        """A part is acknowledged, or will not be."""
        with self._changed:
            self._sent.pop(part, None)
            self._allowed.pop(part, None)
            if arrived:
                self._arrived += part.size
            self._changed.notify_all()

    def _wait(self, part: Part, stop: threading.Event) -> None:
        """Wait until the next step of a part may be sent, and count it as under way."""
        while not self._may_go_on(part):
            self._changed.wait(_NOTICE)
            if stop.is_set():
                raise StoppedError

    def _may_go_on(self, part: Part) -> bool:
        first = next(iter(self._allowed))
        wished = min(self._sent[part] + self._step, part.size)
        others = sum(
            allowed for each, allowed in self._allowed.items() if each not in (first, part)
        )
        if part != first and first.size + others + wished > self._most:
            return False
        self._allowed[part] = max(wished, self._allowed[part])
        return True

    def _tell(self) -> None:
        """Tell how far all parts together are; never less than was told before."""
        total = self._arrived + sum(self._sent.values())
        if total > self._told:
            self._told = total
            self._progress(total)
