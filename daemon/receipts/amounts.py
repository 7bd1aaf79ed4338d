"""Amounts of money in a text: every way to group digits and to mark a decimal, minus or currency.

The convention of a receipt is decided by what it prints itself, never by the machine's locale.
OCR slips are mended only inside what is a number already, and a mended amount says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_CURRENCY = r"(?:RM|MYR|EUR|EURO|USD|US\$|GBP|CHF|FR\.|[S5]FR\.?|KR\.?|[€£$¥₹])"
_SIGN = r"[-\u2212\u2013\u2014~]"
_DIGIT = r"[0-9OQDILSB|]"
_GROUPS = r"(?:[.,'\u2019 \u00a0\u202f]\d{3}(?!\d)){0,3}"
_NUMBER = re.compile(
    rf"(?<![\d.,])(?P<lead>\(?{_SIGN}?\s?)(?P<mark>(?:{_CURRENCY})?)\s?(?P<sign>{_SIGN}?)\s?"
    rf"(?P<whole>(?:\d{{1,3}}{_GROUPS}|\d{{1,7}}|))"
    r"(?P<point>\s?[.,]\s?)(?P<cents>\d{2,4})(?!\d|[.,](?:#|\d{2,3}[.,]))"
    rf"(?P<after>(?:\s?{_CURRENCY})?(?:\)|\s?{_SIGN}(?:(?!\s?[\d.])|(?=\s\d$))))?",
)
_SWISS = re.compile(
    rf"(?<![\w.,])(?P<sign>{_SIGN}?)(?P<whole>\d{{1,3}}(?:['\u2019]\d{{3}})*|\d{{1,6}})"
    r"\.\s?[-\u2212\u2013\u2014]{1,2}(?![\w.])"
)
_SLIP = re.compile(
    rf"(?<![\w.,])[-(]?(?:{_CURRENCY}\s?)?{_DIGIT}{{1,6}}(?:[.,' ]{_DIGIT}{{3}}){{0,2}}"
    rf"[.,]{_DIGIT}{{2}}(?!\w|[.,/-]\w)"
)
_MEND = str.maketrans(
    {"O": "0", "Q": "0", "D": "0", "I": "1", "L": "1", "S": "5", "B": "8", "|": "1"}
)
_LITRES = re.compile(r"\d{1,2}[.,]\dL")
"""`0,5L` is half a litre, and no 0,51."""
_CLOCK = r"(?:\s{1,3}[0-2]?\d\.[0-5]\d(?:\.[0-5]\d)?$)?"
_MASKED = re.compile(
    rf"(?<!\d)(?:\d{{1,2}}[./-]\d{{1,2}}[./-](?:19|20)?\d{{2}}(?![\d]|[.,]\d){_CLOCK}"
    rf"|(?:19|20)\d{{2}}-\d{{2}}-\d{{2}}{_CLOCK}"
    r"|\d{1,2}:\d{2}(?::\d{2})?|\d{1,2}[.]\d{2}\s?(?:UHR|UUR|HRS|H\b))"
)
_LONE_CLOCK = re.compile(r"[0-2]\d\.[0-5]\d")
_SWISS_MARK = re.compile(r"(?<![\d/])(\d{1,3})[/`\u00b4\"|:;](?=\d{3}\.\d{2}(?![\d.]))")
"""The mark between thousands that OCR took for a stroke: `59/573.80`."""
_SPECK = re.compile(r"(?<![\w.,])[.\u00b7\u2022](?=\d{1,3}(?:[.,' ]\d{3})*[.,]\d{2}(?![\d.,]))")
"""What is left of a minus or a leader before a whole amount: `.58,96`."""
_LOOSE_END = re.compile(r"\s?[^\W\d]{0,3}\W*$")
"""What may follow an amount with a space beside its point: a tax code, and nothing else."""
_TWICE = re.compile(r"\d{1,3}(?:([.,])\d{3})+\1\d{2}")
"""An amount of which OCR read one of the two marks as the other: `8.943.58`."""
_RATE = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,3})?)\s?(?:%|\bPCT\b|\bPROZENT\b)")
_UNIT = re.compile(
    r"\s?(?:%|/\s?(?:KG|L|LTR|100|ST)|(?:KG|LT|LTR|LITER|LITRE|LITRES|L|ML|CM|MM|M2|KM|PCT"
    r"|SQM|OZ|LB|LBS|GAL)\b(?!\s?/))"
)
_PER_UNIT = re.compile(
    r"\s?(?:€|EUR|RM|CHF|GBP|£|\$|USD)?\s?/\s?(?:KG|L\b|LTR|100|ST|PCS|UNIT|GAL|LB)"
)
_POINTLESS = re.compile(
    rf"(?P<mark>(?:{_CURRENCY})?)\s?(?P<whole>\d{{1,4}})\s?[-:;*\u00b7' ]\s?(?P<cents>\d{{2}})"
)
_CODE_END = re.compile(r"\d[.,]\d{2}\s([A-Z])$")
_WHOLE = re.compile(
    rf"(?<![\w.,])(?P<mark>{_CURRENCY})\s?(?P<whole>\d{{1,6}})(?![\d.,:%/])"
    r"|(?<![\w.,:/-])(?P<before>\d{1,6})\s?\u20ac(?!\s?[\w/])"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount as printed, and where it stands in its text."""

    value: Decimal
    start: int
    end: int
    marked: bool = False
    mended: bool = False
    per_unit: bool = False


@dataclass(frozen=True, slots=True)
class Convention:
    """How a receipt writes numbers; `point` is its decimal mark.

    `codes` says that letters after amounts are tax codes, so that an L means no litres; `spaced`
    that digits may be grouped by spaces, whatever OCR made of the decimal mark.
    """

    point: str = "."
    codes: bool = False
    spaced: bool = False


