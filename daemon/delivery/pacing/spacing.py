"""How far apart deliveries must begin, for a destination that counts requests a second; pure.

Where even one delivery at a time is refused now and then, no number under way is small enough, and
the time between two beginnings is what can be found: additive increase, multiplicative decrease.

A server that counts takes as many a second from one refusal to the next whatever the interval is.
Where it takes fewer the longer the interval, it refuses for another reason, and asking less often
helps nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

JSON = Any

_SUCCESSES: Final = 50
"""So many in a row, and the interval becomes a little shorter."""
_SHORTER: Final = 0.98
_LONGER: Final = 1.25
_FIRST_LONGER: Final = 2.0
"""Until so many successes in a row were seen for the first time."""
_SHORTEST: Final = 0.002
_LONGEST: Final = 10.0
_IN_VAIN: Final = 4
"""So many refusals in a row at half of what was taken a second before, and nothing is spaced."""
_ROOM: Final = 2.0
"""No interval is longer than so many times the one that the best stretch had on average."""
_ENOUGH: Final = 5
"""So many deliveries make a stretch that is long enough to be the best."""
_LET_BE: Final = 600.0
"""Seconds for which nothing is spaced then."""
_IDLE: Final = 2.0
"""Seconds without a delivery, beyond the interval, in which nothing can be learned."""


class Spacing:
    """The least time between the beginnings of two deliveries, 0.0 where none is needed.

    Args: `remembered` is what `memory` gave in an earlier run. Seconds are of any clock that is
    always the same one. Not safe for several threads at once.
    """

    def __init__(self, remembered: Mapping[str, JSON] | None = None) -> None:
        interval = (remembered or {}).get("interval")
        known = isinstance(interval, int | float) and _SHORTEST <= interval <= _LONGEST
        self.interval = float(interval) if known and interval is not None else 0.0
        self.changes = 0
        self._longer = _LONGER if known else _FIRST_LONGER
        self._successes = 0
        self._since: float | None = None
        self._next = 0.0
        self._let_be_until = 0.0
        most = (remembered or {}).get("most")
        self._stretch = _Stretch(most if isinstance(most, float) and 0 < most < 1e6 else 0.0)

    def turn(self, now: float) -> float:
        """Take the next turn to begin; returns the seconds until it comes."""
        if not self.interval:
            return 0.0
        start = max(now, self._next)
        self._next = start + self.interval
        return start - now

    def succeeded(self, now: float) -> None:
        """A delivery that began in its turn was taken."""
        if self._since is None:
            self._since = now
        self._stretch.taken(now, self.interval)
        self._successes += 1
        if self.interval and self._successes >= _SUCCESSES:
            self._longer = _LONGER
            shorter = self.interval * _SHORTER
            self._set(shorter if shorter >= _SHORTEST else 0.0, now)

    def refused(self, now: float) -> bool:
        """A lone delivery was refused; tells whether it came too soon after others that were taken.

        Without a success before it the destination refuses for another reason, and nothing changes.
        """
        if not self._successes or self._since is None or now < self._let_be_until:
            return False
        if self._stretch.refused(now) >= _IN_VAIN:
            self._stretch = _Stretch()
            self._let_be_until = now + _LET_BE
            self._set(0.0, now)
            return False
        pace = self.interval or (now - self._since) / self._successes
        longest = min(_LONGEST, _ROOM / self._stretch.most) if self._stretch.most else _LONGEST
        self._set(max(min(pace * self._longer, longest), 2 * _SHORTEST), now)
        self._successes, self._since = 0, None
        self._next = now + self.interval
        return True

    def memory(self) -> dict[str, JSON]:
        """What is worth remembering over a restart, as JSON."""
        if not self.interval:
            return {}
        most = round(self._stretch.most, 4)
        return {"interval": round(self.interval, 4), **({"most": most} if most else {})}

    def _set(self, interval: float, now: float) -> None:
        self.interval = interval
        self.changes += 1
        self._successes, self._since = 0, now


class _Stretch:
    """What was taken a second from one refusal to the next, beside the most that ever was."""

    def __init__(self, most: float = 0.0) -> None:
        self.most = most
        self._began: float | None = None
        self._last = 0.0
        self._taken = 0
        self._in_vain = 0

    def taken(self, now: float, interval: float) -> None:
        """A delivery was taken; time in which there was nothing to deliver is no measure."""
        if self._taken and now - self._last > interval + _IDLE:
            self._began = None
        self._taken += 1
        self._last = now

    def refused(self, now: float) -> int:
        """A stretch is over; returns how many of the last ones in a row were half of the best."""
        if self._began is not None and now > self._began:
            rate = self._taken / (now - self._began)
            self._in_vain = self._in_vain + 1 if rate < self.most / 2 else 0
            if self._taken >= _ENOUGH:
                self.most = max(self.most, rate)
        self._began, self._taken = now, 0
        return self._in_vain
