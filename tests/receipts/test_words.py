"""The words of receipts as data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.receipts.lexicon import MARKS, Lexicon, known_words, lexicon
from daemon.receipts.spelling import folded


def marks(text: str) -> list[str]:
    return [mention.mark for mention in lexicon().mentions(folded(text))]


def test_every_language_knows_a_total_its_tax_and_its_months() -> None:
    languages = {
        language
        for word in (
            "total",
            "totale",
            "totaal",
            "summe",
            "jumlah",
            "importe",
            "montant",
            "a pagar",
        )
        for mention in lexicon().mentions(folded(word))
        for language in mention.languages
    }
    assert languages == {"en", "de", "fr", "es", "it", "nl", "pt", "ms"}
    assert set(known_words().months.values()) == set(range(1, 13))


def test_a_mark_that_means_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="'totall' in the words of 'xx' is not a known mark"):
        Lexicon({"xx": {"totall": ["sum"]}})


def test_words_can_be_added_without_code() -> None:
    finnish = Lexicon({"fi": {"total": ["yhteensä"], "change": ["takaisin"]}})
    assert [m.mark for m in finnish.mentions(folded("Yhteensä 12,00 takaisin 3,00"))] == [
        "total",
        "change",
    ]


def test_the_longest_phrase_wins() -> None:
    assert "total" not in marks("TOTAL SAVINGS")
    assert marks("TOTAL SAVINGS")[0] == "saving"
    assert "due" in marks("AMOUNT DUE")


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("RÜCKGELD", "change"),
        ("RUECKGELD", "change"),
        ("RUCKGELD", "change"),
        ("T0TA1", "total"),
        ("TOTALSALES", "total"),
        ("GRAND TOTALRM21.85", "due"),
        ("5UBTOTAL", "subtotal"),
        ("I.V.A.", "tax"),
        ("Geschenkkart", "voucher"),
    ],
)
def test_spellings_and_slips_are_forgiven(text: str, mark: str) -> None:
    assert mark in marks(text)


@pytest.mark.parametrize(
    "text", ["SUMMER DRESS", "PAINT", "WATER", "BLACK OXIDE", "THE STALL", "FLTTLET"]
)
def test_other_words_are_not_bent_into_labels(text: str) -> None:
    assert not {"total", "due", "points", "tax", "change"} & set(marks(text))


@given(st.text(max_size=80))
def test_any_text_is_read_in_order_and_within_its_bounds(text: str) -> None:
    whole = folded(text)
    end = 0
    for mention in lexicon().mentions(whole):
        assert mention.mark in MARKS
        assert 0 <= mention.start < mention.end <= len(whole)
        assert mention.start >= end or mention.end == end
        end = mention.end
