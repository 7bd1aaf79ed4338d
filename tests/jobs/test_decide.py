"""What comes next for a job."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import Fault, Kind
from daemon.files import Identity
from daemon.jobs.advance import advance
from daemon.jobs.changes import Closed, DeliveryChanged, ReadingEnded, Recorded
from daemon.jobs.decide import (
    FileAway,
    Park,
    Prepare,
    Record,
    Wait,
    Work,
    decide,
    deliver_step,
)
from daemon.jobs.model import (
    ENDS,
    Delivery,
    DeliveryState,
    Ending,
    Job,
    ReadingState,
    State,
)
from tests.jobs.examples import REFUSAL, preparation, prepared

NOW = 1000.0
NOTHING: frozenset[str] = frozenset()
DOWN = Fault("timeout", "no answer", Kind.TRANSIENT)


def _job(**facts: object) -> Job:
    plain = Job("j", "box", b"r.jpg", "r.jpg", State.RUNNING, Identity(1, 2, 3, 4), 900.0, True)
    return replace(plain, **facts)  # type: ignore[arg-type]


def test_a_new_job_is_prepared_first() -> None:
    """Nothing leaves the machine before validation has decided."""
    assert decide(_job(), NOTHING, NOW) == Prepare()


def test_a_refused_file_is_recorded_and_never_delivered() -> None:
    """Even where deliveries are open."""
    job = _job(preparation=preparation(refusal=REFUSAL), deliveries=(Delivery("a"),))
    assert decide(job, NOTHING, NOW) == Record(Ending(State.REJECTED, REFUSAL, "rejected"))


def test_deliveries_and_reading_start_together() -> None:
    """They do not wait for each other."""
    job = _job(
        preparation=preparation(),
        deliveries=(Delivery("a"), Delivery("b")),
        reading=ReadingState.PENDING,
    )
    assert decide(job, NOTHING, NOW) == Work(("a", "b"), read=True)


def test_what_is_under_way_is_not_started_again() -> None:
    """A result of one step starts what became due beside the others, nothing twice."""
    job = _job(preparation=preparation(), deliveries=(Delivery("a"), Delivery("b")))
    running = frozenset({deliver_step("a")})
    assert decide(job, running, NOW) == Work(("b",), read=False)
    assert decide(job, running | {deliver_step("b")}, NOW) == Wait()


def test_a_job_is_parked_until_its_earliest_delivery() -> None:
    """Reading has ended by then, because nothing is under way."""
    job = _job(
        preparation=preparation(),
        deliveries=(Delivery("a", next_at=NOW + 9), Delivery("b", next_at=NOW + 5)),
    )
    assert decide(job, NOTHING, NOW) == Park(NOW + 5)


def test_a_delivery_beyond_any_wait_is_due() -> None:
    """The clock was set back after its time was noted."""
    job = _job(preparation=preparation(), deliveries=(Delivery("a", next_at=NOW + 9e6),))
    assert decide(job, NOTHING, NOW) == Work(("a",), read=False)


def test_a_failed_delivery_fails_the_job_only_when_the_others_have_ended() -> None:
    """The other destinations still get the file."""
    failed = Delivery("a", DeliveryState.FAILED, fault=DOWN)
    waiting = _job(preparation=preparation(), deliveries=(failed, Delivery("b", next_at=NOW + 1)))
    assert decide(waiting, NOTHING, NOW) == Park(NOW + 1)
    over = _job(preparation=preparation(), deliveries=(failed,))
    assert decide(over, NOTHING, NOW) == Record(Ending(State.FAILED, DOWN, "rejected"))


def test_a_file_that_cannot_be_read_is_done_all_the_same() -> None:
    """What was validated and delivered is done; the sidecar says what reading met."""
    job = _job(preparation=preparation(), reading=ReadingState.FAILED, reading_fault=DOWN)
    assert decide(job, NOTHING, NOW) == Record(Ending(State.DONE, None, "done"))


def test_the_policies_for_duplicates() -> None:
    """skip puts it with the done, reject with the rejected, process goes on."""
    job = _job(preparation=replace(preparation(), duplicate_of="other"))
    skipped = decide(job, NOTHING, NOW, duplicates="skip")
    assert isinstance(skipped, Record)
    assert (skipped.ending.state, skipped.ending.folder) == (State.DUPLICATE, "done")
    refused = decide(job, NOTHING, NOW, duplicates="reject")
    assert isinstance(refused, Record)
    assert (refused.ending.state, refused.ending.folder) == (State.REJECTED, "rejected")
    assert decide(job, NOTHING, NOW, duplicates="process") == Record(
        Ending(State.DONE, None, "done")
    )


def test_a_cancelled_job_waits_for_what_is_under_way_and_then_ends() -> None:
    """A step that is being ended still has to say so."""
    job = _job(preparation=preparation(), deliveries=(Delivery("a"),), cancel=True)
    assert decide(job, frozenset({deliver_step("a")}), NOW) == Wait()
    ended = decide(job, NOTHING, NOW)
    assert isinstance(ended, Record)
    assert ended.ending.state is State.CANCELLED


def test_a_recorded_job_is_filed_whatever_else_is_known() -> None:
    """The sidecar is durable and says how it ended; nothing may contradict it."""
    ending = Ending(State.DONE, None, "done", b"r.jpg")
    job = _job(ending=ending, cancel=True, deliveries=(Delivery("a"),))
    assert decide(job, NOTHING, NOW) == FileAway(ending)


@given(st.data())
def test_every_job_reaches_an_end_whatever_its_steps_come_to(data: st.DataObject) -> None:
    """Any outcomes of any steps in any order lead to one end within a bounded number of actions."""
    job, now = _job(), NOW
    for _ in range(60):
        action = decide(job, NOTHING, now, duplicates="skip")
        match action:
            case Prepare():
                refusal = data.draw(st.sampled_from([None, None, REFUSAL]))
                reading = data.draw(st.sampled_from([ReadingState.NONE, ReadingState.PENDING]))
                other = data.draw(st.sampled_from([None, None, "other"]))
                change = prepared("j", destinations=("a", "b"), refusal=refusal, reading=reading)
                job = advance(job, change, other)
            case Work(deliver=names, read=read):
                for name in names:
                    job = advance(job, DeliveryChanged("j", data.draw(_delivery(name, now))))
                if read:
                    state = data.draw(st.sampled_from([ReadingState.DONE, ReadingState.FAILED]))
                    job = advance(job, ReadingEnded("j", state))
            case Park(until=until):
                assert until > now
                now = until
            case Record(ending=ending):
                job = advance(job, Recorded("j", ending))
            case FileAway(ending=ending):
                job = advance(job, Closed("j", ending))
                assert job.state in ENDS
                return
            case Wait():
                raise AssertionError("nothing is under way, so there is nothing to wait for")
    raise AssertionError("the job did not end")


def _delivery(name: str, now: float) -> st.SearchStrategy[Delivery]:
    """Mostly an end, sometimes a later attempt."""
    return st.sampled_from(
        [
            Delivery(name, DeliveryState.DELIVERED),
            Delivery(name, DeliveryState.DELIVERED),
            Delivery(name, DeliveryState.FAILED, fault=DOWN),
            Delivery(name, next_at=now + 1, fault=DOWN),
        ]
    )