def convention_of(texts: list[str]) -> Convention:
    """The decimal mark that most of the numbers with two decimals use."""
    commas = sum(len(re.findall(r"\d,\d{2}(?!\d)", text)) for text in texts)
    points = sum(len(re.findall(r"\d\.\d{2}(?![\d.])", text)) for text in texts)
    ends = Counter(match[1] for text in texts if (match := _CODE_END.search(text)))
    priced = any("/L" in text.replace(" ", "") for text in texts)
    codes = "L" in ends and ends.total() > 1 and not priced
    return Convention("," if commas > points else ".", codes=codes)


def rates_in(text: str) -> list[tuple[Decimal, int]]:
    """The percentages in a folded text, each with where it starts."""
    return [(Decimal(m[1].replace(",", ".")), m.start()) for m in _RATE.finditer(text)]


def amounts_in(text: str, convention: Convention) -> list[Amount]:
    """The amounts in a folded text from left to right; rates, weights, dates and times are none."""
    if convention.point == "," and _LONE_CLOCK.fullmatch(text):
        return []  # where a comma parts decimals, a point parts hours and minutes
    grouped = _SWISS_MARK.sub(r"\1'", _SPECK.sub(" ", text))
    masked = _MASKED.sub(lambda match: "#" * len(match[0]), grouped)
    mended = _SLIP.sub(_mend, masked)
    found = list(_decimal_amounts(mended, text, convention))
    taken = [(amount.start, amount.end) for amount in found]
    for match in _SWISS.finditer(mended):
        if not _within(match.start("whole"), taken):
            value = Decimal(re.sub(r"\D", "", match["whole"]))
            found.append(Amount(-value if match["sign"] else value, *match.span()))
            taken.append(match.span())
    found.sort(key=lambda amount: amount.start)
    return found


def whole_amounts_in(text: str) -> list[Amount]:
    """Amounts without decimals, believed only beside a currency mark: `$ 12`, `12 €`."""
    masked = _MASKED.sub(lambda match: "#" * len(match[0]), text)
    return [
        Amount(Decimal(match["whole"] or match["before"]), match.start(), match.end(), marked=True)
        for match in _WHOLE.finditer(masked)
    ]


def amount_without_point(text: str) -> Amount | None:
    """A whole text that is an amount whose point OCR took for another mark: `7-00`, `12:50`."""
    match = _POINTLESS.fullmatch(text)
    if match is None:
        return None
    value = Decimal(f"{match['whole']}.{match['cents']}")
    return Amount(value, 0, len(text), marked=bool(match["mark"]), mended=True)


def _mend(match: re.Match[str]) -> str:
    text = match[0]
    if _LITRES.fullmatch(text):
        return text
    if sum(letter.isdigit() for letter in text) < 1 + text.count(" "):
        return text
    head = re.match(rf"[-(]?(?:{_CURRENCY}\s?)?", text)
    cut = head.end() if head else 0
    return text[:cut] + text[cut:].translate(_MEND)


def _within(position: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= position < end for start, end in spans)


def _decimal_amounts(text: str, printed: str, convention: Convention) -> Iterator[Amount]:
    for match in _NUMBER.finditer(text):
        value = _value(match, convention)
        if value is None or (not match["whole"] and _follows_letter(match)):
            continue
        rest = text[match.end() : match.end() + 12]
        if _PER_UNIT.match(rest):
            yield Amount(value, match.start(), match.end(), per_unit=True)
            continue
        if _UNIT.match(rest) and not (rest == " L" and convention.codes):
            continue
        if len(match["cents"]) > 2:
            yield Amount(value, match.start(), match.end(), per_unit=True)
            continue
        negative = _is_negative(match)
        yield Amount(
            -value if negative else value,
            match.start(),
            match.end(),
            marked=bool(match["mark"]),
            mended=text[match.start() : match.end()] != printed[match.start() : match.end()]
            or match["point"].strip() in match["whole"],
        )


def _value(match: re.Match[str], convention: Convention) -> Decimal | None:
    whole, cents, point = match["whole"], match["cents"], match["point"].strip()
    if len(cents) == 3 and point != convention.point:
        return None  # 1.234 on a receipt that writes 12,34: thousands, and no decimals
    if " " in match["point"] and (
        len(cents) != 2 or not _LOOSE_END.match(match.string, match.end())
    ):
        return None  # `NO 18, 20, 22` lists numbers
    if " " in whole and convention.point == point == "." and not convention.spaced:
        whole = whole[whole.rindex(" ") + 1 :]  # only those who write a comma group with spaces
    if point in whole and not _TWICE.fullmatch(whole + point + cents):
        return None  # the same mark cannot group digits and part decimals, unless misread
    digits = re.sub(r"\D", "", whole) or "0"
    return Decimal(f"{digits}.{cents}")


def _follows_letter(match: re.Match[str]) -> bool:
    """Whether a number without whole digits belongs to a word: `NO.12` is no amount, `RM.12` is."""
    before = match.string[: match.start()][-1:]
    return before.isalpha() and not match["mark"]


def _is_negative(match: re.Match[str]) -> bool:
    before = match.string[match.start() : match.start("point") - len(match["whole"])]
    after = (match["after"] or "").strip()
    if "(" in before:
        return after.endswith(")")
    if after and not after.endswith(")"):
        return True
    sign = re.search(_SIGN, before)
    if sign is None:
        return False
    alone = before[sign.end() : sign.end() + 1].isspace()
    labelled = bool(match.string[: match.start() + sign.start()].strip())
    return not (alone and labelled)  # a dash that stands alone parts a label from its amount
