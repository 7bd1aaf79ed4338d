"""A child asks its parent for what it may not do itself, and goes on with the answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from daemon.children.errors import ChildFailedError
from daemon.children.frames import JSON
from daemon.children.limits import ChildLimits
from daemon.children.pool import ChildPool
from daemon.errors import InboxdError, Kind, StoppedError
from tests.waiting import PATIENCE

MIB = 1024 * 1024


@pytest.fixture
def pool() -> Iterator[ChildPool]:
    limits = ChildLimits(memory=512 * MIB, cpu=5.0, answer=8 * MIB)
    made = ChildPool(f"{__package__}.targets:curious", name="curious", size=1, limits=limits)
    yield made
    made.close()


def test_questions_are_answered_in_turn(pool: ChildPool) -> None:
    """Each question reaches the parent, each answer the child, whatever their length."""
    asked: list[JSON] = []

    def answerer(question: JSON) -> JSON:
        asked.append(question)
        return [question, "yes"]

    questions: JSON = ["one", {"two": 2}, "x" * (2 * MIB)]
    answer = pool.run(questions, timeout=PATIENCE, answerer=answerer)
    assert asked == questions
    assert answer == [[question, "yes"] for question in asked]


def test_a_fault_of_the_parent_reaches_the_child_with_its_code(pool: ChildPool) -> None:
    """The child fails as the parent did, and lives on."""

    def refuse(question: JSON) -> JSON:
        raise InboxdError("not_today", "come back tomorrow", kind=Kind.TRANSIENT)

    with pytest.raises(ChildFailedError) as told:
        pool.run(["may I?"], timeout=PATIENCE, answerer=refuse)
    assert told.value.origin is not None
    assert (told.value.origin.code, told.value.origin.kind) == ("not_today", Kind.TRANSIENT)
    assert pool.run([], timeout=PATIENCE) == []


def test_a_child_that_has_nobody_to_ask_is_told_so(pool: ChildPool) -> None:
    """A question that nobody expects is a fault, not a wait."""
    with pytest.raises(ChildFailedError, match="nobody to ask"):
        pool.run(["hello?"], timeout=PATIENCE)


def test_time_spent_on_an_answer_is_not_the_childs(pool: ChildPool) -> None:
    """A slow server behind the parent does not use up what the child has for its own work."""
    pool.run([], timeout=PATIENCE)

    def take_long(question: JSON) -> JSON:
        threading.Event().wait(3.5)
        return "at last"

    assert pool.run(["now?"], timeout=3.0, answerer=take_long) == ["at last"]


def test_a_stop_while_the_parent_answers_ends_the_request(pool: ChildPool) -> None:
    """The answerer may give up; nothing waits for the child then."""

    def stop(question: JSON) -> JSON:
        raise StoppedError

    with pytest.raises(StoppedError):
        pool.run(["shall I?"], timeout=PATIENCE, answerer=stop)
