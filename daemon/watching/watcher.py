"""The seam between noticing and the rest: a watcher gives hints, a scan gives the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Hint:
    """Something may be new: one path, or the whole folder when `path` is None.

    `path` is relative to the inbox. `closed` says that the kernel reported the writer done with it
    (closed after writing, or renamed in); it is evidence, not proof.
    """

    path: bytes | None
    closed: bool = False


Sink = Callable[[Hint], None]


class Watcher(Protocol):
    """Announces changes below one folder; an adapter each for native events and for polling."""

    def start(self) -> None:
        """Begin to announce. Raises EnvironmentFaultError naming the limit that forbids it."""
        ...

    def stop(self) -> None:
        """Stop announcing and release everything; may be called twice."""
        ...

    def alive(self) -> bool:
        """Whether the watcher still sees the folder that it was started on."""
        ...
