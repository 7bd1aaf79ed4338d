"""The name of who sold, from the head of the receipt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from daemon.receipts.address import address_of, looks_like_address
from daemon.receipts.dates import dates_in
from daemon.receipts.lines import Line, Text
from daemon.receipts.model import NOT_FOUND, Field
from daemon.receipts.naming import REGISTRATION, name_of
from daemon.receipts.spelling import folded

_HEAD = 16
"""Rows from the top in which a name is looked for."""
_NOISE = frozenset(
    {
        *("phone", "fax", "web", "tax_id", "receipt_number", "date", "hours", "footer", "total"),
        *("due", "registration", "not_date", "time", "staff", "document", "subtotal", "tendered"),
    }
)
_TITLES = frozenset(("document", "receipt_number", "date"))
_LETTERHEAD = 2
"""Rows at the top that have the sender to the left of what the document is."""
_APART = 2.0
"""Heights of its writing by which a title stands apart from the name to its left."""
_ANNEX = re.compile(
    r"^\W*(?:OWNE?D? BY|OPERATED BY|MANAGED BY|LICENSEE|FORMERLY|INH|INHABER|T/A)\b"
)
_OPEN_END = re.compile(r"(?:&|\bAND|\bSDN\.?|\bU\.|\bUND)\s*$")
_DOMAIN = re.compile(r"(?:WWW\.|@|//)([A-Z0-9-]{3,40})\.{1,2}[A-Z]{2,4}")
_SIGNATURE_WORDS = 7
_LONGEST_NAME = 2
"""Rows that a name may have besides its first."""
_BY_FORM = "ms"
_LEAST_SCORE = 0.0


@dataclass(frozen=True, slots=True)
class _Name:
    lines: tuple[Line, ...]
    score: float
    text: str


def merchant_of(text: Text) -> tuple[Field, Field]:
    """The name of the merchant and its address."""
    head = _head(text.lines)
    names = [*_names(head, text.languages), *_signatures(text, len(head))]
    domains = _domains(text.lines)
    names.sort(key=lambda name: -name.score - _in_domain(name.text, domains))
    if not names or names[0].score < _LEAST_SCORE:
        return NOT_FOUND, address_of(text, ())
    best = names[0]
    runner_up = next((name.score for name in names[1:] if name.text != best.text), 0.0)
    sure = min(0.95, max(0.2, 0.4 + 0.08 * best.score + 0.05 * (best.score - runner_up)))
    seen = min(cell.confidence for line in best.lines for cell in line.row.cells)
    places = tuple(place for line in best.lines for place in line.places)
    above = best.lines if best.lines[0].index < len(head) else ()
    return Field(best.text, sure * seen, places), address_of(text, above)


def _head(lines: Sequence[Line]) -> list[Line]:
    """The rows above the first amount of money, at most `_HEAD`."""
    head: list[Line] = []
    for line in lines[:_HEAD]:
        if line.money and len(head) >= 2 and "address" not in line.marks:
            break
        head.append(_letterhead(line) if len(head) < _LETTERHEAD else line)
    return head


def _letterhead(line: Line) -> Line:
    """A row at the top without what stands beside a name: INVOICE far to the right, a date."""
    cells = line.row.cells
    for number in range(1, len(cells)):
        start = line.starts[number]
        apart = cells[number].left - cells[number - 1].right > _APART * line.row.height
        if apart and _is_beside(line, start):
            return replace(
                line,
                row=replace(line.row, cells=cells[:number]),
                folded=line.folded[: start - 1],
                starts=line.starts[:number],
                mentions=tuple(m for m in line.mentions if m.end < start),
                amounts=tuple(a for a in line.amounts if a.end < start),
            )
    return line


def _is_beside(line: Line, start: int) -> bool:
    """Whether a title or a date begins here."""
    titled = any(m.start == start and m.mark in _TITLES for m in line.mentions)
    return titled or any(True for _ in dates_in(line.folded[start:], month_first=False))


def _names(head: Sequence[Line], languages: Sequence[str]) -> Iterator[_Name]:
    usual = median(line.row.height for line in head) if head else 1.0
    rank = 0
    for number, line in enumerate(head):
        if line.letters < 3 or line.money or _ANNEX.fullmatch(line.folded.strip(" :")):
            continue
        lines = _joined(head, number)
        text = " ".join(name_of(part.row.text, languages) for part in lines)
        if sum(character.isalpha() for character in text) < 3:
            continue
        score = _name_score(line, usual) - 0.35 * rank + _surroundings(head, number)
        yield _Name(tuple(lines), score, text)
        rank += 1


def _signatures(text: Text, start: int) -> Iterator[_Name]:
    """Legal names below the head: what is left where the name above is a picture."""
    for line in text.lines[start:]:
        if "legal" not in line.marks or line.money or len(line.folded.split()) > _SIGNATURE_WORDS:
            continue
        if _only_words(line, ("legal",)) or line.marks & {"footer", "staff"}:
            continue
        yield _Name((line,), 1.0, name_of(line.row.text, text.languages))


def _domains(lines: Sequence[Line]) -> list[str]:
    """The letters of the web addresses that a receipt names."""
    return [
        re.sub(r"[^A-Z0-9]", "", match[1])
        for line in lines
        for match in _DOMAIN.finditer(line.folded)
    ]


def _in_domain(name: str, domains: Sequence[str]) -> float:
    letters = re.sub(r"[^A-Z0-9]", "", folded(name))
    return 1.5 if len(letters) >= 4 and any(letters in domain for domain in domains) else 0.0


def _name_score(line: Line, usual: float) -> float:
    score = 2.0
    score += _form_score(line)
    if "business" in line.marks:
        score += 1.2 if not _only_words(line, ("business",)) else -0.8
    taller = line.row.height / usual if usual else 1.0
    score += max(-0.5, min(1.2, 1.2 * (taller - 1.0)))
    if line.marks & _NOISE:
        score -= 1.0 if "legal" in line.marks else 3.0
    if looks_like_address(line):
        plain = not any(character.isdigit() for character in line.folded)
        score -= 1.0 if "legal" in line.marks else 2.0 if plain else 3.0
    if _ANNEX.match(line.folded):
        score -= 1.0
    if _in_pieces(line):
        score -= 2.0
    digits = sum(character.isdigit() for character in line.folded)
    return score - 2.0 if digits > line.letters else score


def _form_score(line: Line) -> float:
    """What a legal form says for a name: in Malaysia shops go by it, elsewhere by a shorter one."""
    forms = [mention for mention in line.mentions if mention.mark == "legal"]
    if not forms:
        return 0.0
    if _only_words(line, ("legal",)):
        return -1.5
    return 2.5 if any(_BY_FORM in form.languages for form in forms) else 1.2


def _in_pieces(line: Line) -> bool:
    """Whether a row is what OCR makes of a picture: words of a letter or two."""
    if line.marks & {"legal", "business"}:
        return False
    words = re.findall(r"[^\W\d_]+", line.folded)
    return len(words) >= 3 and sum(map(len, words)) < 2.5 * len(words)


def _surroundings(head: Sequence[Line], number: int) -> float:
    """A name stands right above an address or a registration number; an owner's below a label."""
    score = 0.0
    for other in head[number + 1 : number + 3]:
        numbered = REGISTRATION.search(other.folded) and other.letters < 6
        if looks_like_address(other) or "registration" in other.marks or numbered:
            score = 0.8
    if number and _ANNEX.match(head[number - 1].folded):
        score -= 2.5
    own = head[number].folded.strip()
    for later in range(number + 1, min(number + 4, len(head))):
        whole = _joined(head, later)
        if head[later].folded.startswith(own + " ") and not any("legal" in w.marks for w in whole):
            return score + 1.2
    return score


