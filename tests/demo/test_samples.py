"""The sample receipts: their arithmetic, their formats, and that a seed repeats them."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

import pillow_heif
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from daemon.demo.catalogue import DINER, OUTFITTER, SHOPHOUSE, TRADES, Trade
from daemon.demo.facts import Receipt
from daemon.demo.rows import Layout, rows_of
from daemon.demo.samples import Sample, draw_receipt, draw_samples

SEEDS = st.integers(min_value=0, max_value=10_000)


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    return {sample.name: sample for sample in draw_samples(seed=7)}


def printed(receipt: Receipt, trade: Trade) -> list[str]:
    rows = rows_of(receipt, trade.language, trade.layout)
    return [" ".join(cell.text for cell in row.cells) for row in rows]


@given(SEEDS, st.sampled_from(TRADES))
def test_a_receipt_adds_up(seed: int, trade: Trade) -> None:
    """Items, added tax, tip and rounding make the total, and cash less change makes it too."""
    receipt = draw_receipt(seed, trade)
    added = Decimal(0) if receipt.tax_included else receipt.tax
    assert (
        sum(item.quantity * item.unit_price for item in receipt.items) + added + receipt.tip
        == receipt.total - receipt.rounding
    )
    assert abs(receipt.rounding) <= receipt.round_to / 2
    assert receipt.total % receipt.round_to == 0
    if receipt.cash is not None:
        assert receipt.change > 0
        assert receipt.cash - receipt.change == receipt.total


@given(SEEDS, st.sampled_from([trade for trade in TRADES if trade.tax_included]))
def test_included_tax_is_the_share_of_the_gross(seed: int, trade: Trade) -> None:
    """Net and tax of a rate make its gross, and the tax is the rate of the net within a cent."""
    receipt = draw_receipt(seed, trade)
    for tax in receipt.taxes:
        assert tax.gross == sum(i.total for i in receipt.items if i.rate == tax.rate)
        assert abs(tax.net * tax.rate / 100 - tax.amount) <= Decimal("0.01")


@given(SEEDS)
def test_an_american_date_cannot_be_taken_for_a_european_one(seed: int) -> None:
    """Where the month is printed first, the day is one that no month has."""
    assert draw_receipt(seed, DINER).moment.day > 12


@given(SEEDS)
def test_malaysian_cash_is_rounded_to_five_sen(seed: int) -> None:
    """The total ends in 0 or 5 and the receipt prints the rounding where there is any."""
    receipt = draw_receipt(seed, SHOPHOUSE)
    assert str(receipt.total)[-1] in "05"
    assert any("Bundaran" in row for row in printed(receipt, SHOPHOUSE)) == bool(receipt.rounding)


@settings(max_examples=20)
@given(SEEDS, st.sampled_from(TRADES), st.sampled_from(list(Layout)))
def test_every_layout_prints_the_facts(seed: int, trade: Trade, layout: Layout) -> None:
    """Name, date, total and each item's sum stand on the paper, whatever the layout."""
    receipt = draw_receipt(seed, trade)
    rows = rows_of(receipt, trade.language, layout)
    text = "\n".join(" ".join(cell.text for cell in row.cells) for row in rows)
    for fact in (
        receipt.shop.name,
        trade.language.day(receipt.moment),
        trade.language.money(receipt.total),
        *(trade.language.amount(item.total) for item in receipt.items),
    ):
        assert fact in text


def test_numbers_look_as_in_their_country() -> None:
    """Decimal and thousands marks, and the side of the currency, follow the place."""
    amount = Decimal("1234.5")
    assert {trade.language.money(amount) for trade in TRADES} == {
        "£1,234.50",
        "$1,234.50",
        "1.234,50 EUR",
        "1 234,50 €",
        "1.234,50 €",
        "€1.234,50",
        "RM 1,234.50",
        "CHF 1'234.50",
    }


def test_a_seed_repeats_every_byte(samples: dict[str, Sample]) -> None:
    """The same seed draws the same files, and another seed draws others."""
    assert draw_samples(seed=7) == list(samples.values())
    assert draw_receipt(8, DINER) != draw_receipt(7, DINER)


def test_samples_cover_formats_and_languages(samples: dict[str, Sample]) -> None:
    """There are five currencies and six formats, and exactly one file to refuse."""
    good = [sample.facts for sample in samples.values() if sample.facts is not None]
    assert len({facts.currency for facts in good}) == 5
    assert len({name.rpartition(".")[2] for name in samples}) == 6
    refused = [sample for sample in samples.values() if sample.expected == "rejected"]
    assert [sample.facts for sample in refused] == [None]


def test_the_text_of_the_pdf_can_be_taken_out(samples: dict[str, Sample]) -> None:
    """One PDF has a text layer with all amounts, umlauts and the Swiss apostrophe."""
    document = pypdfium2.PdfDocument(samples["alpenblick.pdf"].data)
    text = document[0].get_textpage().get_text_bounded()
    receipt = draw_receipt(7, OUTFITTER)
    assert receipt.shop.name in text
    assert OUTFITTER.language.money(receipt.total) in text
    assert "'" in OUTFITTER.language.amount(receipt.total)
    document.close()


def test_the_scanned_pdf_has_no_text(samples: dict[str, Sample]) -> None:
    """The other PDF is a picture, so that it must be read by OCR."""
    document = pypdfium2.PdfDocument(samples["rechnung-werkbank.pdf"].data)
    assert document[0].get_textpage().get_text_bounded() == ""
    document.close()


def test_pictures_open_in_their_formats(samples: dict[str, Sample]) -> None:
    """Every good picture decodes, lies as intended, and the TIFF has its second page."""
    opened = {
        name: Image.open(BytesIO(samples[name].data))
        for name in ("grocer-scan.jpg", "diner-lunch.png", "bistrot.webp", "kedai-runcit.tiff")
    }
    for image in opened.values():
        image.load()
    assert getattr(opened["kedai-runcit.tiff"], "n_frames", 1) == 2
    assert pillow_heif.open_heif(BytesIO(samples["trattoria.heic"].data)).size[0] > 500
    sideways = Image.open(BytesIO(samples["markthalle-sideways.jpg"].data))
    assert sideways.width > sideways.height
    assert not sideways.getexif()
    phone = Image.open(BytesIO(samples["ferretería.jpg"].data))
    assert phone.getexif()[0x0112] == 6


def test_the_broken_file_starts_well_and_ends_early(samples: dict[str, Sample]) -> None:
    """The cut-off download is recognised as a JPEG but cannot be decoded."""
    image = Image.open(BytesIO(samples["cut-off-download.jpg"].data), formats=["JPEG"])
    with pytest.raises(OSError, match="truncated"):
        image.load()
