"""Latin text has no letters of other scripts in it, whatever an engine saw there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.reading.plain_text import plain


@pytest.mark.parametrize(
    ("seen", "meant"),
    [
        ("ＴＯＴＡＬ：５．００", "TOTAL:5.00"),  # noqa: RUF001 - wide forms are what it is about
        ("ТОТАL 5.00", "TOTAL 5.00"),  # noqa: RUF001 - the first letters are Cyrillic
        ("合计 TOTAL 5.00", "TOTAL 5.00"),
        ("ﬁsh ﬂat", "fish flat"),
        ("Größe ½ m² naïve Łódź", "Größe ½ m² naïve Łódź"),
        ("1ª planta nº 5 €", "1ª planta nº 5 €"),
        ("５．００", "5.00"),  # noqa: RUF001
    ],
)
def test_latin_text_comes_out_plain(seen: str, meant: str) -> None:
    """Look-alikes and wide forms are mended, other letters go, our own stay."""
    assert plain(seen) == meant


@pytest.mark.parametrize("text", ["日本語のレシート", "Чек номер пять", "총액"])
def test_text_of_another_script_stays(text: str) -> None:
    """What is not Latin is not made Latin."""
    assert plain(text) == text


@given(st.text())
def test_it_is_done_once_for_all(text: str) -> None:
    """Plain text stays as it is, and ASCII is never touched."""
    assert plain(plain(text)) == plain(text)
    if text.isascii():
        assert plain(text) == text
