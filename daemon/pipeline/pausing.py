"""The pause that trouble of our own machine brings, and how it ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daemon.clock import Clock
from daemon.errors import Fault
from daemon.pipeline.environment import Environment
from daemon.pipeline.scanner_watch import ScannerWatch
from daemon.pipeline.telling import Teller
from daemon.validation.scanning import Trouble

_PROBE_EVERY = 5.0
_OF_THE_PROCESS = frozenset({"emfile", "enfile", "enomem", "internal_error"})
"""What no folder is to blame for, so that it stands in the way of every inbox."""


@dataclass(slots=True)
class _Trouble:
    fault: Fault
    probe_at: float


class Pause:
    """What is not begun, and why: our disks or rights, or a ledger that cannot be written.

    Trouble with the folders of one inbox holds up that inbox only. A virus scanner that is away
    holds up only files that were not judged yet; `resume` is called in another thread when it is
    there again. The properties may be asked in any thread.
    """

    def __init__(
        self,
        environment: Environment,
        teller: Teller,
        clock: Clock,
        resume: Callable[[], None] = lambda: None,
    ) -> None:
        self.environment = environment
        self._teller = teller
        self._clock = clock
        self._ledger_fault: Fault | None = None
        self._troubles: dict[str | None, _Trouble] = {}
        """By inbox; None is for all of them."""
        self._resume = resume
        self._scanner = ScannerWatch(self._ask_scanner, self._answers)

    @property
    def fault(self) -> Fault | None:
        """What stands in the way of all inboxes."""
        return self.of_everything or self.of_judging

    @property
    def of_everything(self) -> Fault | None:
        """Why nothing at all is begun."""
        trouble = self._troubles.get(None)
        return self._ledger_fault or (trouble.fault if trouble else None)

    @property
    def of_judging(self) -> Fault | None:
        """Why no new file is judged, while the others are delivered and read."""
        return self._scanner.fault

    @property
    def of_inboxes(self) -> dict[str, Fault]:
        """Why nothing of some inboxes is begun, by inbox."""
        troubles = self._troubles.copy()
        return {inbox: trouble.fault for inbox, trouble in troubles.items() if inbox is not None}

    def holds(self, inbox: str) -> bool:
        """Whether nothing of an inbox is begun."""
        return self.of_everything is not None or inbox in self._troubles

    def close(self) -> None:
        """Look no more whether anything has passed."""
        self._scanner.close()

    def begin(self, fault: Fault, inbox: str) -> None:
        """Begin nothing new that a fault met in an inbox forbids, until a probe finds it passed."""
        if fault.code == Trouble.DOWN:
            if self._scanner.begin(fault):
                self._teller.paused(fault)
            return
        self._begin(fault, None if fault.code in _OF_THE_PROCESS else inbox)

    def _begin(self, fault: Fault, inbox: str | None) -> None:
        if inbox not in self._troubles:
            self._teller.paused(fault, inbox)
        self._troubles[inbox] = _Trouble(fault, self._clock.monotonic() + _PROBE_EVERY)

    def begin_if_short_of_space(self, inbox: str) -> bool:
        """Pause where a disk is nearly full; tells whether nothing of an inbox is to be begun."""
        for concerned in (None, inbox):
            if concerned not in self._troubles:
                fault = self.environment.short_of_space(concerned)
                if fault is not None:
                    self._begin(fault, concerned)
        return self.holds(inbox)

    def seconds_to_probe(self) -> float | None:
        """When to probe next; None where there is nothing to probe for."""
        if not self._troubles:
            return None
        first = min(trouble.probe_at for trouble in self._troubles.values())
        return max(0.0, first - self._clock.monotonic())

    def probe(self) -> bool:
        """See whether trouble that is due for it has passed; tells whether any has."""
        now = self._clock.monotonic()
        due = [inbox for inbox, trouble in self._troubles.items() if trouble.probe_at <= now]
        passed = [inbox for inbox in due if not self._lasts(inbox)]
        for inbox in passed:
            del self._troubles[inbox]
            self._teller.resumed(inbox)
        return bool(passed)

    def _lasts(self, inbox: str | None) -> bool:
        fault = self.environment.trouble(inbox)
        if fault is not None:
            self._troubles[inbox] = _Trouble(fault, self._clock.monotonic() + _PROBE_EVERY)
        return fault is not None

    def _ask_scanner(self) -> Fault | None:
        """What is the matter with the scanner of the present configuration."""
        return self.environment.scanner_trouble()

    def _answers(self) -> None:
        """The scanner is there again. Called in a thread of its own."""
        self._teller.resumed()
        self._resume()

    def ledger_troubled(self, fault: Fault) -> None:
        """The ledger cannot be written; whoever writes waits. Called in the ledger's thread."""
        self._ledger_fault = fault
        self._teller.paused(fault)

    def ledger_recovered(self) -> None:
        """The ledger can be written again. Called in the ledger's thread."""
        self._ledger_fault = None
        self._teller.resumed()
