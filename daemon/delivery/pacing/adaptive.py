"""How many deliveries a destination takes at once, found out from how it answers; pure.

Additive increase and multiplicative decrease (Chiu and Jain 1989), with two things more: a number
at which the destination said no is remembered as a ceiling, below which the best is found by
halving the distance, and a larger number is kept only where it pays, judged by the round trip from
the last byte sent to the status line, which does not depend on the size of the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

JSON = Any

_FIRST: Final = 4
_SAMPLES: Final = 8
"""Successes that prove a number, at least; more than two rounds of a larger one."""
_FULL: Final = 4
"""So many of them, at least, are to have begun with all slots in use."""
_PAYS: Final = 0.1
"""A larger number is kept where it brings at least this part of what it should."""
_NOISE: Final = 0.05
"""By so much rates differ without a reason; the gain of a small step is to be larger, or half."""
_JUDGEMENTS: Final = 2
"""So often in a row a larger number must bring nothing before it is given up: a noisy machine, ours
or theirs, may well slow down the answers of one window."""


@dataclass(frozen=True, slots=True)
class _Hold:
    """How long a ceiling is kept away from: seconds, and successes that outweigh another probe."""

    seconds: float
    successes: int
    longest: float = 1800.0


_REFUSED: Final = _Hold(60.0, 300)
"""For a number that was refused when it was tried."""
_WORTHLESS: Final = _Hold(10.0, 100, longest=120.0)
"""For a number that brought nothing, or ran out of time; to try it again costs hardly anything."""
_STRAY: Final = _Hold(2.0, 100, longest=4.0)
"""For a number that was good before, and while nothing goes well: it may not be about numbers."""


@dataclass(frozen=True, slots=True)
class Start:
    """What held when an attempt began: how many were under way with it, and since when.

    `cuts` and `moves` count how often the limit had been cut, and changed at all.
    """

    under_way: int
    cuts: int
    moves: int


@dataclass(slots=True)
class _Ceiling:
    """A number that was too many, and the wall-clock time before which it is not tried again.

    `hold` is in seconds, `successes` are those that must come before that too.
    """

    at: int
    until: float
    hold: float
    successes: int


@dataclass(slots=True)
class _Window:
    """The successes of attempts that began since the limit was last changed or judged.

    `full` counts those that began with as many under way as the limit allows.
    """

    successes: int = 0
    full: int = 0
    round_trips: list[float] = field(default_factory=list)

    def ripe(self, limit: int) -> bool:
        """Whether the limit was used often enough to judge it."""
        needed = max(2 * limit, _SAMPLES)
        return self.successes >= needed and self.full >= max(needed // 4, _FULL)

    def rate(self, limit: int) -> float | None:
        """Answers a second while all that are under way wait for theirs (Little's law).

        It goes by the lower quartile: queueing at the server lengthens every round trip, a busy
        machine only many.
        """
        if not self.round_trips:
            return None
        quartile = sorted(self.round_trips)[len(self.round_trips) // 4]
        return limit / max(quartile, 1e-6)


class AdaptiveLimit:
    """Finds the largest number of deliveries that brings neither refusals nor a loss of goodput.

    Args: `maximum` is never exceeded; `remembered` is what `memory` gave in an earlier run. All
    times are wall-clock seconds. `changes` grows whenever `limit` or `memory` changes. Not safe for
    several threads at once.
    """

    def __init__(self, maximum: int, remembered: Mapping[str, JSON] | None = None) -> None:
        self.limit = min(maximum, _FIRST)
        self.changes = 0
        self._maximum = maximum
        self._proven: list[int] = []
        self._ceiling: _Ceiling | None = None
        self._stride = max(self.limit // 2, 1)
        self._cuts = 0
        self._moves = 0
        self._worthless = 0
        self._proved_since_cut = True
        self._window = _Window()
        self._rate: float | None = None
        self._successes_at_ceiling = 0
        if remembered:
            self._recall(remembered)

    def begin(self, under_way: int) -> Start:
        """An attempt begins, with so many under way, itself included."""
        return Start(under_way, self._cuts, self._moves)

    def succeeded(self, start: Start, round_trip: float | None, now: float) -> None:
        """An attempt ended well; `round_trip` is in seconds where it was measured."""
        self._successes_at_ceiling += 1
        if start.moves != self._moves:
            return
        window = self._window
        window.successes += 1
        if start.under_way >= self.limit:
            window.full += 1
            if round_trip is not None:
                window.round_trips.append(round_trip)
        if window.ripe(self.limit):
            self._judge(now)
        elif window.successes >= 64 * max(self.limit, _SAMPLES):
            self._window = _Window()  # so rarely full that it says nothing

    def throttled(self, start: Start, under_way: int, now: float) -> bool:
        """The destination refused an attempt as one too many (429, 503).

        `under_way` is how many are now, itself included. Tells whether that was our own doing, so
        that it will not happen again under the limit that holds from here on.
        """
        crowd = max(start.under_way, under_way)
        if start.cuts == self._cuts:
            tried = self._proved_since_cut and crowd > (self._proven[-1] if self._proven else 0)
            self._cut(crowd, self._last_proven_below(crowd), _REFUSED if tried else _STRAY, now)
        return crowd > self.limit

    def stalled(self, start: Start, under_way: int, now: float) -> None:
        """An attempt ran out of time."""
        if start.cuts == self._cuts:
            crowd = min(max(start.under_way, under_way), self.limit)
            self._cut(crowd, crowd // 2, _WORTHLESS, now)

    def memory(self) -> dict[str, JSON]:
        """What is worth remembering over a restart, as JSON."""
        known: dict[str, JSON] = {"limit": self._proven[-1] if self._proven else self.limit}
        if self._ceiling is not None:
            known["ceiling"] = self._ceiling.at
            known["until"] = round(self._ceiling.until)
            known["hold"] = self._ceiling.hold
        return known

    # -- how the limit moves -------------------------------------------------------------------

    def _judge(self, now: float) -> None:
        """The limit was in use for a while without a refusal: keep it, and perhaps try more."""
        rate = self._window.rate(self.limit)
        self._window = _Window()
        best = self._proven[-1] if self._proven else 0
        if self.limit > best and not self._pays(rate):
            self._worthless += 1
            if self._worthless >= _JUDGEMENTS:
                self._set_ceiling(self.limit, _WORTHLESS, now)
                self._move(best)
            return
        self._rate = rate
        self._proved_since_cut = True
        if self.limit > best:
            self._proven.append(self.limit)
            self.changes += 1
            if self._ceiling is None:
                self._stride *= 2
            elif self.limit >= self._ceiling.at:
                self._ceiling = None
                self._stride = 1
        self._advance(now)

    def _pays(self, rate: float | None) -> bool:
        """Whether the limit, larger than the best so far, brings more answers than that."""
        if rate is None or self._rate is None:
            return True
        more = self.limit / self._proven[-1] - 1
        return rate / self._rate - 1 >= max(_PAYS * more, min(_NOISE, more / 2))

    def _advance(self, now: float) -> None:
        """Go on from the largest number that is proven."""
        best, ceiling = self._proven[-1], self._ceiling
        if ceiling is None:
            self._move(best + self._stride)
        elif ceiling.at - best > 1:
            self._move((best + ceiling.at) // 2)
        elif now >= ceiling.until and self._successes_at_ceiling >= ceiling.successes:
            self._move(ceiling.at)
        else:
            self._move(best)

    def _last_proven_below(self, crowd: int) -> int:
        """Where to go back to: a number that was good, or, without a proof since, half of it."""
        while self._proven and self._proven[-1] >= crowd:
            self._proven.pop()
        if self._proven and self._proved_since_cut:
            return self._proven[-1]
        return min(crowd, self.limit) // 2

    def _cut(self, crowd: int, to: int, hold: _Hold, now: float) -> None:
        to = max(to, 1)
        while self._proven and self._proven[-1] > to:
            self._proven.pop()
        self._cuts += 1
        self._proved_since_cut = False
        self._rate = None
        self._set_ceiling(max(crowd, to + 1), hold, now)
        self._move(to)

    def _set_ceiling(self, at: int, hold: _Hold, now: float) -> None:
        """Remember a number that is too many, twice as long each time that it is met again."""
        seconds = hold.seconds
        if self._ceiling is not None and self._ceiling.at == at:
            seconds = min(max(seconds, 2 * self._ceiling.hold), hold.longest)
        self._ceiling = _Ceiling(at, now + seconds, seconds, hold.successes)
        self._successes_at_ceiling = 0
        self.changes += 1

    def _move(self, limit: int) -> None:
        limit = min(limit, self._maximum)
        if limit != self.limit:
            self.limit = limit
            self._moves += 1
            self._worthless = 0
            self._window = _Window()
            self.changes += 1

    def _recall(self, remembered: Mapping[str, JSON]) -> None:
        """Take up what an earlier run found; what makes no sense is as if it were not there."""
        limit, at = remembered.get("limit"), remembered.get("ceiling")
        until, hold = remembered.get("until"), remembered.get("hold")
        if not isinstance(limit, int) or limit < 1:
            return
        self.limit = min(limit, self._maximum)
        self._stride = max(self.limit // 2, 1)
        if not (isinstance(at, int) and isinstance(until, int) and isinstance(hold, int | float)):
            return
        if at > self.limit:
            self._ceiling = _Ceiling(at, until, min(max(hold, 0.0), _REFUSED.longest), 0)
