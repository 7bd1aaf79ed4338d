"""What validation says of a file."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.errors import Fault


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; a failed check that does not refuse the file is a note."""

    check: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything that was found out about a file before it may leave the machine."""

    size: int
    sha256: str | None
    media_type: str | None
    checks: tuple[Check, ...]
    refusal: Fault | None = None
    link: str | None = None
    """The address that a link file names, where such files are followed."""

    @property
    def accepted(self) -> bool:
        """Whether the file may be delivered."""
        return self.refusal is None
