"""The limit finds what a destination takes, against simulated servers in virtual time."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.delivery.pacing.adaptive import AdaptiveLimit
from tests.delivery.simulating import Answer, Simulation, allowing, queueing


@given(
    capacity=st.integers(1, 40),
    maximum=st.integers(1, 64),
    thinks=st.floats(0.02, 1.0),
    seed=st.integers(0, 1000),
)
@settings(max_examples=30)
def test_the_number_that_a_server_allows_is_found_and_kept(
    capacity: int, maximum: int, thinks: float, seed: int
) -> None:
    """Within 30 seconds nine tenths of the best fixed number, then hardly a refusal."""
    limit = AdaptiveLimit(maximum)
    simulation = Simulation(allowing(capacity, thinks), limit, seed)
    simulation.run(30)
    later = simulation.run(30)
    best = min(capacity, maximum) / (thinks * 1.05)
    assert later.taken >= 0.9 * best * 30 - 2 * capacity
    assert later.share_refused < 0.02
    assert later.excused == later.refused or capacity == 1
    assert limit.limit <= maximum


@given(at_once=st.integers(2, 12), maximum=st.integers(1, 32), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_more_is_tried_and_not_kept_where_it_brings_nothing(
    at_once: int, maximum: int, seed: int
) -> None:
    """A server that lets the rest wait is used to the full, and its queue stays short."""
    limit = AdaptiveLimit(maximum)
    simulation = Simulation(queueing(at_once, 0.1), limit, seed)
    simulation.run(30)
    later = simulation.run(30)
    assert later.taken >= 0.9 * min(at_once, maximum) / 0.1 * 30
    assert limit.limit <= 8 + 3 * at_once


@pytest.mark.parametrize("at_once", [4, 8, 16])
def test_no_goodput_is_lost_to_crowding(at_once: int) -> None:
    """A server that gets slower for all when more come than it works on keeps its best."""
    simulation = Simulation(queueing(at_once, 0.01, thrash=0.1), AdaptiveLimit(64))
    simulation.run(30)
    assert simulation.run(30).taken >= 0.9 * at_once / 0.01 * 30


def test_a_server_without_bounds_gets_the_maximum() -> None:
    """Where nothing speaks against it all that is allowed is used."""
    limit = AdaptiveLimit(37)
    Simulation(allowing(1000, 0.005), limit).run(5)
    assert limit.limit == 37


def test_a_server_that_allows_more_later_gets_more() -> None:
    """A ceiling is tried again now and then, each time after a longer while."""
    limit = AdaptiveLimit(32)
    simulation = Simulation(allowing(6, 0.05), limit)
    simulation.run(120)
    assert limit.limit == 6
    simulation.server = allowing(20, 0.05)
    simulation.run(600)
    assert limit.limit == 20


def test_a_server_that_allows_less_later_gets_less() -> None:
    """Within seconds, and without a stream of refusals."""
    limit = AdaptiveLimit(32)
    simulation = Simulation(allowing(20, 0.05), limit)
    simulation.run(60)
    simulation.server = allowing(3, 0.05)
    assert simulation.run(20).refused < 60
    assert limit.limit == 3


def test_a_stray_refusal_does_no_lasting_harm() -> None:
    """One 503 in a thousand costs a little for a while."""

    def stray(under_way: int, luck: random.Random) -> Answer:
        return Answer(0.02, "throttled" if luck.random() < 0.001 else "taken")

    simulation = Simulation(stray, AdaptiveLimit(8))
    simulation.run(30)
    assert simulation.run(600).taken >= 0.5 * 8 / 0.02 * 600


def test_an_outage_is_no_lesson_about_numbers() -> None:
    """A server that refused everything for a while soon gets as much as before."""
    simulation = Simulation(allowing(100, 0.02), AdaptiveLimit(16))
    simulation.run(10)
    simulation.server = lambda _number, _luck: Answer(0.5, "throttled")
    assert simulation.run(30).taken <= 16
    simulation.server = allowing(100, 0.02)
    simulation.run(10)
    assert simulation.limit.limit == 16
    assert simulation.run(10).taken >= 0.9 * 16 / 0.021 * 10


def test_a_stall_halves_the_number() -> None:
    """An attempt that ran out of time says that the line or the server is overloaded, not how."""
    limit = AdaptiveLimit(8)
    Simulation(allowing(100, 0.01), limit).run(5)
    assert limit.limit == 8
    together = [limit.begin(number) for number in range(1, 9)]
    for start in together:
        limit.stalled(start, 8, 1.8e9)
    assert limit.limit == 4


def test_refusals_of_one_burst_count_once() -> None:
    """What was under way at the old number says nothing about the new one."""
    limit = AdaptiveLimit(16)
    Simulation(allowing(100, 0.01), limit).run(5)
    burst = [limit.begin(number) for number in range(1, 17)]
    assert [limit.throttled(start, 16, 1.8e9) for start in burst] == [True] * 16
    assert limit.limit == 8


def test_a_lone_delivery_that_is_refused_is_not_our_doing() -> None:
    """Under a limit of one there is nothing left to lower."""
    limit = AdaptiveLimit(1)
    assert not limit.throttled(limit.begin(1), 1, 1.8e9)
    assert limit.limit == 1


def test_what_was_found_is_remembered() -> None:
    """A restart begins with the number that was found, and keeps away from the ceiling."""
    limit = AdaptiveLimit(32)
    simulation = Simulation(allowing(6, 0.05), limit)
    simulation.run(60)
    memory = json.loads(json.dumps(limit.memory()))
    again = AdaptiveLimit(32, memory)
    assert again.limit == 6
    restarted = Simulation(allowing(6, 0.05), again, seed=2)
    restarted.now = simulation.now
    assert restarted.run(30).refused <= 2
    assert again.limit == 6


@given(
    st.dictionaries(
        st.sampled_from(["limit", "ceiling", "until", "hold", "other"]),
        st.none() | st.booleans() | st.integers(-5, 100) | st.floats(allow_nan=False) | st.text(),
    )
)
def test_nothing_remembered_does_harm(memory: dict[str, object]) -> None:
    """Whatever stands in the ledger, the limit lies within its bounds and finds its way."""
    limit = AdaptiveLimit(8, memory)
    assert 1 <= limit.limit <= 8
    Simulation(allowing(3, 0.2), limit).run(60)
    assert limit.limit <= 4


def test_more_under_way_than_allowed_does_not_raise_the_limit() -> None:
    """A stop may let a few more begin than fit; what they find is held against the maximum."""
    limit = AdaptiveLimit(2)
    limit.throttled(limit.begin(8), 8, 1.8e9)
    Simulation(allowing(100, 0.01), limit).run(1)
    assert limit.limit <= 2


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7), st.floats(0, 100))), st.data())
def test_the_limit_keeps_its_bounds(
    events: list[tuple[int, int, float]], data: st.DataObject
) -> None:
    """No order of answers leads below one or above the maximum."""
    maximum = data.draw(st.integers(1, 12))
    limit, now = AdaptiveLimit(maximum), 1.8e9
    starts = [limit.begin(1)]
    for kind, which, seconds in events:
        now += seconds
        start = starts[which % len(starts)]
        match kind:
            case 0:
                starts.append(limit.begin(which + 1))
            case 1:
                limit.succeeded(start, seconds or None, now)
            case 2:
                limit.throttled(start, which + 1, now)
            case _:
                limit.stalled(start, which + 1, now)
        assert 1 <= limit.limit <= maximum
