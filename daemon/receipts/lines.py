"""Rows with what their words mean and the amounts they hold: what every field is found in."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from daemon.receipts.amounts import (
    Amount,
    Convention,
    amount_without_point,
    amounts_in,
    convention_of,
    rates_in,
    whole_amounts_in,
)
from daemon.receipts.layout import Cell, Row
from daemon.receipts.lexicon import LABELS, Mention, known_words, lexicon
from daemon.receipts.model import Evidence
from daemon.receipts.spelling import folded, skeleton

_SURE_LENGTH = 6
_NAMING = frozenset(("address", "region", "legal", "business"))
"""Names and places keep their language abroad."""
_SPACED = frozenset(("fr", "pt"))
"""Languages of countries that group digits by spaces."""
_EVERYWHERE = "en"
"""A language whose words are on receipts of all countries."""
_SPOKEN = 0.2
"""A language is one of a document's when it has this share of what the foremost one has."""
_CODE = re.compile(r"(?<![A-Z])(?:EUR|USD|GBP|CHF|MYR|SGD|CAD|AUD|JPY|INR)(?![A-Z/]|\s?/)")
_EXCHANGE = re.compile(r"(?<![\d.,])\d{1,3}[.,]\d{4,6}(?![\d/]|\s?/)")
_NAMED_MOMENT = re.compile(
    r"(?<!\d)\d{1,2}[.\s-]{0,2}([A-Z0-9]{3,10})[.,\s-]{1,2}(?:19|20)?\d{2},?\s{1,3}"
    r"[0-2]?\d\.[0-5]\d(?:\.[0-5]\d)?(?![\d.,])"
)
"""A date with a month in words, and a time with a point: no amount."""
_CLOCK = re.compile(r"(?:[01]\d|2[0-3])\.[0-5]\d")
_DATE = re.compile(
    r"(?<!\d)(?:\d{1,2}([./-])\d{1,2}\1(?:19|20)?\d{2}|(?:19|20)\d{2}([./-])\d{1,2}\2\d{1,2}"
    r"|\d{1,2}[.\s-]{0,2}[A-Z]{3,10}[.\s-]{1,2}(?:19|20)\d{2})(?!\d)"
)
_ALONE = frozenset("-\u2212\u2013\u2014")


@dataclass(frozen=True, slots=True)
class Printed:
    """An amount as printed; `start` and `end` are positions in the folded text of its row."""

    value: Decimal
    start: int
    end: int
    right: float
    place: Evidence
    seen: float
    mended: bool
    per_unit: bool


@dataclass(frozen=True)
class Line:
    """A row as it is understood."""

    row: Row
    folded: str
    starts: tuple[int, ...]
    mentions: tuple[Mention, ...]
    amounts: tuple[Printed, ...]
    rates: tuple[Decimal, ...]

    @property
    def index(self) -> int:
        """Its place from the top of the document."""
        return self.row.index

    @cached_property
    def marks(self) -> frozenset[str]:
        """All that its words mean."""
        return frozenset(mention.mark for mention in self.mentions)

    @cached_property
    def money(self) -> tuple[Printed, ...]:
        """Its amounts without prices per unit."""
        return tuple(amount for amount in self.amounts if not amount.per_unit)

    @cached_property
    def places(self) -> tuple[Evidence, ...]:
        """The lines of the page that it is made of, with what was repaired in them."""
        repaired = {a.place: a.place for a in self.amounts if a.place.read_as is not None}
        return tuple(repaired.get(place, place) for place in self.row.places)

    @cached_property
    def converts(self) -> bool:
        """Whether it says what an amount is in another currency."""
        if self.money and "conversion" in self.marks:
            return True
        return bool(_CODE.search(self.folded) and _EXCHANGE.search(self.folded))

    @cached_property
    def letters(self) -> int:
        """How many letters it has."""
        return sum(character.isalpha() for character in self.folded)

    def printed(self, start: int, end: int) -> str:
        """What stands at these positions, as printed where folding kept the length."""
        text = self.row.text
        return (text if len(text) == len(self.folded) else self.folded)[start:end]

    def stands_alone(self, amount: Printed) -> bool:
        """Whether an amount has a cell without words."""
        at = bisect_right(self.starts, amount.start) - 1
        end = self.starts[at + 1] if at + 1 < len(self.starts) else len(self.folded)
        return sum(map(str.isalpha, self.folded[self.starts[at] : end])) < 4

    def place_at(self, position: int) -> Evidence:
        """The line of the page that a position of the folded text comes from."""
        return self.row.cells[bisect_right(self.starts, position) - 1].place


