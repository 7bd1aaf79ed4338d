"""What every JobStore promises; each adapter is a parameter of the `store` fixture."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.jobs.changes import (
    HELD,
    RELEASED,
    REPLACED,
    CancelRequested,
    Closed,
    DeliveryChanged,
    Parked,
    Recorded,
    Requeued,
    ResumeKept,
    TakenUp,
    Unclaimed,
)
from daemon.jobs.model import (
    Delivery,
    DeliveryState,
    Ending,
    IllegalTransitionError,
    Job,
    ReadingState,
    State,
)
from daemon.jobs.sqlite_store import SqliteJobStore
from daemon.jobs.store import JobStore
from tests.jobs.examples import (
    DOWN,
    REFUSAL,
    delivered,
    parked_delivery,
    prepared,
    sighting,
)

DONE = Ending(State.DONE, None, "done", b"r.jpg")
FAILED = Ending(State.FAILED, DOWN, "rejected", b"r.jpg")


class Ticking(SystemClock):
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.wall = 1_800_000_000.0

    def now(self) -> float:
        return self.wall


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture(params=["sqlite"])
def store(tmp_path: Path, clock: Ticking) -> Iterator[JobStore]:
    opened = SqliteJobStore(tmp_path / "ledger.sqlite3", clock)
    yield opened
    opened.close()


def _take_one(store: JobStore) -> Job:
    store.admit([sighting()], keep=False)
    (job,) = store.take("box", 10)
    return job


def test_a_settled_file_becomes_one_job_however_often_it_is_seen(store: JobStore) -> None:
    """Hints, scans and restarts show the same file again and again."""
    assert [admitted.new for admitted in store.admit([sighting()], keep=False)] == [True]
    assert store.admit([sighting(), sighting()], keep=False) == []
    assert store.counts() == {"box": {"queued": 1}}


def test_a_file_that_is_claimed_but_not_yet_moved_is_not_taken_twice(store: JobStore) -> None:
    """Between the row and the rename a rescan still finds the file in the inbox."""
    _take_one(store)
    assert store.admit([sighting()], keep=False) == []


def test_a_file_that_changes_before_it_is_claimed_keeps_its_job(store: JobStore) -> None:
    """One path in the inbox is one job until it is claimed."""
    (first,) = store.admit([sighting(inode=1)], keep=False)
    (again,) = store.admit([sighting(inode=2)], keep=False)
    assert (again.job, again.new) == (first.job, False)
    (job,) = store.take("box", 10)
    assert job.identity.inode == 2


def test_a_new_file_under_the_name_of_one_being_worked_on_is_a_new_job(store: JobStore) -> None:
    """A scanner that counts from 1 every morning reuses names."""
    first = _take_one(store)
    (second,) = store.admit([sighting(inode=8)], keep=False)
    assert second.new
    assert second.job != first.id


def test_a_finished_file_is_taken_again_unless_originals_are_kept(store: JobStore) -> None:
    """What a person moves back into the inbox is meant; what never left it is not."""
    job = _take_one(store)
    store.write([Closed(job.id, DONE)])
    assert store.admit([sighting()], keep=True) == []
    assert len(store.admit([sighting()], keep=False)) == 1


def test_jobs_come_oldest_first_and_no_more_than_asked_for(store: JobStore) -> None:
    """The queue is in the ledger, not in memory."""
    store.admit([sighting(b"%d" % n, n) for n in range(5)], keep=False)
    assert [job.path for job in store.take("box", 2)] == [b"0", b"1"]
    assert [job.path for job in store.take("box", 9)] == [b"2", b"3", b"4"]
    assert store.take("box", 9) == []


def test_only_what_was_judged_is_taken_where_that_is_asked_for(store: JobStore) -> None:
    """While no file can be judged the others go on, and so does what a person gave up."""
    store.admit([sighting(b"%d" % n, n) for n in range(4)], keep=False)
    judged, waiting, given_up = store.take("box", 3)
    store.write([prepared(judged.id), CancelRequested(given_up.id)])
    store.write([Requeued(job.id) for job in (judged, waiting, given_up)])
    found = store.take("box", 9, only_prepared=True)
    assert [job.id for job in found] == [judged.id, given_up.id]
    assert [job.path for job in store.take("box", 9)] == [waiting.path, b"3"]


def test_names_that_are_not_text_come_back_as_they_were(store: JobStore) -> None:
    """Names are bytes; what people see of them is text."""
    store.admit([sighting(b"caf\xe9\n\x1b[31m.jpg")], keep=False)
    (job,) = store.take("box", 1)
    assert job.path == b"caf\xe9\n\x1b[31m.jpg"
    assert job.name == "caf\\xe9\\n\\x1b[31m.jpg"


def test_an_inode_beyond_63_bits_survives(store: JobStore) -> None:
    """Some network file systems number their files so."""
    store.admit([sighting(inode=2**64 - 5)], keep=False)
    assert store.take("box", 1)[0].identity.inode == 2**64 - 5


def test_results_of_steps_are_there_after_a_restart(store: JobStore) -> None:
    """What was running goes back to the queue with all that is known of it."""
    job = _take_one(store)
    store.write([prepared(job.id, destinations=("a", "b"), reading=ReadingState.PENDING)])
    store.write([delivered(job.id, "a")])
    assert store.recover() == 1
    (again,) = store.take("box", 1)
    assert again.preparation is not None
    assert again.preparation.checks == (("type", True, "image/jpeg"),)
    assert [d.state for d in again.deliveries] == [DeliveryState.DELIVERED, DeliveryState.PENDING]
    assert again.deliveries[0].response == {"id": "ü"}
    assert again.reading is ReadingState.PENDING
    assert again.timings == {"settle": 0.0}


def test_the_same_content_is_found_in_the_same_inbox(store: JobStore) -> None:
    """The answer to `find_duplicate` is a job that has delivered the content."""
    first = _take_one(store)
    assert store.write([prepared(first.id), Closed(first.id, DONE)]) == [None, None]
    store.admit([sighting(b"copy.jpg", 8), sighting(b"elsewhere.jpg", 9, "other")], keep=False)
    (copy,) = store.take("box", 1)
    (elsewhere,) = store.take("other", 1)
    assert store.write([prepared(copy.id)]) == [first.id]
    assert store.write([prepared(elsewhere.id, inbox="other")]) == [None]


def test_a_copy_of_what_is_under_way_is_held_until_that_has_ended(
    store: JobStore, clock: Ticking
) -> None:
    """Only then it is known whether anybody got the content; nothing is written of the copy."""
    first = _take_one(store)
    store.write([prepared(first.id)])
    store.admit([sighting(b"copy.jpg", 8)], keep=False)
    (copy,) = store.take("box", 1)
    assert store.write([prepared(copy.id)]) == [HELD + first.id]
    found = store.get(copy.id)
    assert found is not None
    assert found.preparation is None
    assert store.write([Parked(copy.id, clock.wall + 300)]) == [None]
    assert store.take("box", 1) == []
    store.write([Closed(first.id, FAILED)])
    assert [job.id for job in store.take("box", 1)] == [copy.id]
    assert store.write([prepared(copy.id)]) == [None]


def test_a_copy_that_is_parked_after_its_twin_has_ended_is_ready_at_once(
    store: JobStore, clock: Ticking
) -> None:
    """The end may come between the two commits."""
    first = _take_one(store)
    store.write([prepared(first.id)])
    store.admit([sighting(b"copy.jpg", 8)], keep=False)
    (copy,) = store.take("box", 1)
    store.write([prepared(copy.id), Closed(first.id, DONE)])
    assert store.write([Parked(copy.id, clock.wall + 300)]) == [RELEASED]
    assert [job.id for job in store.take("box", 1)] == [copy.id]
    assert store.write([prepared(copy.id)]) == [first.id]


def test_content_that_was_refused_or_failed_does_not_count_as_taken(store: JobStore) -> None:
    """Otherwise a copy would be put away though nobody ever got it."""
    refused = _take_one(store)
    store.write([prepared(refused.id, refusal=REFUSAL)])
    store.admit([sighting(b"copy.jpg", 8)], keep=False)
    (copy,) = store.take("box", 1)
    assert store.write([prepared(copy.id)]) == [None]


def test_a_copy_that_is_taken_again_waits_for_nobody(store: JobStore, clock: Ticking) -> None:
    """Parked for another reason, it keeps that time though its twin has ended."""
    first = _take_one(store)
    store.write([prepared(first.id)])
    store.admit([sighting(b"copy.jpg", 8)], keep=False)
    (copy,) = store.take("box", 1)
    store.write([prepared(copy.id), Parked(copy.id, clock.wall + 300)])
    store.write([Closed(first.id, DONE)])
    assert [job.id for job in store.take("box", 1)] == [copy.id]
    assert store.write([Parked(copy.id, clock.wall + 60, "no rights")]) == [None]
    assert store.take("box", 1) == []


def test_a_parked_job_is_ready_when_its_time_has_come(store: JobStore, clock: Ticking) -> None:
    """The schedule is in the ledger, so a restart keeps it."""
    job = _take_one(store)
    store.write([Parked(job.id, clock.wall + 60, "down")])
    assert store.take("box", 1) == []
    assert store.next_ready_at() == clock.wall + 60
    clock.wall += 61
    assert [ready.id for ready in store.take("box", 1)] == [job.id]


def test_a_parked_job_does_not_wait_a_year_for_a_clock_that_was_set_back(
    store: JobStore, clock: Ticking
) -> None:
    """No pause is that long, so its end was noted by another clock."""
    job = _take_one(store)
    store.write([Parked(job.id, clock.wall + 3600, "down")])
    assert store.take("box", 1) == []
    clock.wall -= 365 * 86_400
    assert [ready.id for ready in store.take("box", 1)] == [job.id]


def test_what_waits_for_a_destination_without_an_answer_can_be_woken(
    store: JobStore, clock: Ticking
) -> None:
    """A destination that is back gets what it missed at once."""
    job = _take_one(store)
    store.write([prepared(job.id), parked_delivery(job.id, "a", clock.wall + 900)])
    store.write([Parked(job.id, clock.wall + 900)])
    assert store.wake_parked("b") == 0
    assert store.wake_parked("a") == 1
    (ready,) = store.take("box", 1)
    assert ready.deliveries[0].next_at <= clock.wall


def test_an_illegal_transition_writes_nothing(store: JobStore) -> None:
    """A change fails alone and leaves nothing behind."""
    job = _take_one(store)
    store.write([Closed(job.id, DONE)])
    with pytest.raises(IllegalTransitionError):
        store.write([Recorded(job.id, FAILED), Parked(job.id, 1.0)])
    found = store.get(job.id)
    assert found is not None
    assert (found.state, found.ending) == (State.DONE, None)


def test_a_failed_job_can_be_taken_up_again_from_where_its_file_lies(store: JobStore) -> None:
    """`retry` forgets what failed and keeps what succeeded."""
    job = _take_one(store)
    failed = Delivery("b", DeliveryState.FAILED, 5, 1, fault=DOWN)
    store.write([prepared(job.id, destinations=("a", "b")), delivered(job.id, "a")])
    store.write([type(delivered(job.id))(job.id, failed), Recorded(job.id, FAILED)])
    store.write([Closed(job.id, FAILED)])
    store.write([TakenUp(job.id)])
    (again,) = store.take("box", 1)
    assert again.ending is None
    assert again.origin == FAILED
    assert again.deliveries == (again.deliveries[0], Delivery("b"))
    assert again.deliveries[0].state is DeliveryState.DELIVERED


def test_a_refused_job_that_is_taken_up_again_is_judged_anew(store: JobStore) -> None:
    """The rules may have changed since."""
    job = _take_one(store)
    refused = Ending(State.REJECTED, REFUSAL, "rejected", b"r.jpg")
    store.write([prepared(job.id, refusal=REFUSAL), Recorded(job.id, refused)])
    store.write([Closed(job.id, refused), TakenUp(job.id)])
    assert store.take("box", 1)[0].preparation is None


def test_a_job_that_was_given_up_is_found_among_those_under_way(store: JobStore) -> None:
    """`cancel` comes from another process; the daemon looks for it when told."""
    job = _take_one(store)
    assert store.cancel_requested([job.id]) == []
    store.write([CancelRequested(job.id)])
    assert store.cancel_requested([job.id]) == [job.id]


def test_a_parked_job_that_was_given_up_is_ready_at_once(store: JobStore, clock: Ticking) -> None:
    """Nobody waits hours for a job to notice that it was cancelled."""
    job = _take_one(store)
    store.write([Parked(job.id, clock.wall + 3600)])
    store.write([CancelRequested(job.id)])
    assert store.take("box", 1)[0].cancel


def test_a_job_that_has_ended_cannot_be_given_up(store: JobStore) -> None:
    """Done is done."""
    job = _take_one(store)
    store.write([Closed(job.id, DONE)])
    with pytest.raises(IllegalTransitionError):
        store.write([CancelRequested(job.id)])


def test_a_file_that_changed_goes_back_to_its_inbox(store: JobStore, clock: Ticking) -> None:
    """Its next sighting takes the same job up."""
    job = _take_one(store)
    store.write([Unclaimed(job.id, clock.wall + 5)])
    assert store.take("box", 1) == []
    (again,) = store.admit([sighting(inode=9)], keep=False)
    assert again.job == job.id
    assert store.take("box", 1)[0].identity.inode == 9


def test_a_changed_file_that_already_has_another_job_ends_the_old_one(
    store: JobStore, clock: Ticking
) -> None:
    """One path, one unclaimed job."""
    job = _take_one(store)
    (rival,) = store.admit([sighting(inode=9)], keep=False)
    assert store.write([Unclaimed(job.id, clock.wall)]) == [f"{REPLACED}{rival.job}"]
    found = store.get(job.id)
    assert found is not None
    assert found.state is State.CANCELLED
    assert len(store.take("box", 9)) == 1


def test_a_changed_file_that_another_job_has_claimed_meanwhile_ends_the_old_one(
    store: JobStore, clock: Ticking
) -> None:
    """The file is on its way as another job; the old one would wait for a file that never comes."""
    job = _take_one(store)
    store.admit([sighting(inode=9)], keep=False)
    (other,) = store.take("box", 9)
    store.write([Unclaimed(job.id, clock.wall)])
    found = store.get(job.id)
    assert found is not None
    assert found.state is State.CANCELLED
    assert other.id in store.history(job.id)[-1].detail


def test_history_tells_what_happened_in_order(store: JobStore) -> None:
    """`show` answers where a file is and why."""
    job = _take_one(store)
    store.write([prepared(job.id), parked_delivery(job.id)])
    store.write([Requeued(job.id)])
    events = [(entry.event, entry.detail) for entry in store.history(job.id)]
    assert events[:3] == [("queued", ""), ("claimed", ""), ("validated", "image/jpeg")]
    assert events[3] == ("delivery parked", "a: connection_refused: nobody listens")


def test_a_person_finds_a_job_by_id_by_its_start_by_path_or_by_name(store: JobStore) -> None:
    """`show` takes what a person has at hand."""
    store.admit([sighting(b"sub/r.jpg")], keep=False)
    (job,) = store.take("box", 1)
    assert store.find(job.id) == store.find(job.id[:10]) == [job.id]
    assert store.find("sub/r.jpg") == store.find("r.jpg") == [job.id]
    assert store.find("b/r.jpg") == store.find(".jpg") == store.find("") == []
    assert store.at(job.inbox, b"sub/r.jpg") == [job.id]
    assert store.at("other", b"sub/r.jpg") == store.at(job.inbox, b"r.jpg") == []
    assert store.find("nothing") == []


def test_listing_gives_the_newest_of_a_state_and_pages_give_all(store: JobStore) -> None:
    """Lists are bounded, walks are complete."""
    store.admit([sighting(b"%d" % n, n) for n in range(1203)], keep=False)
    assert [job.path for job in store.jobs(State.QUEUED, 2)] == [b"1202", b"1201"]
    assert store.jobs(State.DONE, 2) == []
    assert len(list(store.unfinished())) == 1203
    assert list(store.ended()) == []
    waiting = store.oldest_waiting()
    assert waiting is not None
    assert waiting.name == "0"


def test_many_threads_write_and_every_callback_comes_after_its_commit(store: JobStore) -> None:
    """What waits at a moment shares a commit; each gets its own answer."""
    store.admit([sighting(b"%d" % n, n) for n in range(200)], keep=False)
    jobs = store.take("box", 200)
    seen: list[bool] = []
    all_in = threading.Event()

    def raise_(error: BaseException) -> None:
        raise error

    def check(job: str) -> None:
        found = store.get(job)
        seen.append(found is not None and found.preparation is not None)
        if len(seen) == 200:
            all_in.set()

    def submit(some: list[Job]) -> None:
        for job in some:
            change = prepared(job.id, sha256=job.id)
            store.submit([change], lambda _, name=job.id: check(name), raise_)  # type: ignore[misc]

    threads = [threading.Thread(target=submit, args=(jobs[k::4],)) for k in range(4)]
    for thread in threads:
        thread.start()
    assert all_in.wait(60)
    assert all(seen)


def test_what_a_delivery_remembers_outlives_runs_and_restarts(store: JobStore) -> None:
    """Each destination has its own memory, and the last that was kept counts."""
    job = _take_one(store)
    store.write([prepared(job.id, destinations=("a", "b"))])
    assert store.resume(job.id, "a") == {}
    store.write([ResumeKept(job.id, "a", {"offset": 1})])
    store.write([ResumeKept(job.id, "a", {"offset": 2, "name": "ü"})])
    store.write([parked_delivery(job.id, "a"), Requeued(job.id)])
    store.recover()
    assert store.resume(job.id, "a") == {"offset": 2, "name": "ü"}
    assert store.resume(job.id, "b") == {}
    store.write([ResumeKept(job.id, "a", {})])
    assert store.resume(job.id, "a") == {}


def test_what_a_delivery_remembers_outlives_its_failure_and_ends_with_success(
    store: JobStore,
) -> None:
    """`retry` goes on where the failed delivery was cut."""
    job = _take_one(store)
    store.write([prepared(job.id), ResumeKept(job.id, "a", {"upload": "u1"})])
    failed = DeliveryChanged(job.id, Delivery("a", DeliveryState.FAILED, 5, 1, fault=DOWN))
    store.write([failed, Recorded(job.id, FAILED), Closed(job.id, FAILED), TakenUp(job.id)])
    assert store.resume(job.id, "a") == {"upload": "u1"}
    store.take("box", 1)
    store.write([delivered(job.id, "a")])
    assert store.resume(job.id, "a") == {}
    store.write([ResumeKept(job.id, "a", {"upload": "late"})])
    assert store.resume(job.id, "a") == {}


def test_what_was_found_out_about_a_destination_is_kept(store: JobStore) -> None:
    """It is one row a destination, which the next commit takes along."""
    assert store.pace("a") == {}
    store.keep_pace("a", {"limit": 3})
    store.keep_pace("a", {"limit": 4})
    store.keep_pace("b", {"limit": 9})
    store.recover()
    assert (store.pace("a"), store.pace("b")) == ({"limit": 4}, {"limit": 9})


def test_a_sign_of_life_is_written(store: JobStore) -> None:
    """Health needs proof that the ledger can be written."""
    written = threading.Event()
    store.beat(written.set)
    assert written.wait(60)
