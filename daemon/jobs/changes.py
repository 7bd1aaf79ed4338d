"""The verbs of the ledger: each says one durable fact about a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.errors import Fault
from daemon.jobs.model import JSON, Delivery, Ending, Job, Preparation, ReadingState

HELD = "held by "
RELEASED = "released"
REPLACED = "replaced by "


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file is claimed, hashed and judged; its deliveries and its reading now lie before it.

    `find_duplicate` asks for a job of this inbox with the same content; the result of this change
    is the id of one that is done, or HELD and the id of one that is under way: then nothing else
    is written, and the job waits for what becomes of that one.
    """

    job: str
    inbox: str
    preparation: Preparation
    destinations: tuple[str, ...]
    reading: ReadingState
    find_duplicate: bool


@dataclass(frozen=True, slots=True)
class DeliveryChanged:
    """A run of attempts at one destination came to something."""

    job: str
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class ResumeKept:
    """How far a delivery has come, as its destination needs it to go on; {} forgets it."""

    job: str
    destination: str
    state: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class ReadingEnded:
    """A file was read, or could not be."""

    job: str
    reading: ReadingState
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """The sidecar is durable under the name in `ending`; `timings` are seconds by step."""

    job: str
    ending: Ending
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Closed:
    """The original is in its place; the job is over."""

    job: str
    ending: Ending


@dataclass(frozen=True, slots=True)
class Parked:
    """Nothing is to be done for this job before a wall-clock time.

    The result is RELEASED where what it waited for has come to pass in the meantime.
    """

    job: str
    until: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Requeued:
    """A running job goes back to the queue, its results kept."""

    job: str
    ready_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """The file changed before it could be claimed; its next sighting takes the job up.

    The result is REPLACED and the id of another job that has what lies there now: then this one is
    cancelled.
    """

    job: str
    ready_at: float


@dataclass(frozen=True, slots=True)
class TakenUp:
    """A person asked for an ended job to be tried again; the file is judged anew."""

    job: str


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A person gave a job up."""

    job: str


@dataclass(frozen=True, slots=True)
class Restored:
    """A job as its sidecar or its file in work/ tell of it, which the ledger knows less of.

    One that has ended by the ledger's account stays as it is. `event` and `detail` go into its
    history.
    """

    job: Job
    event: str = "restored"
    detail: str = "the ledger had lost it; its folders had not"


@dataclass(frozen=True, slots=True)
class Noted:
    """Something happened to a job that changes nothing but its history."""

    job: str
    event: str
    detail: str = ""


Change = (
    Prepared
    | DeliveryChanged
    | ResumeKept
    | ReadingEnded
    | Recorded
    | Closed
    | Parked
    | Requeued
    | Unclaimed
    | TakenUp
    | CancelRequested
    | Restored
    | Noted
)
