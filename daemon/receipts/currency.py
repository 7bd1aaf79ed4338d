"""The currency of a receipt: its marks, and where it was printed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from daemon.receipts.lines import Line, Text
from daemon.receipts.model import NOT_FOUND, Evidence, Field

_MARKS = (
    (
        "MYR",
        re.compile(r"(?<![A-Z])RM(?=\s?-?\s?\d|\s?[):.])|^RM$|(?<![A-Z])MYR(?![A-Z])|\bRINGGIT\b"),
    ),
    ("EUR", re.compile(r"€|(?<![A-Z])EUR(?:OS?)?(?![A-Z])")),
    ("GBP", re.compile(r"£|(?<![A-Z])GBP(?![A-Z])")),
    ("CHF", re.compile(r"(?<![A-Z])(?:CHF|SFR)(?![A-Z])|(?<![A-Z])FR\.\s?\d")),
    ("SGD", re.compile(r"(?<![A-Z])SGD(?![A-Z])|S\$\s?\d")),
    ("CAD", re.compile(r"(?<![A-Z])CAD(?![A-Z])")),
    ("AUD", re.compile(r"(?<![A-Z])AUD(?![A-Z])")),
    ("NZD", re.compile(r"(?<![A-Z])NZD(?![A-Z])|NZ\$\s?\d")),
    ("INR", re.compile(r"₹|(?<![A-Z])INR(?![A-Z])")),
    ("JPY", re.compile(r"(?<![A-Z])JPY(?![A-Z])")),
    ("USD", re.compile(r"\$|(?<![A-Z])USD(?![A-Z])")),
)
_HABITS = (
    ("CHF", re.compile(r"\bCHE-?\d{3}|\.CH\b|\bSCHWEIZ\b|\bSUISSE\b")),
    ("MYR", re.compile(r"\bSDN\b|\bBHD\b|\bMALAYSIA\b|\bSELANGOR\b|\bJALAN\b|\.COM\.MY\b")),
    ("GBP", re.compile(r"\.CO\.UK\b|\bGB\s?\d{3}\s?\d{4}|\b[A-Z]{1,2}\d{1,2}[A-Z]?\s\d[A-Z]{2}\b")),
    ("EUR", re.compile(r"\.(?:DE|FR|ES|IT|NL|PT|AT|BE|IE)\b|\b(?:DE|FR|IT|NL|PT|AT)\s?\d{9,11}\b")),
    ("EUR", re.compile(r"\bIE\s?\d{7}[A-W][A-I]?\b")),
    (
        "AUD",
        re.compile(
            r"\bA\.?B\.?N\.?\W{0,3}(?:NO\W{0,3})?\d{2}\s?\d{3}\s?\d{3}\s?\d{3}(?!\d)"
            r"|\.COM\.AU\b|\b(?:NSW|VIC|QLD)\s\d{4}(?!\d)"
        ),
    ),
    ("NZD", re.compile(r"\.CO\.NZ\b|\bNEW ZEALAND\b|\bNZBN\b")),
    (
        "CAD",
        re.compile(
            r"(?<![A-Z])[ABCEGHJ-NPR-TVXY]\d[A-Z]\s?\d[A-Z]\d(?![A-Z\d])"
            r"|(?<=\d)\s?(?:RT|TQ)\s?000\d(?!\d)|(?<![\dM]\s)\b(?:HST|QST|TVQ)\b"
        ),
    ),
    ("SGD", re.compile(r"\bUEN\b|\bM[0-9RX]-?\d{7}-[0-9A-Z]\b|\bSINGAPORE \d{6}(?!\d)")),
    ("INR", re.compile(r"\bGSTIN\b|\b[CS]GST\b")),
)
_DOLLARS = frozenset(("AUD", "CAD", "NZD", "SGD"))
WRITES_EVERY_ORDER = frozenset(("CAD",))
"""Currencies of countries that write dates in every order of day, month and year."""
_NAMED_DOLLAR = re.compile(r"(?<![A-Z])(?:USD|US\$)")
_STATES = (
    "(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|[O0][HKR]|PA|RI"
    "|S[CD]|T[NX]|UT|V[AT]|W[AIVY])"
)
_AMERICAN = re.compile(
    rf"\bSALES TAX\b|(?<![A-Z]){_STATES}\.?,?\s?\d{{5}}(?:-\d{{4}})?(?!\d)"
    r"|\(\d{3}\)\s?\d{3}-\d{4}|(?<![\d.-])[2-9]\d{2}([.-])\d{3}\1\d{4}(?![\d.-])"
    r"|\b(?:STATE|CITY|COUNTY) TAX\b"
)
_FIVE_DIGITS = re.compile(r"\W*(?:[DFI]-?)?\d{5}\s+[A-Z]{2}")
"""A postcode as Germany, France and Italy have it; in Switzerland it has four digits."""
_BRITISH = re.compile(r"\bVAT\b")
_HOME = 2
"""How many times as often as any other a receipt names its own currency."""
_SWISS = frozenset(("de", "fr", "it"))
"""Languages whose other countries write a decimal comma."""
_BY_LANGUAGE = {
    "de": "EUR",
    "fr": "EUR",
    "es": "EUR",
    "it": "EUR",
    "nl": "EUR",
    "pt": "EUR",
    "ms": "MYR",
}


def currency_of(text: Text) -> Field:
    """The currency most marked; without marks, what the words and places suggest."""
    lines, languages = text.lines, text.languages
    counts: Counter[str] = Counter()
    places: dict[str, Evidence] = {}
    for line in lines:
        for code, pattern in () if line.converts else _MARKS:
            for match in pattern.finditer(line.folded):
                counts[code] += 3 if line.money else 1
                places.setdefault(code, line.place_at(match.start()))
    if counts.get("USD") and _DOLLARS & counts.keys():
        del counts["USD"]
    if set(counts) == {"USD"} and not any(_NAMED_DOLLAR.search(line.folded) for line in lines):
        home = _by_habit(lines)
        if home.value is not None:
            return home
    if counts:
        code, count = counts.most_common(1)[0]
        share = count / sum(counts.values())
        return Field(code, min(0.99, 0.55 + 0.44 * share), (places[code],))
    home = _by_habit(lines)
    if home.value is not None:
        return home
    if languages and languages[0] in _SWISS and text.convention.point == ".":
        abroad = any(_FIVE_DIGITS.match(line.folded) for line in lines)
        return Field("EUR" if abroad else "CHF", 0.7)
    if languages and languages[0] == "en" and any(_BRITISH.search(line.folded) for line in lines):
        return Field("GBP", 0.6)
    if languages and languages[0] in _BY_LANGUAGE:
        return Field(_BY_LANGUAGE[languages[0]], 0.7)
    return NOT_FOUND


def rows_in_another_currency(lines: Sequence[Line]) -> frozenset[int]:
    """The rows that name another currency than nearly all rows of the receipt do."""
    named = {line.index: currencies_in(line) for line in lines if line.money}
    counts = Counter(code for codes in named.values() for code in codes)
    if len(counts) < 2:
        return frozenset()
    (home, most), (_, second) = counts.most_common(2)
    if most < _HOME * second:
        return frozenset()
    return frozenset(index for index, codes in named.items() if codes - {home})


def currencies_in(line: Line) -> frozenset[str]:
    """The currencies that a row names; a plain dollar is that of many countries, and none here."""
    return frozenset(
        code for code, pattern in _MARKS if code != "USD" and pattern.search(line.folded)
    )


def _by_habit(lines: Sequence[Line]) -> Field:
    """The currency of the country that words and addresses point to."""
    for line in lines:
        for code, pattern in _HABITS:
            match = pattern.search(line.folded)
            if match:
                return Field(code, 0.85, (line.place_at(match.start()),))
    for line in lines:
        match = _AMERICAN.search(line.folded)
        if match:
            return Field("USD", 0.75, (line.place_at(match.start()),))
    return NOT_FOUND


def writes_month_first(lines: Sequence[Line], currency: str | None) -> bool:
    """Whether the country of the receipt writes 12/31: the United States do."""
    if currency not in (None, "USD"):
        return False
    return currency == "USD" or any(_AMERICAN.search(line.folded) for line in lines)
