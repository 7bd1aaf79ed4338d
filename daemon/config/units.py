"""Sizes, times and rates as people write them: `25MB`, `1.5s`, `10MB/s`, `100MP`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_SIZES = {
    "": 1, "B": 1,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
_TIMES = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PIXELS = {"": 1, "P": 1, "KP": 10**3, "MP": 10**6, "GP": 10**9}
_NUMBER_AND_UNIT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def _split(value: str, example: str) -> tuple[float, str]:
    match = _NUMBER_AND_UNIT.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is not understood; write it like {example}")
    return float(match.group(1)), match.group(2)


def parse_size(value: object) -> int:
    """Bytes from `25MB`, `4KiB` or a whole number; raises ValueError with an example."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not a size; write it like 25MB")
    if isinstance(value, int):
        return value
    number, unit = _split(value, "25MB")
    if unit.upper() not in _SIZES:
        raise ValueError(f"{unit!r} is not a unit of size; use B, KB, MB, GB or TB")
    return int(number * _SIZES[unit.upper()])


def parse_duration(value: object) -> float:
    """Seconds from `500ms`, `1s`, `24h` or `7d`; a bare 0 is allowed, other numbers need a unit."""
    if value == 0 and not isinstance(value, bool):
        return 0.0
    if not isinstance(value, str):
        raise ValueError(f"{value!r} has no unit; write it like 1s, 500ms or 24h")
    number, unit = _split(value, "1s, 500ms or 24h")
    if unit.lower() not in _TIMES:
        if not unit and number == 0:
            return 0.0
        raise ValueError(f"{value!r} has no unit of time; use ms, s, m, h or d")
    return number * _TIMES[unit.lower()]


def parse_rate(value: object) -> int:
    """Bytes a second from `10MB/s`."""
    if not isinstance(value, str) or not value.strip().lower().endswith("/s"):
        raise ValueError(f"{value!r} is not a rate; write it like 10MB/s")
    return parse_size(value.strip()[:-2])


def parse_pixels(value: object) -> int:
    """Pixels from `100MP` or a whole number."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not a number of pixels; write it like 100MP")
    if isinstance(value, int):
        return value
    number, unit = _split(value, "100MP")
    if unit.upper() not in _PIXELS:
        raise ValueError(f"{unit!r} is not a unit of pixels; use MP")
    return int(number * _PIXELS[unit.upper()])


Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
Duration = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]
Rate = Annotated[int, BeforeValidator(parse_rate), Field(gt=0)]
Pixels = Annotated[int, BeforeValidator(parse_pixels), Field(gt=0)]
