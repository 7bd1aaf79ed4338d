"""Sizes, times, rates and paths as people write them: `25MB`, `1.5s`, `10MB/s`, `../done`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

_SIZES = {
    "": 1, "B": 1,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
_TIMES = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PIXELS = {"": 1, "P": 1, "KP": 10**3, "MP": 10**6, "GP": 10**9}
_MOST = 2**62
_LONGEST_NAME, _LONGEST_PATH = 255, 4096
"""NAME_MAX and PATH_MAX of linux/limits.h, in bytes."""
_TEN_YEARS = 3650 * 86400.0
_NUMBER_AND_UNIT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def _split(value: str, example: str) -> tuple[float, str]:
    match = _NUMBER_AND_UNIT.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is not understood; write it like {example}")
    number = float(match.group(1))
    if number > _MOST:
        raise ValueError(f"{value[:20]!r} is too large; write it like {example}")
    return number, match.group(2)


def _whole(number: float) -> int:
    if number > _MOST:
        raise ValueError("this is larger than any file can be")
    return int(number)


def parse_size(value: object) -> int:
    """Bytes from `25MB`, `4KiB` or a whole number; raises ValueError with an example."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not a size; write it like 25MB")
    if isinstance(value, int):
        return value
    number, unit = _split(value, "25MB")
    if unit.upper() not in _SIZES:
        raise ValueError(f"{value!r} has no unit of size; write it like 25MB (B, KB, MB, GB, TB)")
    return _whole(number * _SIZES[unit.upper()])


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
        raise ValueError(f"{value!r} has no unit of time; write it like 1s, 500ms or 24h")
    seconds = number * _TIMES[unit.lower()]
    if seconds > _TEN_YEARS:
        raise ValueError(f"{value!r} is longer than ten years")
    return seconds


def parse_rate(value: object) -> int:
    """Bytes a second from `10MB/s`."""
    if not isinstance(value, str) or not value.strip().lower().endswith("/s"):
        raise ValueError(f"{value!r} is not a rate; write it like 10MB/s")
    try:
        return parse_size(value.strip()[:-2])
    except ValueError:
        raise ValueError(f"{value!r} is not a rate; write it like 10MB/s") from None


def parse_pixels(value: object) -> int:
    """Pixels from `100MP` or a whole number."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not a number of pixels; write it like 100MP")
    if isinstance(value, int):
        return value
    number, unit = _split(value, "100MP")
    if unit.upper() not in _PIXELS:
        raise ValueError(f"{value!r} has no unit of pixels; write it like 100MP")
    return _whole(number * _PIXELS[unit.upper()])


def parse_count(value: object) -> object:
    """A whole number, also as text from the environment; refuses true, false and fractions."""
    if isinstance(value, bool | float):
        raise ValueError(f"{str(value).lower()} is not a whole number")
    return value


def parse_path(value: object, info: ValidationInfo) -> Path:
    """An absolute path; a relative one starts at the folder in the context's `folder`."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError("this must be a path, such as /srv/inboxd/inbox")
    folder = (info.context or {}).get("folder", "")
    path = os.path.abspath(os.path.join(folder, os.path.expanduser(value)))
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        raise ValueError("this has characters that no file system takes") from None
    if len(encoded) >= _LONGEST_PATH or max(map(len, encoded.split(b"/"))) > _LONGEST_NAME:
        raise ValueError("this is longer than any path can be")
    return Path(path)


def written_duration(seconds: float) -> str:
    """Seconds as a person writes them: `24h`, `1.5s`, `500ms`."""
    for unit in ("h", "m", "s"):
        if seconds and seconds % _TIMES[unit] == 0:
            return f"{seconds / _TIMES[unit]:.0f}{unit}"
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:g}s"


def written_size(size: float) -> str:
    """Bytes as a person writes them: `25MB`; whole units only, so nothing is lost."""
    for unit in ("TB", "GB", "MB", "KB"):
        if size and size % _SIZES[unit] == 0:
            return f"{size / _SIZES[unit]:.0f}{unit}"
    return f"{size:.0f}B"


def written_rate(rate: float) -> str:
    """Bytes a second as a person writes them: `10MB/s`."""
    return f"{written_size(rate)}/s"


def written_pixels(pixels: float) -> str:
    """Pixels as a person writes them: `100MP`."""
    return written_size(pixels).replace("B", "P")


def _as_text(form: str, pattern: str, *examples: str, **alternative: object) -> WithJsonSchema:
    text = {"type": "string", "pattern": rf"^\s*\d+(\.\d+)?\s*{pattern}\s*$"}
    schema = {"anyOf": [text, alternative]} if alternative else text
    return WithJsonSchema({**schema, "format": form, "examples": list(examples)})


_BYTES = "([KkMmGgTt]?[Ii]?[Bb])?"

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    Field(ge=0),
    _as_text("size", _BYTES, "25MB", "4KiB", type="integer", minimum=0),
]
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(ge=0),
    _as_text("duration", "(ms|s|m|min|h|d)", "1s", "500ms", "24h", const=0),
]
Wait = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(gt=0),
    _as_text("duration", "(ms|s|m|min|h|d)", "1s", "500ms", "24h"),
]
Rate = Annotated[
    int, BeforeValidator(parse_rate), Field(gt=0), _as_text("rate", _BYTES + "/[Ss]", "10MB/s")
]
Pixels = Annotated[
    int,
    BeforeValidator(parse_pixels),
    Field(gt=0),
    _as_text("pixels", "([KkMmGg]?[Pp])?", "100MP", type="integer", minimum=1),
]
Count = Annotated[
    int,
    BeforeValidator(parse_count),
    Field(gt=0),
    WithJsonSchema({"type": "integer", "minimum": 1}),
]
WorkerCount = Annotated[
    int,
    BeforeValidator(parse_count),
    Field(gt=0, le=256),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 256}),
]
LocalPath = Annotated[
    Path,
    BeforeValidator(parse_path),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
