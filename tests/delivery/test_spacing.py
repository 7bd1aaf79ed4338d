"""The time between deliveries is found for servers that count requests, in virtual time."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.delivery.pacing.spacing import Spacing


@dataclass
class Counting:
    """A server with a token bucket, met by one delivery at a time that rests after a refusal."""

    spacing: Spacing
    rate: float
    burst: int
    rest: float = 0.7
    luck: random.Random = field(default_factory=lambda: random.Random(3))
    now: float = 0.0

    def __post_init__(self) -> None:
        self._tokens = float(self.burst)
        self._filled = self.now

    def run(self, seconds: float) -> tuple[int, int]:
        """Go on for so long; returns how many were taken, and how many refused."""
        until, taken, refused = self.now + seconds, 0, 0
        while self.now < until:
            self.now += self.spacing.turn(self.now)
            self.now += 0.005 * self.luck.uniform(0.8, 1.3)
            self._tokens = min(self.burst, self._tokens + (self.now - self._filled) * self.rate)
            self._filled = self.now
            if self._tokens >= 1:
                self._tokens -= 1
                taken += 1
                self.spacing.succeeded(self.now)
            else:
                refused += 1
                self.spacing.refused(self.now)
                self.now += self.rest
        return taken, refused


@given(rate=st.floats(2, 60), burst=st.integers(1, 40), seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_a_rate_that_a_server_allows_is_found_and_kept(rate: float, burst: int, seed: int) -> None:
    """After a minute most of what it allows is used, and hardly a request refused."""
    server = Counting(Spacing(), rate, burst, luck=random.Random(seed))
    server.run(60)
    taken, refused = server.run(120)
    assert taken >= 0.5 * rate * 120
    assert refused <= 0.02 * taken


@pytest.mark.parametrize("share", [0.02, 0.05, 0.15])
@pytest.mark.parametrize("rest", [0.0, 0.05])
def test_a_server_that_refuses_at_random_is_not_asked_less_and_less(
    share: float, rest: float
) -> None:
    """What it takes does not depend on the pace, so the pace is left alone."""
    luck = random.Random(7)
    spacing, now, taken = Spacing(), 0.0, 0
    while now < 400:
        now += spacing.turn(now) + 0.005
        if luck.random() < share:
            spacing.refused(now)
            now += rest
        else:
            spacing.succeeded(now)
            taken += now > 100
    assert taken / 300 >= 0.5 * (1 - share) / (0.005 + share * rest)


def test_many_short_lives_do_not_add_up_to_a_pause() -> None:
    """A daemon that is killed again and again asks a server that refuses at random no less."""
    luck = random.Random(7)
    memory: dict[str, object] = {}
    for _ in range(200):
        spacing, now = Spacing(memory), 0.0
        while now < 2:
            now += spacing.turn(now) + 0.005
            if luck.random() < 0.1:
                spacing.refused(now)
            else:
                spacing.succeeded(now)
        memory = json.loads(json.dumps(spacing.memory()))
    assert spacing.interval < 1.0


def test_nothing_is_spaced_where_nothing_is_refused() -> None:
    """Most servers count nothing."""
    spacing = Spacing()
    for second in range(100):
        spacing.succeeded(float(second))
        assert spacing.turn(float(second)) == 0.0
    assert spacing.memory() == {}


def test_a_refusal_without_a_success_before_it_is_not_about_the_pace() -> None:
    """A server that takes nothing at all is not asked too often."""
    spacing = Spacing()
    assert not spacing.refused(1.0)
    spacing.succeeded(2.0)
    assert spacing.refused(2.1)
    assert not spacing.refused(3.0)


def test_turns_follow_each_other() -> None:
    """Whoever asks, and however long nobody asked, there is no burst."""
    spacing = Spacing({"interval": 0.5})
    assert [spacing.turn(10.0) for _ in range(3)] == [0.0, 0.5, 1.0]
    assert spacing.turn(100.0) == 0.0
    assert spacing.turn(100.0) == 0.5


def test_a_server_that_counts_no_more_is_noticed() -> None:
    """The interval becomes shorter with every success, until none is needed."""
    spacing = Spacing({"interval": 0.02})
    server = Counting(spacing, 10_000, 10_000)
    server.run(300)
    assert spacing.interval == 0.0


def test_what_was_found_is_remembered() -> None:
    """A restart begins with it."""
    first = Spacing()
    Counting(first, 20, 5).run(60)
    memory = json.loads(json.dumps(first.memory()))
    again = Spacing(memory)
    assert again.interval == pytest.approx(first.interval, abs=0.001)
    assert Counting(again, 20, 5).run(60)[1] <= 10


@given(
    st.none() | st.text() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.just([])
)
def test_nothing_remembered_does_harm(value: object) -> None:
    """Whatever stands in the ledger, the interval lies within its bounds."""
    spacing = Spacing({"interval": value})
    assert 0.0 <= spacing.interval <= 10.0
