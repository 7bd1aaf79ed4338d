"""Names and places as people would write them: without OCR's stray marks and slips."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from daemon.receipts.lexicon import known_words

REGISTRATION = re.compile(
    r"\(?\s?\b(?:[A-Z]{1,4})?\d{5,12}(?:\s?-?\s?[A-Z0-9]{1,3})?\b\s?\)?"
    r"|\(\s?\d{4,7}\s?-?\s?[A-Z]\s?\)|\(\s?[A-Z]{2,4}\d{6,8}\s?-?\s?[A-Z]{1,3}\s?\)"
)
"""The number a company is registered under, in capital letters."""
EDGE = " \t-:,.*=_|;~#'\"<>"
_UNACCENTED = frozenset(("en", "ms"))
_ZERO = re.compile(r"(?<=\d)[Oo](?=\d|\b)")
_ONE = re.compile(r"(?<=\d)[Il|](?=\d)")
_PREFIX = re.compile(
    r"^\W*(?:DIMILIKI(?:\s+OLEH)?|OWN(?:ED)?\s+BY|OPERATED\s+BY|MANAGED\s+BY)\s*:?\s*",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\(\s*(?:CO\.?|ROC|REG\.?|NO\.?|COMPANY|[:.\s])*\s*\)?\s*$", re.IGNORECASE)
_BRANCH_CODE = re.compile(r"(?<=S/B|BHD)\s?\([A-Z0-9]{2,4}\)$")
_INITIAL_END = re.compile(r"(?:\.|\s)[^\W\d_]\.\s*$")
_NEVER_NUMBER = 4


def name_of(text: str, languages: Sequence[str]) -> str:
    """A merchant's name without the registration number and what surrounds it."""
    text = _PREFIX.sub("", " ".join(text.split()))
    upper = text.upper()
    if len(upper) == len(text):
        kept: list[str] = []
        at = 0
        for match in REGISTRATION.finditer(upper):
            if match.start() >= _NEVER_NUMBER:
                kept.append(text[at : match.start()])
                at = match.end()
        text = "".join([*kept, text[at:]])
    text = _LABEL.sub("", text)
    if text.count("(") > text.count(")"):
        text = re.sub(r"\(\s*$", "", text)
    text = " ".join(text.split())
    end = "." if _INITIAL_END.search(text) else ""
    text = _BRANCH_CODE.sub("", text.strip(EDGE) + end)
    for slip, spelling in known_words().misread.items():
        text = re.sub(rf"(?<!\w){re.escape(slip)}(?!\w)", spelling, text, flags=re.IGNORECASE)
    return unaccented(text, languages)


def address_text(texts: Sequence[str], languages: Sequence[str]) -> str:
    """Rows of an address in one line; a letter that OCR read within a number is a digit again."""
    text = " ".join(" ".join(part.split()).strip(" -:|*") for part in texts)
    return unaccented(_ONE.sub("1", _ZERO.sub("0", text)), languages)


def unaccented(text: str, languages: Sequence[str]) -> str:
    """The text without accents, where the languages of the document have none."""
    if text.isascii() or not languages or not _UNACCENTED.issuperset(languages):
        return text
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part))
