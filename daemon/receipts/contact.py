"""Numbers that name somebody or something: telephone, tax number, number of the receipt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from daemon.receipts.lexicon import Mention
from daemon.receipts.lines import Line
from daemon.receipts.model import NOT_FOUND, Field

_PHONE = re.compile(r"\+?\(?\d[\d\s()/.\-]{5,20}\d")
_TAX_ID = re.compile(r"(?:[A-Z]{1,3}[-\s]?)?\d[\dA-Z]?[\dA-Z.\-/\s]{5,20}(?<![\s.\-/])")
_EUROPEAN = re.compile(
    r"(?<![A-Z0-9])(?:CHE-?\s?\d{3}[.\s]?\d{3}[.\s]?\d{3}|(?:DE|FR|IT|PT|BE|AT|GB|ES|NL|IE)\s?"
    r"[A-Z]?\d{8,11}(?:B\d{2})?)(?![A-Z0-9])"
)
_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9\-/#_.]{0,30}")
_BETWEEN = re.compile(r"[\s:#.\-|=()]*(?:NO|NR|N|NUM|ID)?[\s:#.\-|=()\u00b0]*")
_LONGEST = 20
_FEWEST_PHONE_DIGITS = 7


def phone_of(lines: Sequence[Line]) -> Field:
    """The telephone number: what follows a word for it, else a lone number under the address."""
    for line in lines:
        for mention in line.mentions:
            if mention.mark == "phone":
                match = _PHONE.search(line.folded, mention.end)
                if match and match.start() - mention.end < _LONGEST and _digits(match[0]) >= 6:
                    return _field(line, match.start(), _phone_end(match), 0.93)
    for line in lines[:16]:
        match = _PHONE.fullmatch(line.folded.strip(" .:"))
        if match and match[0][0] in "+0(" and _digits(match[0]) >= _FEWEST_PHONE_DIGITS + 1:
            start = line.folded.index(match[0])
            return _field(line, start, start + len(match[0]), 0.7)
    return NOT_FOUND


def _phone_end(match: re.Match[str]) -> int:
    """Where the number ends: at the next word, or where a second number begins after a slash."""
    text = match[0]
    cut = re.search(r"\s/\s|\s{3,}|\.\s", text)
    if cut and _digits(text[: cut.start()]) >= _FEWEST_PHONE_DIGITS:
        return match.start() + cut.start()
    return match.end()


def tax_id_of(lines: Sequence[Line]) -> Field:
    """The merchant's tax number: what follows a word for it, else one in a European form."""
    for number, line in enumerate(lines):
        for mention in line.mentions:
            if mention.mark != "tax_id":
                continue
            found = _after(line, mention, _TAX_ID)
            if found is None and number + 1 < len(lines):
                found = _whole_row(lines[number + 1], _TAX_ID)
            if found is not None:
                return found
    for line in lines:
        match = _EUROPEAN.search(line.folded)
        if match:
            return _field(line, match.start(), match.end(), 0.85)
    return NOT_FOUND


def receipt_number_of(lines: Sequence[Line]) -> Field:
    """The number of the receipt: what follows a word for it; one that says number counts more."""
    best = NOT_FOUND
    for line in lines:
        for mention in line.mentions:
            if mention.mark != "receipt_number":
                continue
            match = _number_after(line, mention)
            if match is None:
                continue
            confidence = 0.85 if _says_number(mention, line) else 0.55
            if confidence > best.confidence:
                best = _field(line, match.start(), match.end(), confidence)
    return best


def _says_number(mention: Mention, line: Line) -> bool:
    last = mention.phrase.split()[-1]
    if last in ("NO", "NR", "N", "NUMBER", "ID") or "NUM" in last or last.endswith("NR"):
        return True
    return bool(re.match(r"[\s.]*(?:NO|NR|N[\u00b0O]|#|:)", line.folded[mention.end :]))


def _number_after(line: Line, mention: Mention) -> re.Match[str] | None:
    gap = _BETWEEN.match(line.folded, mention.end)
    start = gap.end() if gap else mention.end
    match = _NUMBER.match(line.folded, start)
    if match is None or _digits(match[0]) == 0:
        return None
    whole = match[0]
    if re.fullmatch(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}.*|\d+[.,]\d{2}|\d{1,2}", whole):
        return None
    return match


def _after(line: Line, mention: Mention, pattern: re.Pattern[str]) -> Field | None:
    gap = _BETWEEN.match(line.folded, mention.end)
    start = gap.end() if gap else mention.end
    match = pattern.match(line.folded, start)
    if match is None or _digits(match[0]) < 6:
        return None
    end = match.end()
    word = re.search(r"\s[A-Z]{2,}", match[0])
    if word:
        end = match.start() + word.start()
    return _field(line, match.start(), end, 0.93)


def _whole_row(line: Line, pattern: re.Pattern[str]) -> Field | None:
    text = line.folded.strip()
    if pattern.fullmatch(text) and _digits(text) >= 8 and not line.money:
        start = line.folded.index(text)
        return _field(line, start, start + len(text), 0.75)
    return None


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _field(line: Line, start: int, end: int, confidence: float) -> Field:
    value = " ".join(line.printed(start, end).split()).strip(" .,:;-")
    sure = confidence * min(1.0, 0.4 + 0.6 * min(cell.confidence for cell in line.row.cells))
    return Field(value, sure, (line.place_at(start),))
