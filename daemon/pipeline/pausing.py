"""The pause that trouble of our own machine brings, and how it ends by itself."""

from __future__ import annotations

from collections.abc import Callable

from daemon.clock import Clock
from daemon.errors import Fault
from daemon.pipeline.environment import Environment
from daemon.pipeline.scanner_watch import ScannerWatch
from daemon.pipeline.telling import Teller
from daemon.validation.scanning import Trouble

_PROBE_EVERY = 5.0


class Pause:
    """Why nothing new is begun, if so: our disks or rights, or a ledger that cannot be written.

    A virus scanner that is away holds up only files that were not judged yet. `resume` is called in
    another thread when it is there again.
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
        self._fault: Fault | None = None
        self._ledger_fault: Fault | None = None
        self._probe_at = 0.0
        self._resume = resume
        self._scanner = ScannerWatch(self._ask_scanner, self._answers)

    @property
    def fault(self) -> Fault | None:
        """What stands in the way of anything."""
        return self.of_everything or self.of_judging

    @property
    def of_everything(self) -> Fault | None:
        """Why nothing at all is begun."""
        return self._ledger_fault or self._fault

    @property
    def of_judging(self) -> Fault | None:
        """Why no new file is judged, while the others are delivered and read."""
        return self._scanner.fault

    def close(self) -> None:
        """Look no more whether anything has passed."""
        self._scanner.close()

    def begin(self, fault: Fault) -> None:
        """Begin nothing new until a probe finds that the trouble has passed."""
        if fault.code == Trouble.DOWN:
            if self._scanner.begin(fault):
                self._teller.paused(fault)
            return
        if self._fault is None:
            self._teller.paused(fault)
        self._fault = fault
        self._probe_at = self._clock.monotonic() + _PROBE_EVERY

    def begin_if_short_of_space(self) -> bool:
        """Pause where a disk is nearly full; tells whether there is a pause now."""
        if self._fault is None:
            fault = self.environment.short_of_space()
            if fault is not None:
                self.begin(fault)
        return self._fault is not None

    def seconds_to_probe(self) -> float | None:
        """When to probe next; None where there is nothing to probe for."""
        return None if self._fault is None else max(0.0, self._probe_at - self._clock.monotonic())

    def probe(self) -> bool:
        """See whether the trouble has passed; tells whether it has."""
        self._fault = self.environment.trouble()
        if self._fault is not None:
            self._probe_at = self._clock.monotonic() + _PROBE_EVERY
            return False
        self._teller.resumed()
        return True

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
