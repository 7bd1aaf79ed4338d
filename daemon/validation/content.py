"""One pass over an opened file: its hash, and the ends that its type is judged by."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from daemon import turns
from daemon.errors import InboxdError, Kind, StoppedError
from daemon.files import block_buffer, identity
from daemon.validation.media_type import HEAD


@dataclass(frozen=True, slots=True)
class Content:
    """What one pass over a file found; a short file's head and tail are the same."""

    size: int
    sha256: str
    head: bytes
    tail: bytes


def _nobody(_block: bytes | memoryview) -> None:
    """Who looks at the blocks of a file when nobody does."""


def read_content(
    descriptor: int,
    before: os.stat_result,
    block: int,
    stop: threading.Event,
    show: Callable[[bytes | memoryview], None] = _nobody,
) -> Content:
    """Hash a file in blocks, as it was when `before` was taken; `show` is given each block, too.

    Raises InboxdError with `changed` (transient) if it is not the same afterwards, StoppedError on
    `stop`, OSError where it cannot be read.
    """
    size = before.st_size
    if size <= block:
        whole = os.pread(descriptor, size, 0) if size else b""
        digest, head, tail = sha256(whole), whole[:HEAD], whole[-HEAD:]
        show(whole)
    else:
        digest = sha256()
        buffer = block_buffer(block)
        with turns.waiting():  # hashing needs no turn, it runs beside Python
            for count in _blocks(descriptor, buffer, size):
                if stop.is_set():
                    raise StoppedError
                digest.update(buffer[:count])
                show(buffer[:count])
        head = os.pread(descriptor, HEAD, 0)
        tail = os.pread(descriptor, HEAD, size - HEAD)
    check_unchanged(descriptor, before)
    return Content(size, digest.hexdigest(), head, tail)


def check_unchanged(descriptor: int, before: os.stat_result) -> None:
    """Raises InboxdError with `changed` (transient) if the file is another than before."""
    if identity(os.fstat(descriptor)) != identity(before):
        raise InboxdError("changed", "the file was changed while it was read", kind=Kind.TRANSIENT)


def _blocks(descriptor: int, buffer: memoryview, size: int) -> Iterator[int]:
    """Fill a buffer with one block of a file after another; yields how much there is in it."""
    place = 0
    while place < size and (count := os.preadv(descriptor, [buffer[: size - place]], place)):
        yield count
        place += count
