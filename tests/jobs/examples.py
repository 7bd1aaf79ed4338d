"""Jobs, sightings and changes for tests, by hand and by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from daemon.errors import Fault, Kind
from daemon.files import Identity
from daemon.jobs.changes import (
    CancelRequested,
    Change,
    Closed,
    DeliveryChanged,
    Parked,
    Prepared,
    ReadingEnded,
    Recorded,
    Requeued,
    ResumeKept,
    TakenUp,
)
from daemon.jobs.model import (
    Delivery,
    DeliveryState,
    Ending,
    Preparation,
    ReadingState,
    Sighting,
    State,
)

REFUSAL = Fault("too_large", "26 MB is more than 25 MB", Kind.PERMANENT)
DOWN = Fault("connection_refused", "nobody listens", Kind.TRANSIENT)


def sighting(path: bytes = b"r.jpg", inode: int = 7, inbox: str = "box") -> Sighting:
    """A settled file."""
    return Sighting(inbox, path, Identity(1, inode, 100, 1_700_000_000_000_000_000))


def preparation(sha256: str | None = "ab" * 32, refusal: Fault | None = None) -> Preparation:
    """What validation found."""
    return Preparation(sha256, "image/jpeg", 100, (("type", True, "image/jpeg"),), refusal)


def prepared(
    job: str,
    *,
    sha256: str | None = "ab" * 32,
    destinations: tuple[str, ...] = ("a",),
    refusal: Fault | None = None,
    reading: ReadingState = ReadingState.NONE,
    inbox: str = "box",
) -> Prepared:
    """A file that was claimed and judged."""
    return Prepared(job, inbox, preparation(sha256, refusal), destinations, reading, True)


def delivered(job: str, destination: str = "a") -> DeliveryChanged:
    """A destination that took the file."""
    delivery = Delivery(
        destination,
        DeliveryState.DELIVERED,
        attempts=2,
        first_attempt_at=5.0,
        bytes=100,
        http_status=201,
        location="https://example.com/1",
        delivered_at=6.0,
        response={"id": "ü"},
    )
    return DeliveryChanged(job, delivery)


def parked_delivery(job: str, destination: str = "a", next_at: float = 1e12) -> DeliveryChanged:
    """A destination that gave no answer."""
    delivery = Delivery(destination, attempts=5, runs=1, next_at=next_at, fault=DOWN)
    return DeliveryChanged(job, delivery)


def changes_of(job: str) -> st.SearchStrategy[Change]:
    """Any change that a running job can meet, legal or not."""
    faults = st.sampled_from([None, REFUSAL, DOWN])
    endings = st.builds(
        Ending,
        st.sampled_from([State.DONE, State.REJECTED, State.FAILED, State.CANCELLED]),
        faults,
        st.sampled_from(["done", "rejected"]),
        st.sampled_from([b"r.jpg", b"\xff\n", b"sub/r.jpg"]),
    )
    deliveries = st.builds(
        Delivery,
        st.sampled_from(["a", "b"]),
        st.sampled_from(DeliveryState),
        st.integers(0, 9),
        st.integers(0, 9),
        st.none() | st.floats(0, 1e9),
        st.floats(0, 1e9),
        fault=faults,
    )
    return st.one_of(
        st.builds(
            Prepared,
            st.just(job),
            st.just("box"),
            st.builds(preparation, st.sampled_from(["ab" * 32, "cd" * 32]), faults),
            st.just(("a", "b")),
            st.sampled_from([ReadingState.NONE, ReadingState.PENDING]),
            st.booleans(),
        ),
        st.builds(DeliveryChanged, st.just(job), deliveries),
        st.builds(
            ResumeKept,
            st.just(job),
            st.sampled_from(["a", "b", "gone"]),
            st.sampled_from([{}, {"offset": 5, "parts": ["ü"]}]),
        ),
        st.builds(
            ReadingEnded,
            st.just(job),
            st.sampled_from([ReadingState.DONE, ReadingState.FAILED]),
            faults,
        ),
        st.builds(Recorded, st.just(job), endings, st.just({"total": 3.0})),
        st.builds(Closed, st.just(job), endings),
        st.builds(Parked, st.just(job), st.floats(1, 1e9), st.just("why")),
        st.builds(Requeued, st.just(job)),
        st.builds(TakenUp, st.just(job)),
        st.builds(CancelRequested, st.just(job)),
    )
