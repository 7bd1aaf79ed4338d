"""When to look for jobs, and where."""

from __future__ import annotations

from daemon.clock import SystemClock
from daemon.pipeline.agenda import Agenda


class Set(SystemClock):
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.wall = 1000.0

    def now(self) -> float:
        return self.wall


def test_all_inboxes_are_looked_into_at_first_in_their_order() -> None:
    """What the last run left may be anywhere."""
    assert Agenda(["b", "a"], Set()).open() == ["b", "a"]


def test_an_emptied_inbox_is_left_alone_until_there_is_news() -> None:
    """Asking the ledger costs; silence means that nothing is ready."""
    agenda = Agenda(["a"], Set())
    agenda.emptied("a", None)
    assert agenda.open() == []
    assert agenda.seconds_to_wake() is None
    agenda.look_into("a")
    assert agenda.open() == ["a"]


def test_a_stranger_is_passed_over() -> None:
    """A job of an inbox that the configuration no longer has keeps nobody busy."""
    agenda = Agenda(["a"], Set())
    agenda.emptied("a", None)
    agenda.look_into("gone")
    assert agenda.open() == []


def test_the_earliest_waiting_job_decides_when_to_wake_up() -> None:
    """And then all inboxes are looked into."""
    clock = Set()
    agenda = Agenda(["a", "b"], clock)
    agenda.emptied("a", 1030.0)
    agenda.emptied("b", 1030.0)
    agenda.wake_by(1010.0)
    agenda.wake_by(1020.0)
    agenda.wake_by(0.0)
    assert agenda.seconds_to_wake() == 10.0
    agenda.wake()
    assert agenda.open() == []
    clock.wall = 1010.0
    agenda.wake()
    assert agenda.open() == ["a", "b"]


def test_a_time_beyond_any_wait_is_due() -> None:
    """The wall clock was set back since it was noted."""
    clock = Set()
    agenda = Agenda(["a"], clock)
    agenda.emptied("a", 1030.0)
    clock.wall = 1000.0 - 365 * 86_400
    assert agenda.seconds_to_wake() == 0.0
    agenda.wake()
    assert agenda.open() == ["a"]


def test_a_far_time_is_looked_at_now_and_then() -> None:
    """The wall clock can be set forward while we sleep."""
    agenda = Agenda(["a"], Set())
    agenda.emptied("a", 5000.0)
    assert agenda.seconds_to_wake() == 60.0


def test_jobs_that_are_held_back_are_not_looked_for_without_end() -> None:
    """While no file can be judged, one that is due stays due; looking at once would spin."""
    clock = Set()
    agenda = Agenda(["a"], clock)
    agenda.emptied("a", clock.wall - 10.0, held=True)
    assert agenda.seconds_to_wake() == 2.0
    agenda.emptied("a", None, held=True)
    assert agenda.seconds_to_wake() is None


def test_the_end_of_a_job_opens_the_inbox_of_its_copy() -> None:
    """Only of those that somebody waits for."""
    agenda = Agenda(["a"], Set())
    agenda.emptied("a", None)
    agenda.wait_for("job")
    agenda.ended("other", "a")
    assert agenda.open() == []
    agenda.ended("job", "a")
    assert agenda.open() == ["a"]


def test_another_configuration_is_served_from_its_first_inbox() -> None:
    """A reload looks into everything anew."""
    agenda = Agenda(["a"], Set())
    agenda.emptied("a", None)
    agenda.serve(["b", "c"])
    assert agenda.open() == ["b", "c"]