@dataclass(frozen=True, slots=True)
class Text:
    """A whole document as it is understood; `languages` has the most used one first."""

    lines: tuple[Line, ...]
    languages: tuple[str, ...]
    convention: Convention


def understood(rows: Sequence[Row]) -> Text:
    """What the rows say: words looked up in the languages of the document, amounts parsed."""
    texts = [[folded(cell.text) for cell in row.cells] for row in rows]
    found = [lexicon().mentions(" ".join(cells)) for cells in texts]
    languages = languages_of(found)
    spaced = bool(languages) and languages[0] in _SPACED
    written = convention_of([text for cells in texts for text in cells])
    convention = replace(written, spaced=spaced)
    lines: list[Line] = []
    for row, cells, mentions in zip(rows, texts, found, strict=True):
        rates = tuple(rate for rate, _ in rates_in(" ".join(cells)))
        kept = tuple(m for m in mentions if _holds(m, languages) or (m.mark == "tax" and rates))
        starts = [0]
        for text in cells[:-1]:
            starts.append(starts[-1] + len(text) + 1)
        whole = " ".join(cells)
        labelled = any(mention.mark in LABELS for mention in kept)
        printed = tuple(_printed(row.cells, cells, starts, convention, labelled=labelled))
        lines.append(Line(row, whole, tuple(starts), kept, printed, rates))
    return Text(tuple(lines), languages, convention)


def languages_of(mentions: Sequence[Sequence[Mention]]) -> tuple[str, ...]:
    """The languages of a document, most used first; words that many share count little."""
    counts: Counter[str] = Counter()
    for phrase, tongues in {(m.phrase, m.languages) for line in mentions for m in line}:
        if len(phrase) >= 4:
            for tongue in tongues:
                counts[tongue] += 12 * min(len(phrase), 12) // len(tongues) ** 2
    if not counts:
        return ()
    most = max(counts.values())
    return tuple(tongue for tongue, count in counts.most_common() if count >= _SPOKEN * most)


def _holds(mention: Mention, languages: Sequence[str]) -> bool:
    """A short word means something only in a language that the document is in."""
    if len(mention.phrase) >= _SURE_LENGTH or mention.phrase == "TOTAI":
        return True
    if mention.mark in _NAMING and len(mention.phrase) >= (4 if mention.mark == "legal" else 3):
        return True
    return _EVERYWHERE in mention.languages or any(t in languages for t in mention.languages)


def _printed(
    cells: Sequence[Cell],
    texts: Sequence[str],
    starts: Sequence[int],
    convention: Convention,
    *,
    labelled: bool,
) -> list[Printed]:
    found: list[Printed] = []
    minus_before = False
    dated = False
    for cell, text, start in zip(cells, texts, starts, strict=True):
        masked = _NAMED_MOMENT.sub(_without_time, text)
        if dated and _CLOCK.fullmatch(text):
            continue  # beside a date a number like 11.49 is a time
        dated = dated or bool(_DATE.search(text))
        amounts = amounts_in(masked, convention)
        if labelled and not amounts:
            pointless = amount_without_point(text)
            marked = pointless is not None and pointless.marked
            amounts = [pointless] if pointless and marked else whole_amounts_in(text)
        for number, amount in enumerate(amounts):
            turned = minus_before and number == 0 and amount.start == 0
            found.append(_placed(amount, cell, len(text), start, turned=turned))
        minus_before = text in _ALONE
    if labelled and not found and len(cells) > 1:
        mended = amount_without_point(texts[-1])
        if mended is not None:
            found.append(_placed(mended, cells[-1], len(texts[-1]), starts[-1], turned=False))
    return found


def _without_time(match: re.Match[str]) -> str:
    known = skeleton(match[1]) in known_words().months
    return "#" * len(match[0]) if known else match[0]


def _placed(amount: Amount, cell: Cell, length: int, start: int, *, turned: bool) -> Printed:
    right = cell.left + (cell.right - cell.left) * amount.end / max(1, length)
    place = cell.place
    if amount.mended:
        whole = len(cell.text) == length
        place = replace(
            place, read_as=cell.text[amount.start : amount.end].strip() if whole else cell.text
        )
    return Printed(
        -amount.value if turned else amount.value,
        start + amount.start,
        start + amount.end,
        right,
        place,
        cell.confidence,
        amount.mended,
        amount.per_unit,
    )
