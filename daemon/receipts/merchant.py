"""Who sold: the name at the head of the receipt, and the address below it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from daemon.receipts.lexicon import Mention
from daemon.receipts.lines import Line
from daemon.receipts.model import NOT_FOUND, Evidence, Field

_HEAD = 16
"""Rows from the top in which a name is looked for."""
_LONGEST_ADDRESS = 7
_REGISTRATION = re.compile(
    r"\(?\s?\b(?:[A-Z]{1,4}\s?)?\d{5,12}(?:\s?-?\s?[A-Z0-9]{1,3})?\b\s?\)?|\(\s?\d{4,7}\s?-?\s?[A-Z]\s?\)"
)
_POSTCODE = re.compile(
    r"(?<!\d)(?:[A-Z]{1,2}-?)?\d{5}(?!\d)|(?<!\d)\d{4}\s?[A-Z]{2}(?![A-Z])|(?<!\d)\d{4}-\d{3}(?!\d)"
    r"|\b[A-Z]{1,2}\d{1,2}[A-Z]?\s?\d[A-Z]{2}\b|(?<!\d)(?:CH-)?[1-9]\d{3}\s+[A-Z][A-Z]{2,}"
)
_NUMBERED = re.compile(r"\d{1,4}\s?[A-Z]?(?:[-/]\d{1,4}[A-Z]?)?(?:,|\s|$)")
_BRANCH = re.compile(r"\(?\d{3,5}\s?-\s?[A-Z][A-Z .&']+\)?")
_PHONE_ONLY = re.compile(r"\W*\+?[\d][\d\s()/.-]{6,}\W*")
_STOPS = frozenset(
    {"phone", "fax", "web", "tax_id", "receipt_number", "date", "hours", "footer", "total", "due"}
)
_NOISE = _STOPS | {"registration", "not_date", "time", "staff", "document", "subtotal", "tendered"}
_ANNEX = re.compile(r"^\W*(?:OWNED BY|OPERATED BY|MANAGED BY|LICENSEE|FORMERLY|INH|INHABER|T/A)\b")
_EDGE = " \t-:,.*=_|;~#'\"<>"
_WORDLESS = re.compile(r"[\W_]*")


@dataclass(frozen=True, slots=True)
class _Name:
    lines: tuple[Line, ...]
    score: float
    text: str


def merchant_of(lines: Sequence[Line]) -> tuple[Field, Field]:
    """The name of the merchant and its address."""
    head = _head(lines)
    names = sorted(_names(head), key=lambda name: -name.score)
    if not names:
        return NOT_FOUND, _address(lines, 0)
    best = names[0]
    runner_up = next((name.score for name in names[1:] if name.lines != best.lines), 0.0)
    lead = best.score - runner_up
    confidence = min(0.95, max(0.2, 0.45 + 0.08 * best.score + 0.05 * lead))
    merchant = Field(best.text, confidence, _places(best.lines))
    return merchant, _address(lines, best.lines[-1].index + 1)


def _head(lines: Sequence[Line]) -> list[Line]:
    """The rows above the first amount of money, at most `_HEAD`."""
    head: list[Line] = []
    for line in lines[:_HEAD]:
        if line.money and len(head) >= 2 and "address" not in line.marks:
            break
        head.append(line)
    return head


def _names(head: Sequence[Line]) -> Iterable[_Name]:
    usual = median(line.row.height for line in head) if head else 1.0
    rank = 0
    for number, line in enumerate(head):
        if not _could_be_name(line):
            continue
        lines = _joined(head, number)
        text = " ".join(cleaned(part) for part in lines).strip(_EDGE)
        if sum(character.isalpha() for character in text) < 3:
            continue
        score = _name_score(line, usual) - 0.35 * rank
        score += _beside_address(head, number)
        yield _Name(tuple(lines), score, text)
        rank += 1


def _could_be_name(line: Line) -> bool:
    if line.letters < 3 or line.money:
        return False
    return not _ANNEX.match(line.folded)


def _name_score(line: Line, usual: float) -> float:
    score = 2.0
    if "legal" in line.marks:
        score += 2.5
    if "business" in line.marks:
        score += 1.2
    taller = line.row.height / usual if usual else 1.0
    score += max(-0.5, min(1.2, 1.2 * (taller - 1.0)))
    noise = line.marks & _NOISE
    if noise:
        score -= 1.0 if "legal" in line.marks else 3.0
    if looks_like_address(line):
        score -= 1.5 if "legal" in line.marks else 3.0
    digits = sum(character.isdigit() for character in line.folded)
    if digits > line.letters:
        score -= 2.0
    return score


def _beside_address(head: Sequence[Line], number: int) -> float:
    """A name stands right above an address or a registration number."""
    for other in head[number + 1 : number + 3]:
        if looks_like_address(other) or "registration" in other.marks:
            return 0.8
        if _REGISTRATION.search(other.folded) and other.letters < 6:
            return 0.8
    return 0.0


def _joined(head: Sequence[Line], number: int) -> list[Line]:
    """A row with the one above or below that belongs to its name: SDN BHD on a row of its own."""
    line = head[number]
    if number and _only_form(line) and _could_be_name(head[number - 1]):
        before = head[number - 1]
        if not before.marks & _NOISE and not looks_like_address(before):
            return [before, line]
    if number + 1 < len(head) and "legal" not in line.marks and _only_form(head[number + 1]):
        return [line, head[number + 1]]
    return [line]


def _only_form(line: Line) -> bool:
    """Whether a row is no more than the end of a name: `SDN BHD`, `(M) SDN BHD`, `GMBH`."""
    if "legal" not in line.marks:
        return False
    text = _REGISTRATION.sub(" ", line.folded)
    covered = [m for m in line.mentions if m.mark in ("legal", "business")]
    if not covered or covered[0].start > 4:
        return False
    left = len(re.sub(r"[\W_]", "", text))
    named = sum(len(m.phrase.replace(" ", "")) for m in _distinct(covered))
    return left - named <= 2


def _distinct(mentions: Iterable[Mention]) -> list[Mention]:
    """One mention per place, where a phrase has several meanings."""
    return list({mention.start: mention for mention in mentions}.values())


def cleaned(line: Line) -> str:
    """The words of a name without its registration number and what surrounds it."""
    text = " ".join(line.row.text.split())
    upper = text.upper()
    if len(upper) == len(text):
        kept = []
        at = 0
        for match in _REGISTRATION.finditer(upper):
            if match.start() < 4:
                continue
            kept.append(text[at : match.start()])
            at = match.end()
        text = "".join([*kept, text[at:]])
    text = re.sub(
        r"\(\s*(?:CO\.?|ROC|REG\.?|NO\.?|COMPANY|[:.\s])*\s*\)?\s*$", "", text, flags=re.IGNORECASE
    )
    if text.count("(") > text.count(")"):
        text = re.sub(r"\(\s*$", "", text)
    return " ".join(text.split()).strip(_EDGE)


def looks_like_address(line: Line) -> bool:
    """Whether a row has a street, a place or a postcode in it."""
    marks = line.marks
    if "region" in marks:
        return True
    if _POSTCODE.search(line.folded) and line.letters >= 4 and not marks & _STOPS:
        return "registration" not in marks
    if "address" not in marks:
        return False
    return any(character.isdigit() for character in line.folded) or "legal" not in marks


def _address(lines: Sequence[Line], start: int) -> Field:
    rows: list[Line] = []
    complete = False
    for line in lines[start : start + _HEAD]:
        if _passed_over(line):
            continue
        if line.money and rows and not looks_like_address(line):
            break
        if _ends_address(line):
            if rows or line.marks & {"date", "receipt_number"}:
                break
            continue
        likely = looks_like_address(line) or bool(_NUMBERED.match(line.folded) and rows)
        if not rows and not (likely or _starts_address(line)):
            continue
        if complete and not _adds_place(line):
            break
        if rows and _far_below(rows[-1], line):
            break
        rows.append(line)
        complete = complete or _is_complete(rows)
        if len(rows) >= _LONGEST_ADDRESS:
            break
    if not rows:
        return NOT_FOUND
    text = " ".join(" ".join(line.row.text.split()).strip(" -:|*") for line in rows)
    sure = 0.75 if complete else 0.55
    return Field(_without_contact(text), sure, _places(rows))


def _starts_address(line: Line) -> bool:
    return bool(_NUMBERED.match(line.folded)) and line.letters >= 4


def _passed_over(line: Line) -> bool:
    """A row between name and address that is neither: a registration number, a stray mark."""
    if _WORDLESS.fullmatch(line.folded):
        return True
    if line.marks & {"registration", "tax_id"} and not _POSTCODE.search(line.folded):
        return True
    rest = _REGISTRATION.sub("", line.folded)
    return sum(character.isalpha() for character in rest) < 3 and not _POSTCODE.search(line.folded)


def _ends_address(line: Line) -> bool:
    if _PHONE_ONLY.fullmatch(line.folded):
        return True
    stops = [mention for mention in line.mentions if mention.mark in _STOPS]
    if not stops:
        return bool(line.marks & {"document", "staff"}) and not looks_like_address(line)
    return stops[0].start < 12 or not looks_like_address(line)


def _far_below(above: Line, below: Line) -> bool:
    gap = below.row.middle - above.row.middle
    return gap > 3.2 * max(above.row.height, below.row.height)


def _is_complete(rows: Sequence[Line]) -> bool:
    """Whether an address has its postcode and its region."""
    whole = any(_POSTCODE.search(line.folded) for line in rows)
    return whole and "region" in rows[-1].marks


def _adds_place(line: Line) -> bool:
    """Whether a row after a complete address is one more place: a region, a numbered branch."""
    if _BRANCH.fullmatch(line.folded.strip()):
        return True
    if "region" not in line.marks:
        return False
    places = [m for m in line.mentions if m.mark in ("region", "address")]
    named = sum(m.end - m.start for m in _distinct(places))
    return named >= 0.7 * line.letters


def _without_contact(text: str) -> str:
    cut = re.search(r"\b(?:TEL|FAX|PHONE|H/P)\b", text.upper())
    return text[: cut.start()].strip(" ,:-") if cut and cut.start() > 15 else text


def _places(lines: Sequence[Line]) -> tuple[Evidence, ...]:
    return tuple(place for line in lines for place in line.row.places)
