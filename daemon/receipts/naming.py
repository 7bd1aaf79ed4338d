"""Names and places as people would write them: without OCR's stray marks and slips."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from daemon.receipts.lexicon import known_words, look_alike
from daemon.receipts.spelling import skeleton

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
_WORD = re.compile(r"[^\W_]+")
_LEAST_SPELT = 3
_LEAST_MISREAD = 5
"""Letters that a word needs before one of them may be misread."""
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
    trades = known_words().trades
    return _WORD.sub(lambda match: _spelt(match[0], trades), unaccented(text, languages))


def address_text(texts: Sequence[str], languages: Sequence[str]) -> str:
    """Rows of an address in one line; a letter that OCR read within a number is a digit again."""
    text = " ".join(" ".join(part.split()).strip(" -:|*") for part in texts)
    text = unaccented(_ONE.sub("1", _ZERO.sub("0", text)), languages)
    places = known_words().places
    return _WORD.sub(lambda match: _spelt(match[0], places), text)


def _spelt(word: str, spellings: Mapping[str, str]) -> str:
    """A word as it is spelt, where OCR took one letter of a known one for its look-alike."""
    upper = word.upper()
    known = _known(skeleton(upper), spellings) if len(word) >= _LEAST_SPELT else None
    if known is None or len(known) != len(word) or known == upper or word[0].isdigit():
        return word
    capitals = sum(map(str.isupper, word)) > 1
    cased = known if capitals else known.lower()
    return cased if capitals or word[0].islower() else word[0] + cased[1:]


def _known(bones: str, spellings: Mapping[str, str]) -> str | None:
    if bones in spellings or len(bones) < _LEAST_MISREAD:
        return spellings.get(bones)
    near = (known for known in spellings if len(known) == len(bones) and look_alike(bones, known))
    return spellings.get(next(near, ""))


def unaccented(text: str, languages: Sequence[str]) -> str:
    """The text without accents, where the languages of the document have none."""
    if text.isascii() or not languages or not _UNACCENTED.issuperset(languages):
        return text
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part))
