"""How many bytes a second may be sent, by the time of day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from daemon.config.units import parse_rate

_HOURS = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*")
_DAY = 24 * 60
_OTHERWISE = "default"
_RATE = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*([KkMmGgTt]?[Ii]?[Bb])?/[Ss]\s*$"}


@dataclass(frozen=True, slots=True)
class Window:
    """A part of each day, in minutes after midnight by the clock on the wall, with its rate.

    One that ends before it starts goes over midnight.
    """

    start: int
    end: int
    rate: int

    def covers(self, minute: int) -> bool:
        """Whether a minute of the day lies in it."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Rates in bytes a second: `otherwise` outside all windows, None for as fast as it goes."""

    otherwise: int | None
    windows: tuple[Window, ...] = ()

    def rate(self, now: float, zone: tzinfo | None = None) -> int | None:
        """The rate at `now`, in seconds since 1970, by the local time of `zone` or of the machine.

        A window begins and ends as the clock on the wall shows it, also on a day with 23 hours, or
        with 25, when what is shown twice counts twice.
        """
        if not self.windows:
            return self.otherwise
        local = datetime.fromtimestamp(now, UTC).astimezone(zone)
        minute = local.hour * 60 + local.minute
        return next((w.rate for w in self.windows if w.covers(minute)), self.otherwise)

    @property
    def slowest(self) -> int:
        """The lowest rate of the day."""
        rates = [window.rate for window in self.windows]
        return min(rates if self.otherwise is None else [*rates, self.otherwise])


def parse_bandwidth(value: object) -> Bandwidth:
    """A rate such as 10MB/s, or rates by hours; raises ValueError with an example."""
    if isinstance(value, Bandwidth):
        return value
    if not isinstance(value, dict):
        return Bandwidth(_positive(value))
    windows = tuple(_window(str(key), rate) for key, rate in value.items() if key != _OTHERWISE)
    if not windows:
        raise ValueError('give hours too, such as "08:00-18:00": 1MB/s, or the rate alone')
    _refuse_overlaps(windows)
    otherwise = value.get(_OTHERWISE)
    return Bandwidth(None if otherwise is None else _positive(otherwise), windows)


def _positive(value: object) -> int:
    rate = parse_rate(value)
    if not rate:
        raise ValueError("a rate must be more than 0")
    return rate


def _window(hours: str, rate: object) -> Window:
    match = _HOURS.fullmatch(hours)
    if match is None:
        raise ValueError(f'{hours!r} is neither hours, such as "08:00-18:00", nor default')
    start, end = _minute(match[1], match[2]), _minute(match[3], match[4])
    if start == end:
        raise ValueError(f"{hours!r} has no length; for the whole day use default")
    return Window(start % _DAY, end, _positive(rate))


def _minute(hour: str, minute: str) -> int:
    found = int(hour) * 60 + int(minute)
    if int(minute) >= 60 or found > _DAY:
        raise ValueError(f"{hour}:{minute} is not a time of day, which goes from 00:00 to 24:00")
    return found


def _refuse_overlaps(windows: tuple[Window, ...]) -> None:
    for minute in range(_DAY):
        if sum(window.covers(minute) for window in windows) > 1:
            raise ValueError(
                f"two rates apply at {minute // 60:02}:{minute % 60:02}; hours must not overlap"
            )


Rates = Annotated[
    Bandwidth,
    BeforeValidator(parse_bandwidth),
    WithJsonSchema(
        {
            "anyOf": [
                _RATE,
                {
                    "type": "object",
                    "properties": {_OTHERWISE: _RATE},
                    "patternProperties": {r"^\s*\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2}\s*$": _RATE},
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ],
            "examples": ["10MB/s", {_OTHERWISE: "10MB/s", "08:00-18:00": "1MB/s"}],
        }
    ),
]
