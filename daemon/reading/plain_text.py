"""Takes out of Latin text what is not Latin: look-alikes, wide forms, letters of other scripts."""

from __future__ import annotations

import unicodedata

_TWINS = str.maketrans(
    "АВЕКМНОРСТУХаеорсухіІЈјЅѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο。、「」【】〔〕・〇",  # noqa: RUF001 - these are meant
    "ABEKMHOPCTYXaeopcyxiIJjSsABEZHIKMNOPTYXo.,[][][].0",
)
"""Letters and signs of other scripts by the Latin ones that they are mistaken for."""
_LATIN_SHARE = 0.5


def plain(text: str) -> str:
    """A line as Latin text, where most of its letters are Latin; else only in usual forms.

    Wide, narrow and ligated forms become the usual ones (Unicode, NFKC), look-alikes become what
    they look like, and other letters of other scripts go.
    """
    if text.isascii():
        return text
    usual = "".join(_usual(sign) for sign in text)
    shown = usual.translate(_TWINS)
    letters = [sign for sign in shown if sign.isalpha()]
    latin = sum(_is_latin(sign) for sign in letters)
    if letters and latin <= _LATIN_SHARE * len(letters):
        return usual
    kept = "".join(sign for sign in shown if not sign.isalpha() or _is_latin(sign))
    return " ".join(kept.split())


def _usual(sign: str) -> str:
    """A wide, narrow or ligated form as the usual one; fractions and raised digits stay."""
    kind = unicodedata.decomposition(sign).partition(">")[0]
    if kind in ("<wide", "<narrow", "<noBreak") or "\ufb00" <= sign <= "\ufb06":
        return unicodedata.normalize("NFKC", sign)
    return sign


def _is_latin(sign: str) -> bool:
    return sign.isascii() or unicodedata.name(sign, "").startswith(
        ("LATIN", "FEMININE", "MASCULINE")
    )
