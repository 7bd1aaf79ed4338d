"""How far apart deliveries must begin, for a destination that counts requests a second; pure.

Where even one delivery at a time is refused now and then, no number under way is small enough, and
the time between two beginnings is what can be found: additive increase, multiplicative decrease.
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
        self._successes += 1
        if self.interval and self._successes >= _SUCCESSES:
            self._longer = _LONGER
            shorter = self.interval * _SHORTER
            self._set(shorter if shorter >= _SHORTEST else 0.0, now)

    def refused(self, now: float) -> bool:
        """A lone delivery was refused; tells whether it came too soon after others that were taken.

        Without a success before it the destination refuses for another reason, and nothing changes.
        """
        if not self._successes or self._since is None:
            return False
        pace = self.interval or (now - self._since) / self._successes
        self._set(min(max(pace * self._longer, 2 * _SHORTEST), _LONGEST), now)
        self._successes, self._since = 0, None
        self._next = now + self.interval
        return True

    def memory(self) -> dict[str, JSON]:
        """What is worth remembering over a restart, as JSON."""
        return {"interval": round(self.interval, 4)} if self.interval else {}

    def _set(self, interval: float, now: float) -> None:
        self.interval = interval
        self.changes += 1
        self._successes, self._since = 0, now
