"""What a step hands back to the coordinator."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.errors import Fault
from daemon.jobs.changes import Change


@dataclass(frozen=True, slots=True)
class StepEnded:
    """A step of a job ended: with a change to make durable, or with a reason to come back later.

    `seconds` is how long it took. `retry_in` is in seconds; a fault of kind environment without it
    pauses the whole intake.
    """

    job: str
    step: str
    change: Change | None = None
    seconds: float = 0.0
    fault: Fault | None = None
    retry_in: float | None = None
