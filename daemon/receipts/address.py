"""The merchant's address: rows with a street, a place, a postcode, below or above the name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from daemon.receipts.dates import dates_in
from daemon.receipts.lexicon import known_words
from daemon.receipts.lines import Line, Text
from daemon.receipts.model import NOT_FOUND, Field
from daemon.receipts.naming import REGISTRATION, address_text

POSTCODE = re.compile(
    r"(?<!\d)(?:[A-Z]{1,2}-?)?\d{4}[\dO](?![\dA-Z])|(?<!\d)\d{4}\s?[A-Z]{2}(?![A-Z])"
    r"|(?<!\d)\d{4}-\d{3}(?!\d)|\b[A-Z][A-Z0]?[\dO]{1,2}[A-Z]?\s[\dO][A-Z]{2}\b"
    r"|(?<!\d)(?:CH-)?[1-9]\d{3}\s+[A-Z][A-Z]{2,}"
)
_REACH = 16
_LONGEST = 7
_HOUSE = re.compile(
    r"\W*(?:(?:NO|LOT|UNIT|BLOCK|BLK|NR)[.:\s]*)?(?:[A-Z]{0,2}-?)\d{1,4}[A-Z]?(?![\d])"
    r"|\W*(?:NO|LOT|UNIT)\b[.:\s]*[A-Z]"
)
_BRANCH = re.compile(r"\(?\d{3,5}\s?-\s?[A-Z][A-Z .&']+\)?")
_PHONE_ONLY = re.compile(r"\W*\+?[\d][\d\s()/.-]{6,}\W*")
_STOPS = frozenset(
    {"phone", "fax", "web", "tax_id", "receipt_number", "date", "hours", "footer", "total", "due"}
)
_OTHERS = frozenset({"document", "staff", "header", "cash", "card"})
_CONTACT = re.compile(r"\b(?:TEL|FAX|PHONE|H/P)\b", re.IGNORECASE)
_LABEL = re.compile(r"^\W*(?:HQ\s+)?ADD(?:RESS)?\s*:\s*", re.IGNORECASE)
_MARK_ONLY = re.compile(r"(?:EUR|RM|CHF|GBP|USD|[€£$])")
_CLOCK = re.compile(r"\d{1,2}:\d{2}")
_COMPANY_NUMBER = re.compile(r"\d{5,}\s?-\s?[A-Z]\b")
_WORDLESS = re.compile(r"[\W_]*")


def looks_like_address(line: Line) -> bool:
    """Whether a row has a street, a place or a postcode in it."""
    marks = line.marks
    if "region" in marks:
        return True
    if POSTCODE.search(line.folded) and line.letters >= 4 and not marks & _STOPS:
        return "registration" not in marks
    digits = any(character.isdigit() for character in line.folded)
    if digits and _has_street_word(line.folded):
        return True
    if digits or "address" not in marks:
        return "address" in marks
    return "legal" not in marks and not _named_business(line)


def _named_business(line: Line) -> bool:
    """Whether a word says what is sold there: Harbour Street Grocers is no street."""
    places = {mention.start for mention in line.mentions if mention.mark == "address"}
    return any(m.mark == "business" and m.start not in places for m in line.mentions)


def _has_street_word(folded: str) -> bool:
    endings = known_words().street_endings
    words = re.split(r"[^A-Z]+", folded)
    return any(len(word) > 5 and word.endswith(endings) for word in words)


def address_of(text: Text, name: Sequence[Line]) -> Field:
    """The address below the name, else the one above it."""
    below = name[-1].index + 1 if name else 0
    rows = _rows(text.lines[below : below + _REACH])
    if not rows and name:
        rows = _rows(text.lines[: name[0].index])
    if not rows:
        return NOT_FOUND
    value = _LABEL.sub("", address_text([_printed(line) for line in rows], text.languages))
    cut = _CONTACT.search(value)
    if cut and cut.start() > 15:
        value = value[: cut.start()].strip(" ,:-(")
    sure = 0.94 if _is_complete(rows) else 0.75
    seen = min(cell.confidence for line in rows for cell in line.row.cells)
    return Field(value, sure * seen, tuple(place for line in rows for place in line.places))


def _printed(line: Line) -> str:
    """A row without the head of the amount column that may stand at its end."""
    cells = list(line.row.cells)
    while len(cells) > 1 and _MARK_ONLY.fullmatch(cells[-1].text.strip().upper()):
        cells.pop()
    return " ".join(cell.text for cell in cells)


def _rows(lines: Sequence[Line]) -> list[Line]:
    rows: list[Line] = []
    complete = False
    for line in lines:
        if _passed_over(line):
            continue
        if _ends(line):
            if rows or line.marks & {"date", "receipt_number"}:
                break
            continue
        if not rows and not (looks_like_address(line) or _starts(line)):
            continue
        if (complete and not _adds_place(line)) or (rows and _far_below(rows[-1], line)):
            break
        rows.append(line)
        complete = complete or _is_complete(rows)
        if len(rows) >= _LONGEST:
            break
    return _trimmed(rows)


def _trimmed(rows: list[Line]) -> list[Line]:
    """The rows from the house number on, to the last one that has a place in it."""
    while rows and _is_company(rows[0]):
        rows = rows[1:]
    first = next((n for n, line in enumerate(rows) if _starts(line)), None)
    if first and not any(character.isdigit() for line in rows[:first] for character in line.folded):
        rows = rows[first:]
    last = max((n for n, line in enumerate(rows) if _is_part(line)), default=-1)
    if 0 <= last < len(rows) - 1 and rows[last].folded.rstrip().endswith(","):
        last += 1
    if last < 0 and rows and _starts(rows[0]):
        last = min(1, len(rows) - 1)
    return rows[: last + 1]


def _is_company(line: Line) -> bool:
    """Whether a row is another name of the company rather than a place."""
    if _starts(line):
        return False
    numbered = bool(_COMPANY_NUMBER.search(line.folded))
    return numbered or ("legal" in line.marks and "address" not in line.marks)


def _is_part(line: Line) -> bool:
    return looks_like_address(line) or bool(_BRANCH.fullmatch(line.folded.strip()))


def _starts(line: Line) -> bool:
    """Whether a row begins with a house or lot number, and not with a postcode."""
    if not _HOUSE.match(line.folded) or line.letters < 3 or line.money:
        return False
    return not _CLOCK.search(line.folded) and not any(
        True for _ in dates_in(line.folded, month_first=False)
    )


def _passed_over(line: Line) -> bool:
    """A row between name and address that is neither: a registration number, a stray mark."""
    if _WORDLESS.fullmatch(line.folded):
        return True
    if POSTCODE.search(line.folded) and line.letters >= 4:
        return False
    if line.marks & {"registration", "tax_id"} and not _has_contact(line):
        return True
    if _HOUSE.match(line.folded) and line.letters >= 2:
        return False
    rest = REGISTRATION.sub("", line.folded)
    return sum(character.isalpha() for character in rest) < 3


def _has_contact(line: Line) -> bool:
    return bool(line.marks & {"phone", "date", "receipt_number"})


def _ends(line: Line) -> bool:
    if _PHONE_ONLY.fullmatch(line.folded):
        return True
    if line.money and not ("address" in line.marks and _HOUSE.match(line.folded)):
        return True
    stops = [mention for mention in line.mentions if mention.mark in _STOPS]
    if not stops:
        return bool(line.marks & _OTHERS) and not looks_like_address(line)
    return stops[0].start < 12 or not looks_like_address(line)


def _far_below(above: Line, below: Line) -> bool:
    gap = below.row.middle - above.row.middle
    return gap > 3.2 * max(above.row.height, below.row.height)


def _is_complete(rows: Sequence[Line]) -> bool:
    """Whether an address has its postcode and its region."""
    whole = any(POSTCODE.search(line.folded) for line in rows)
    return whole and "region" in rows[-1].marks


def _adds_place(line: Line) -> bool:
    """Whether a row after a complete address is one more place: a region, a numbered branch."""
    if _BRANCH.fullmatch(line.folded.strip()):
        return True
    if "region" not in line.marks:
        return False
    places = {m.start: m.end - m.start for m in line.mentions if m.mark in ("region", "address")}
    return sum(places.values()) >= 0.5 * line.letters
