"""The watched inboxes of one daemon: each an intake that feeds the ledger."""

from __future__ import annotations

import os
from collections.abc import Callable

from daemon.clock import Clock
from daemon.config.model import Config, InboxConfig
from daemon.crashpoints import crashpoint
from daemon.jobs.model import Sighting
from daemon.jobs.store import JobStore
from daemon.limits import Limits
from daemon.observing.events import Event
from daemon.observing.log import EventLog
from daemon.watching.intake import Intake


class Inboxes:
    """Starts and stops intakes as a configuration says; `wake` is told when one has new jobs."""

    def __init__(
        self,
        store: JobStore,
        log: EventLog,
        wake: Callable[[str], None],
        *,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._store = store
        self._log = log
        self._wake = wake
        self._clock = clock
        self._limits = limits
        self._config: dict[str, InboxConfig] = {}
        self._intakes: dict[str, Intake] = {}

    def __len__(self) -> int:
        return len(self._intakes)

    def follow(self, config: Config) -> None:
        """Watch the inboxes of a configuration; those that did not change go on undisturbed."""
        for name in list(self._intakes):
            if config.inboxes.get(name) != self._config[name]:
                self._intakes.pop(name).stop()
        self._config = dict(config.inboxes)
        for name, inbox in self._config.items():
            if name not in self._intakes:
                self._intakes[name] = self._start(name, inbox)

    def wait_watched(self, seconds: float) -> bool:
        """Wait so long at most until nothing that comes to an inbox can go unseen.

        An inbox that is missing does not keep anybody waiting; a disk that does not answer does.
        """
        end = self._clock.monotonic() + seconds
        return all(
            intake.wait_watched(max(0.0, end - self._clock.monotonic()))
            for intake in self._intakes.values()
        )

    def stop(self) -> None:
        """Take nothing in any more; what was not handed over is found by the next start."""
        for intake in self._intakes.values():
            intake.stop()

    def rescan(self) -> None:
        """Have every inbox looked at as a whole, soon."""
        for intake in self._intakes.values():
            intake.rescan()

    def idle(self) -> bool:
        """Whether all that can be noticed is in the ledger and nothing is settling.

        An inbox that is held up, such as one that is missing, does not keep the others waiting.
        """
        return all(intake.idle() or intake.held_up() for intake in self._intakes.values())

    def wait_idle(self, seconds: float) -> bool:
        """As `idle`, after waiting up to so many seconds for each inbox to become so."""
        return all(
            intake.wait_idle(seconds) or intake.held_up() for intake in self._intakes.values()
        )

    def only_long_open(self, seconds: float) -> bool:
        """Whether something is not taken in yet, and all of it has been settling for so long."""
        intakes = self._intakes.values()
        waiting = [intake for intake in intakes if not (intake.idle() or intake.held_up())]
        return bool(waiting) and all(self._stubborn(intake, seconds) for intake in waiting)

    def trouble(self) -> dict[str, str]:
        """What keeps files of an inbox from being noticed or queued, by inbox."""
        troubles = {name: intake.trouble() for name, intake in self._intakes.items()}
        return {name: trouble for name, trouble in troubles.items() if trouble is not None}

    def missing(self) -> tuple[str, ...]:
        """The inboxes whose folder is not there."""
        return tuple(name for name in self.trouble() if not os.path.isdir(self._config[name].path))

    def proofs(self) -> dict[str, float | str | None]:
        """When each inbox last proved sight, in monotonic seconds, or what troubles it."""
        troubles = self.trouble()
        return {
            name: troubles.get(name) or _last_proof(intake)
            for name, intake in self._intakes.items()
        }

    def facts(self) -> dict[str, dict[str, object]]:
        """What `status` shows of each inbox."""
        return {
            name: {
                "settling": [
                    {"file": file, "reason": reason, "seconds": round(seconds, 1)}
                    for file, reason, seconds in intake.settling()
                ],
                "trouble": intake.trouble(),
                "polling": intake.polling(),
            }
            for name, intake in self._intakes.items()
        }

    def _stubborn(self, intake: Intake, seconds: float) -> bool:
        settling = intake.settling()
        return bool(settling) and all(waited >= seconds for _, _, waited in settling)

    def _start(self, name: str, inbox: InboxConfig) -> Intake:
        keep = inbox.originals == "keep"

        def admit(sightings: list[Sighting]) -> None:
            crashpoint("admit.settled")
            for admitted in self._store.admit(sightings, keep=keep):
                if admitted.new:
                    self._log.emit(
                        Event.JOB_QUEUED, job=admitted.job, inbox=name, file=admitted.name
                    )
            crashpoint("admit.queued")
            self._wake(name)

        def report(event: str, /, **facts: object) -> None:
            self._log.emit(Event(event), **facts)

        intake = Intake(name, inbox, self._limits, self._clock, admit=admit, report=report)
        intake.start()
        return intake


def _last_proof(intake: Intake) -> float | None:
    """The last probe file seen; where none can be dropped, the last scan that came to its end."""
    return intake.last_seen() if intake.unprovable() is None else intake.last_scan()
