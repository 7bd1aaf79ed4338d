"""The time of day of a purchase, from every way to write one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from daemon.receipts.lines import Line
from daemon.receipts.model import NOT_FOUND, Field

TIME = re.compile(
    r"(?<![\d.,])(?<!\d:)([01]?\d|2[0-4])\s?([:;.H])\s?([0-5]\d)(?:\s?[:;.]\s?([0-5]\d))?(?!\d|\.\d)\s?(AM|PM|A\.M|P\.M)?"
)
_MISREAD = re.compile(
    r"(?<![A-Z0-9])[0-2OIL|][0-9OQDILSB|](?::[0-5OIL|S][0-9OQDILSB|]){1,2}(?![A-Z0-9]|:)"
)
"""A time of which letters were read for digits: `15:0B:13`."""
_DIGITS = str.maketrans("OQDIL|SB", "00011158")
_MOST_MISREAD = 2
GLUED = re.compile(r"([./-](?:20)?\d{2})(?=[0-2]\d:[0-5]\d)")
"""A date to which OCR stuck the time."""
_DATED = re.compile(r"(?:\d[./\-]\d{1,2}[./\-]\d{2}|(?<!\d)(?:19|20)\d{2})[,;/\-\s]{1,4}$")
"""What a time may follow: the year of a date."""


def time_of(lines: Sequence[Line], near: int | None) -> Field:
    """The time that stands nearest the row `near`, which has the date, and looks most like one."""
    best: tuple[float, Field] | None = None
    for number, line in enumerate(lines):
        for match in TIME.finditer(GLUED.sub(r"\1 ", _MISREAD.sub(_mended, line.folded))):
            score = _time_score(line, match)
            if near is not None:
                score -= min(abs(number - near), 10) * 0.3
            value = _clock(match)
            if value is None or score < 0 or (best is not None and score <= best[0]):
                continue
            place = (line.place_at(match.start()),)
            best = (score, Field(value, min(0.97, 0.6 + 0.1 * score), place))
    return best[1] if best else NOT_FOUND


def _time_score(line: Line, match: re.Match[str]) -> float:
    score = 2.0 if match[2] in ":H" else 0.0
    if match[2] == "." and len(match[1]) == 2 and not match[4] and _is_cell(line, match):
        score += 2.0
    if match[2] == "." and _follows_word(line, match):
        score += 2.0
    if match[2] == "." and _DATED.search(line.folded[: match.start()]):
        score += 2.0
    if match[4]:
        score += 0.5
    if match[5]:
        score += 1.0
    rest = line.folded[match.end() : match.end() + 5].strip()
    if rest.startswith(("UHR", "HRS", "UUR", "H")):
        score += 2.5
    if "time" in line.marks or "date" in line.marks:
        score += 1.0
    if "hours" in line.marks:
        score -= 3.0
    if match[2] in ".H" and score < 2.0:
        return -1.0
    if re.search(r"\d\s?[-\u2013]\s?$", line.folded[: match.start()]):
        score -= 1.0
    return score


def _mended(match: re.Match[str]) -> str:
    """A time with digits for the letters in it; two of them may be misread."""
    misread = sum(not (letter.isdigit() or letter == ":") for letter in match[0])
    return match[0].translate(_DIGITS) if misread <= _MOST_MISREAD else match[0]


def _is_cell(line: Line, match: re.Match[str]) -> bool:
    """Whether a time is all that its cell says."""
    ends = (*line.starts[1:], len(line.folded) + 1)
    return any(
        line.folded[start : end - 1].strip() == match[0].strip()
        for start, end in zip(line.starts, ends, strict=True)
    )


def _follows_word(line: Line, match: re.Match[str]) -> bool:
    """Whether the word for a time stands right before it."""
    last = [m for m in line.mentions if m.end <= match.start()][-1:]
    between = line.folded[last[0].end : match.start()] if last else "-"
    return not between.strip(" :.") and last[0].mark == "time"


def _clock(match: re.Match[str]) -> str | None:
    hour, minute, second = int(match[1]), match[3], match[4]
    half = (match[5] or "").replace(".", "")
    if half == "PM" and hour < 12:
        hour += 12
    if half == "AM" and hour == 12:
        hour = 0
    if hour > 23:
        return None
    return f"{hour:02d}:{minute}:{second}" if second else f"{hour:02d}:{minute}"
