"""The seam for virus scanners, and what their answers mean for a file."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from daemon.errors import Fault, InboxdError, Kind
from daemon.validation.verdict import Check

Block = bytes | memoryview


class Trouble(StrEnum):
    """Why a scanner has no verdict on a file; the values are codes of faults."""

    DOWN = "scanner_down"
    SLOW = "scanner_slow"
    SIZE = "scanner_refuses_size"
    FAILED = "scanner_failed"


_RETRY_IN = {Trouble.SLOW: 60.0, Trouble.SIZE: 600.0, Trouble.FAILED: 60.0}


class ScannerTroubleError(InboxdError):
    """A scanner could not say whether a file is infected; the file is not to blame.

    `retry_in` are the seconds until this one file is looked at again; None where no file can be
    scanned.
    """

    kind = Kind.ENVIRONMENT

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(trouble.value, message)
        self.trouble = trouble
        self.retry_in = _RETRY_IN.get(trouble)


class Scan(Protocol):
    """One file on its way through a scanner, block by block."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the scanner, with or without an answer."""

    def feed(self, block: Block) -> None:
        """Hand over the next block; trouble is kept for `signature` to tell."""

    def signature(self) -> str | None:
        """The name of what was found in all that was fed; None where nothing was.

        Raises ScannerTroubleError, or StoppedError when the scan's stop event is set.
        """


class VirusScanner(Protocol):
    """Looks into files for viruses; any thread may ask, several at once."""

    @property
    def name(self) -> str:
        """What and where it is, for people."""

    def scan(self, stop: threading.Event) -> Scan:
        """Begin with one file; nothing is sent before its first block."""

    def version(self) -> str:
        """What it says of itself and its signatures; raises ScannerTroubleError."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A scanner that every file has to pass; `when_down` is `wait`, `reject` or `pass`."""

    scanner: VirusScanner
    when_down: str


def judge_scan(scan: Scan, when_down: str) -> tuple[Check, Fault | None]:
    """What a scan says about a file that was fed to it, and the refusal that follows, if any.

    `when_down` is `wait`, `reject` or `pass`. Raises StoppedError, and with `wait` also
    ScannerTroubleError.
    """
    try:
        found = scan.signature()
    except ScannerTroubleError as error:
        if when_down == "wait":
            raise
        check = Check("virus", ok=False, detail=f"not scanned: {error.message}")
        if when_down == "pass":
            return check, None
        return check, Fault("not_scanned", f"not scanned: {error.message}", Kind.PERMANENT)
    if found is None:
        return Check("virus", ok=True, detail="nothing found"), None
    fault = Fault("virus_found", f"the virus scanner found {found}", Kind.PERMANENT)
    return Check("virus", ok=False, detail=found), fault
