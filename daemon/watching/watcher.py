"""The seam between noticing and the rest: a watcher gives hints, a scan gives the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

Lost = Literal["overflow", "folder", "error"]
"""Why single paths are no longer known: too many at once, the folder itself changed, a fault."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Something may be new: one path, or the whole folder when `path` is None.

    `path` is relative to the inbox. `closed` says that the kernel reported the writer done with it
    (closed after writing, or renamed in); it is evidence, not proof. `lost` says why the whole
    folder must be looked at.
    """

    path: bytes | None
    closed: bool = False
    lost: Lost | None = None


Sink = Callable[[Hint], None]
OnError = Callable[[Exception], None]
Skip = Callable[[bytes], bool]
"""Whether a file or folder of this name, one component, is none of ours."""


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