def _joined(head: Sequence[Line], number: int) -> list[Line]:
    """A row with those above and below that belong to its name: SDN BHD on a row of its own."""
    first = last = number
    while last + 1 < len(head) and last - first < _LONGEST_NAME:
        if not _continues(head[last], head[last + 1]):
            break
        last += 1
    while first and last - first < _LONGEST_NAME and _continues(head[first - 1], head[first]):
        first -= 1
    if first and _begins_with_business(head[first : last + 1], head[first - 1]):
        first -= 1
    return list(head[first : last + 1])


def _begins_with_business(rows: Sequence[Line], before: Line) -> bool:
    """Whether rows end a company's name of which the row before has the beginning."""
    opens = any(m.mark == "business" and m.start == 0 for m in rows[0].mentions)
    if not opens or len(rows) < 2 or "legal" not in rows[-1].marks:
        return False
    return not before.marks & _NOISE and not looks_like_address(before) and before.letters >= 3


def _continues(line: Line, following: Line) -> bool:
    """Whether the name in a row goes on in the next one."""
    for part in (line, following):
        if part.money or part.letters < 3 or part.marks & _NOISE:
            return False
    if _OPEN_END.search(line.folded) or line.folded.count("(") > line.folded.count(")"):
        return True
    if "legal" in line.marks or "legal" not in following.marks:
        return False
    if looks_like_address(line) and not _only_words(line, ("region",)):
        return False
    return _only_words(following, ("legal", "business", "region"))


def _only_words(line: Line, marks: tuple[str, ...]) -> bool:
    """Whether a row consists of such words alone: `(M) SDN BHD`, `BISTRO & CAFE`."""
    text = REGISTRATION.sub(" ", line.folded)
    named = {m.start: m.end - m.start for m in line.mentions if m.mark in marks}
    letters = sum(character.isalpha() for character in text)
    within = sum(
        sum(character.isalpha() for character in line.folded[start : start + length])
        for start, length in named.items()
    )
    return bool(named) and letters - within <= 2
