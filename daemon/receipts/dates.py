"""The date and time of a purchase, from every order of day, month and year."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from daemon.receipts.lexicon import known_words, look_alike
from daemon.receipts.lines import Line
from daemon.receipts.model import NOT_FOUND, Evidence, Field
from daemon.receipts.spelling import skeleton
from daemon.receipts.times import GLUED, TIME, time_of

_SEP = r"\s?[/.,\-~]\s?"
_NUMERIC = re.compile(
    rf"(?<![\d.,/-])(\d{{1,2}})({_SEP})(\d{{1,2}})({_SEP})(\d{{4}}|(?!(?:19|20)\d\d(?!\d))\d{{2}})"
    r"(?!\d{3}|\d?[./-]\d|,\d)"
)
_YEAR_FIRST = re.compile(
    rf"(?<!\d)((?:19|20)\d{{2}})({_SEP})(\d{{1,2}})({_SEP})(\d{{1,2}})(?!\d{{3}})"
)
_NAMED = re.compile(
    r"(?<!\d)(0?[1-9]|[12]\d|3[01])(?:ST|ND|RD|TH|ER)?[\s./\-,']{0,3}(?:D[EFI]\s)?"
    r"([A-Z][A-Z0158]{2,11}|(?<=[\s./-])[0158][A-Z]{2,11})[\s./\-,']{0,3}(?:D[EF]L?\s?)?((?:19|20)\d{2}|\d{2}(?!:\d\d))(?!\d{3})"
)
_NAME_FIRST = re.compile(
    r"(?<![A-Z])((?:[A-Z]|(?<!\d)[0158](?=[A-Z]{2}))[A-Z0158]{1,8}[A-Z])[\s./\-]{0,2}(\d{1,2})(?:ST|ND|RD|TH)?[\s,./\-']{1,3}((?:19|20)\d{2}|\d{2}(?=[\s,;]|$))"
)
_RUN = re.compile(r"(?<!\d)((?:20)[0-4]\d)(0[1-9]|1[0-2])([0-3]\d)(?!\d)")
_DAY_RUN = re.compile(r"(?<!\d)([0-3]\d)(0[1-9]|1[0-2])(20[0-4]\d)(?!\d)")
_DASH = re.compile(r"(?<=\d)-(?=\d{1,2}/\d{1,2}/\d{2})")
"""What parts another number from a date with strokes."""
_STROKE = re.compile(
    r"(?:(?<=[./-](?:19|20)\d\d)|(?<=\d[./-]\d\d[./-]\d\d))[/-](?=[0-2]?\d:[0-5]\d)"
)
"""What parts a date from its time: `14.03.2023/10:22`."""
_ISO_TIME = re.compile(r"(?<=\d)T(?=\d{2}:\d{2})")
_MISREAD = re.compile(
    r"(?:(?<![A-Z0-9])(?:[0-9OQDILSB|]{1,2}|[12IL|][0-9OQILSB|]{3})|(?<=[A-Z])\d[0-9OQDILSB|]?)"
    r"\s?[./,-]\s?[0-9OQDILSB|]{1,2}\s?[./,-]\s?[0-9OQDILSB|]{2,4}"
    r"(?![A-Z])|(?<![A-Z0-9])[12][0-9OQILSB|]{3}(?![A-Z0-9.,])"
)
_MISREAD_DAY = re.compile(
    r"(?<![A-Z0-9])[0-3OIL|][0-9OILSB|](?=[\s.]{0,2}(?:D[EF]\s)?[A-Z]{3})"
    r"|(?<=[A-Z]{3}\s)[0-3OIL|][0-9OILSB|](?=,?\s[12]\d{3})"
)
_DIGITS = str.maketrans(
    {"O": "0", "Q": "0", "D": "0", "I": "1", "L": "1", "|": "1", "S": "5", "B": "8"}
)
_UNITS = frozenset(("CL", "ML", "KG", "MM", "CM", "ST", "ER"))
"""What follows a number that is a measure, and no year: `2 JUPILER 25CL`."""
_ABBREVIATED = 3
"""Letters of a month's short name."""
_WEEKDAYS = frozenset(map(skeleton, ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")))
"""English names of days, which the name of a month may follow without a space."""
_LONG_NAME = 7
_FEWEST_LETTERS = 2
"""Letters that the name of a month keeps, however it was misread."""
_ACROSS = 1.2
"""What a date loses that begins in one cell of its row and ends in another."""
_LEAST_LEAD = 1.0
"""By how much one date must look more like that of the purchase than the next one does."""
_RIVAL = 0.1
_BEFORE_AMOUNT = 0.6
"""What a date loses that only stands before an amount: by when a thing should be eaten."""
_FULL_YEAR = 4
_USUAL_YEAR = 2015
"""From here on a year is likely; the first of three numbers of two digits is none before."""
_FIRST_YEAR, _LAST_YEAR = 1990, 2039


@dataclass(frozen=True, slots=True)
class _Candidate:
    date: dt.date
    score: float
    place: tuple[Evidence, ...]
    row: int
    ambiguous: bool
    year_first: dt.date | None


@dataclass(frozen=True, slots=True)
class _Reading:
    """A date as it stands in a text, with how plainly it is one and whether day and month swap."""

    date: dt.date
    start: int
    end: int
    plain: float
    ambiguous: bool = False
    read_as: str | None = None
    """What OCR took it for, where digits were repaired."""
    year_first: dt.date | None = None
    """What it is where the first of its two-digit numbers is the year."""


def purchase_date(
    lines: Sequence[Line], month_first: bool, *, mixed: bool = False, known: bool = True
) -> tuple[Field, Field]:
    """The date and the time of the purchase; the time is the one that stands nearest the date.

    `mixed` says that the country writes dates in every order, a year of two digits first, too;
    `known` that the country is.
    """
    month_first = month_first_by_evidence(lines, month_first)
    best: _Candidate | None = None
    seen: dict[dt.date, int] = {}
    found = _agreed(list(_candidates(lines, month_first)), mixed=mixed)
    for candidate in found:
        seen[candidate.date] = seen.get(candidate.date, 0) + 1
        if best is None or candidate.score > best.score + 1e-9:
            best = candidate
    if best is None:
        return NOT_FOUND, time_of(lines, None)
    confidence = _confidence(best, seen)
    if any(c.date != best.date and c.score > best.score - _LEAST_LEAD for c in found):
        confidence -= _RIVAL
    if best.ambiguous and (mixed or not known):
        confidence -= _RIVAL
    return Field(best.date.isoformat(), confidence, best.place), time_of(lines, best.row)


def _agreed(found: Sequence[_Candidate], *, mixed: bool) -> list[_Candidate]:
    """The candidates, with the year first where another date says so, or no other is likely."""
    told = {candidate.date for candidate in found if candidate.year_first is None}
    agreed: list[_Candidate] = []
    for candidate in found:
        other = candidate.year_first
        if other is None or candidate.date in told:
            agreed.append(candidate)
        elif other in told or (mixed and candidate.date.year < _USUAL_YEAR):
            agreed.append(replace(candidate, date=other, ambiguous=other not in told))
        else:
            agreed.append(replace(candidate, ambiguous=candidate.ambiguous or mixed))
    return agreed


def month_first_by_evidence(lines: Sequence[Line], expected: bool) -> bool:
    """Whether dates put the month first: a day over 12 on the receipt decides, else the custom."""
    day_first = month_first = 0
    for line in lines:
        for match in _NUMERIC.finditer(line.folded):
            first, second = int(match[1]), int(match[3])
            if match[2].strip() == match[4].strip() != "," and max(first, second) <= 31:
                day_first += first > 12 >= second
                month_first += second > 12 >= first
    if day_first != month_first:
        return month_first > day_first
    return expected


def _candidates(lines: Sequence[Line], month_first: bool) -> Iterator[_Candidate]:
    count = max(1, len(lines))
    previous: Line | None = None
    for number, line in enumerate(lines):
        readings = list(dates_in(line.folded, month_first=month_first))
        for reading in readings:
            score = reading.plain + _context(line, reading, previous) - 0.5 * number / count
            begin = line.place_at(reading.start)
            score -= _ACROSS if line.place_at(reading.end - 1) != begin else 0.0
            place = (replace(begin, read_as=reading.read_as),)
            yield _Candidate(
                reading.date, score, place, number, reading.ambiguous, reading.year_first
            )
        previous = line


def _context(line: Line, reading: _Reading, previous: Line | None) -> float:
    score = 0.0
    before = [m for m in line.mentions if m.start < reading.start]
    marks = {m.mark for m in before}
    last = before[-1].mark if before else ""
    if "date" in marks:
        score += 2.0
    elif previous is not None and "date" in previous.marks and not _has_date(previous.folded):
        score += 1.2
    told = _without_money(line)
    if TIME.search(told[reading.start + 6 :]) or TIME.search(told[: reading.start]):
        score += 1.2
    carried = not before and previous is not None and _ends_with_other_date(previous, reading)
    if carried or ("not_date" in marks and last != "date"):
        score -= 3.0
    if any(m.mark == "not_date" and len(m.phrase) > 6 for m in line.mentions):
        score -= 2.0
    if score == 0 and any(amount.start >= reading.end for amount in line.money):
        score -= _BEFORE_AMOUNT
    return score


def _ends_with_other_date(previous: Line, reading: _Reading) -> bool:
    """Whether the row before ends in what the date of this row is: `returns until`, `valid to`."""
    if reading.start > 1 or not previous.mentions or _has_date(previous.folded):
        return False
    last = previous.mentions[-1]
    return last.mark == "not_date" and not previous.folded[last.end :].strip(" :.")


def _without_money(line: Line) -> str:
    """The text of a row in which no amount can be taken for a time."""
    text = line.folded
    for amount in line.amounts:
        text = text[: amount.start] + "#" * (amount.end - amount.start) + text[amount.end :]
    return text


def _has_date(folded: str) -> bool:
    return bool(_NUMERIC.search(folded) or _YEAR_FIRST.search(folded))


def dates_in(folded: str, *, month_first: bool) -> Iterator[_Reading]:
    """The dates in a folded text; numbers that cannot be one are passed over."""
    if not any(character.isdigit() for character in folded):
        return
    parted = _STROKE.sub(" ", _ISO_TIME.sub(" ", _DASH.sub(" ", folded)))
    text = _MISREAD.sub(_mended, parted)
    text = _MISREAD_DAY.sub(_mended, text)
    found = False
    for reading in _plain_dates(GLUED.sub(r"\1 ", text), month_first):
        found = True
        yield replace(reading, read_as=_as_read(reading, folded, text))
    if found:
        return
    for match in _RUN.finditer(text):
        date = _date(match[1], match[2], match[3])
        if date:
            yield _Reading(date, *match.span(), 0.6)
    for match in _DAY_RUN.finditer(text):
        date = _date(match[3], match[2], match[1])
        if date:
            yield _Reading(date, *match.span(), 0.6)


def _as_read(reading: _Reading, folded: str, text: str) -> str | None:
    """What stood where a date was found, if any of its digits was repaired."""
    before, after = folded[reading.start : reading.end], text[reading.start : reading.end]
    if len(folded) != len(text) or before == after:
        return None
    return before.strip()


def _mended(match: re.Match[str]) -> str:
    """What is a date but for letters that OCR read for digits; most of it must be digits."""
    digits = sum(character.isdigit() for character in match[0])
    letters = sum(character.isalpha() for character in match[0])
    parts = re.split(r"[\s./,-]+", match[0])
    told = all(len(part) == 1 or any(map(str.isdigit, part)) for part in parts)
    enough = told and digits >= letters and digits >= min(2, len(match[0]) - 1)
    return match[0].translate(_DIGITS) if enough else match[0]


def _plain_dates(text: str, month_first: bool) -> Iterator[_Reading]:
    for match in _YEAR_FIRST.finditer(text):
        date = _date(match[1], match[3], match[5])
        if date:
            alike = match[2].strip() == match[4].strip()
            yield _Reading(date, *match.span(), 3.0 if alike else 1.5)  # 2018 / 06.13 has a time
    for match in _overlapping(_NAMED, text):
        if len(match[3]) < _FULL_YEAR and text[match.end() : match.end() + 2] in _UNITS:
            continue
        month = _month(match[2], match[3])
        date = _date(match[3], str(month), match[1]) if month else None
        if date:
            yield _Reading(date, *match.span(), 3.0)
    for match in _overlapping(_NAME_FIRST, text):
        month = _month(match[1], match[3])
        date = _date(match[3], str(month), match[2]) if month else None
        if date:
            yield _Reading(date, *match.span(), 3.0 if len(match[3]) == 4 else 2.0)
    for match in _NUMERIC.finditer(text):
        reading = _numeric(match, month_first)
        if reading:
            yield reading


def _overlapping(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """All places where a pattern matches, also those within what matched before."""
    match = pattern.search(text)
    while match is not None:
        yield match
        match = pattern.search(text, match.start() + 1)


def _numeric(match: re.Match[str], month_first: bool) -> _Reading | None:
    first, second, year = match[1], match[3], match[5]
    left, right = match[2].strip(), match[4].strip()
    if "," in (left, right) and len(year) != 4 and min(len(first), len(second)) < 2:
        return None
    plain = 3.0 if len(year) == 4 else 2.0
    if left != right or (len(year) == 2 and left == "." and len(first) == 1):
        plain -= 1.0
    day, month = (second, first) if month_first else (first, second)
    date = _date(year, month, day) or _date(year, day, month)
    if date is not None:
        both = int(first) <= 12 and int(second) <= 12 and first != second
        other = _date(first, second, year) if len(year) == 2 and first != year else None
        if other is not None and other.year < _USUAL_YEAR:
            other = None
        return _Reading(date, *match.span(), plain, both, year_first=other)
    if len(year) == 2 and int(first) > 12:
        date = _date(first, second, year)
        return _Reading(date, *match.span(), 1.5) if date else None
    return None


def _month(name: str, year: str) -> int | None:
    """The number of a month by its name.

    Before a year in full one letter may be misread, two of a long name.
    """
    months = known_words().months
    bones = skeleton(name)
    if sum(map(str.isalpha, name)) < _FEWEST_LETTERS:
        return None
    day_before = bones[_ABBREVIATED:] if bones[:_ABBREVIATED] in _WEEKDAYS else bones
    for whole in (bones, bones.removesuffix("DE"), bones.removeprefix("DE"), day_before):
        if whole in months:
            return months[whole]
    if len(bones) == _ABBREVIATED + 1 and bones[:_ABBREVIATED] in months:
        return months[bones[:_ABBREVIATED]]
    if len(year) < _FULL_YEAR and len(bones) < _ABBREVIATED + 2:
        return None
    alike = {number for known, number in months.items() if _looks_like(bones, known)}
    if len(alike) == 1:
        return alike.pop()
    most = 2 if len(bones) >= _LONG_NAME and len(year) == _FULL_YEAR else 1
    near = {
        number
        for known, number in months.items()
        if len(known) == len(bones)
        and sum(a != b for a, b in zip(known, bones, strict=True)) <= most
    }
    return near.pop() if len(near) == 1 else None


def _looks_like(seen: str, known: str) -> bool:
    return len(seen) == len(known) and look_alike(seen, known)


def _date(year: str, month: str, day: str) -> dt.date | None:
    number = int(year)
    if number < 100:
        number += 2000
    if not _FIRST_YEAR <= number <= _LAST_YEAR:
        return None
    try:
        return dt.date(number, int(month), int(day))
    except ValueError:
        return None


def _confidence(best: _Candidate, seen: dict[dt.date, int]) -> float:
    confidence = 0.86 + 0.04 * min(best.score, 3.6)
    if len(seen) > 1:
        share = seen[best.date] / sum(seen.values())
        confidence -= 0.15 * (1 - share)
    if best.ambiguous:
        confidence -= 0.03
    return min(0.995, max(0.05, confidence))
