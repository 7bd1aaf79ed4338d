"""A server and a backlog without end, simulated event by event in virtual time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from daemon.delivery.pacing.adaptive import AdaptiveLimit, Start


@dataclass(frozen=True, slots=True)
class Answer:
    """What a simulated server makes of one request."""

    seconds: float
    outcome: str = "taken"  # or throttled, stalled


Server = Callable[[int, random.Random], Answer]
"""Answers a request when so many, itself included, are with it."""


@dataclass(slots=True)
class Tally:
    """What came of a stretch of time."""

    taken: int = 0
    refused: int = 0
    excused: int = 0

    @property
    def share_refused(self) -> float:
        return self.refused / max(1, self.taken + self.refused)


def allowing(capacity: int, thinks: float) -> Server:
    """Takes so many at once and refuses the rest at once."""

    def answer(under_way: int, luck: random.Random) -> Answer:
        if under_way > capacity:
            return Answer(min(thinks, 0.002), "throttled")
        return Answer(thinks * luck.uniform(0.8, 1.3))

    return answer


def queueing(at_once: int, thinks: float, *, thrash: float = 0.0) -> Server:
    """Works on so many at once and lets the rest wait; each that waits slows all by `thrash`."""

    def answer(under_way: int, luck: random.Random) -> Answer:
        over = max(0, under_way - at_once)
        rounds = max(1.0, under_way / at_once) * (1 + thrash * over)
        return Answer(thinks * rounds * luck.uniform(0.9, 1.1))

    return answer


@dataclass
class Simulation:
    """A client that always has more to send, under an adaptive limit."""

    server: Server
    limit: AdaptiveLimit
    seed: int = 1
    now: float = 1_800_000_000.0
    luck: random.Random = field(init=False)
    under_way: int = field(default=0, init=False)
    _events: list[tuple[float, int, Start, Answer]] = field(default_factory=list, init=False)
    _number: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.luck = random.Random(self.seed)

    def run(self, seconds: float) -> Tally:
        """Go on for so long; returns what came of it."""
        tally = Tally()
        until = self.now + seconds
        while True:
            self._fill()
            if self._events[0][0] > until:
                self.now = until
                return tally
            self.now, _, start, answer = heapq.heappop(self._events)
            self._end(start, answer, tally)

    def _fill(self) -> None:
        while self.under_way < self.limit.limit:
            self.under_way += 1
            start = self.limit.begin(self.under_way)
            answer = self.server(self.under_way, self.luck)
            self._number += 1
            heapq.heappush(self._events, (self.now + answer.seconds, self._number, start, answer))

    def _end(self, start: Start, answer: Answer, tally: Tally) -> None:
        if answer.outcome == "taken":
            tally.taken += 1
            self.limit.succeeded(start, answer.seconds, self.now)
        elif answer.outcome == "stalled":
            self.limit.stalled(start, self.under_way, self.now)
        else:
            tally.refused += 1
            tally.excused += self.limit.throttled(start, self.under_way, self.now)
        self.under_way -= 1
