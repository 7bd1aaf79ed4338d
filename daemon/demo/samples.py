"""The sample files of the demonstration: receipts of seven languages in the formats people have."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Literal

import pillow_heif
from PIL import Image

from daemon.demo import catalogue
from daemon.demo.catalogue import Trade
from daemon.demo.facts import CENT, Item, Receipt, cents
from daemon.demo.photo import photograph
from daemon.demo.render import draw, draw_rows, set_pdf
from daemon.demo.rows import card_slip, rows_of

_ORIENTATION = 0x0112  # Exif 2.3, 4.6.4
_TURN_RIGHT = 6  # its value for a picture that is to be shown turned 90 degrees clockwise
_FIRST_DAY = date(2025, 1, 1)
_EPOCH = time.gmtime(0)


@dataclass(frozen=True, slots=True)
class Facts:
    """What must be read from a sample; `currency` is an ISO 4217 code."""

    merchant: str
    date: date
    total: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One file and what must become of it; `facts` is None where nothing can be read."""

    name: str
    facts: Facts | None
    data: bytes
    expected: Literal["done", "rejected"]


def draw_samples(seed: int = 1) -> list[Sample]:
    """All sample files; the same seed gives the same receipts and pictures."""
    samples = [_sample(seed, *plan) for plan in _PLAN]
    whole = _jpeg(_picture(draw_receipt(seed, catalogue.GROCER), catalogue.GROCER))
    return [*samples, Sample("cut-off-download.jpg", None, whole[: len(whole) // 2], "rejected")]


def draw_receipt(seed: int, trade: Trade) -> Receipt:
    """A receipt of one trade with items, quantities and date picked by the seed."""
    pick = random.Random(f"{seed}:{trade.shop.name}")
    items = tuple(
        Item(goods.description, pick.choice((1, 1, 1, 2, 3)), goods.price, goods.rate)
        for goods in pick.sample(trade.goods, trade.lines)
    )
    day = _FIRST_DAY + timedelta(days=pick.randrange(360))
    if trade.month_first:
        day = day.replace(day=pick.randint(13, 28))  # so that no one can take it for a month
    receipt = Receipt(
        shop=trade.shop,
        number=f"{pick.randint(10_000, 99_999)}",
        moment=datetime(day.year, day.month, day.day, pick.randint(9, 20), pick.randint(0, 59)),
        currency=trade.currency,
        items=items,
        tax_included=trade.tax_included,
        round_to=trade.round_to,
    )
    return _paid(receipt, trade)


def _paid(receipt: Receipt, trade: Trade) -> Receipt:
    """The receipt with its tip, and with the notes handed over where it is paid in cash."""
    if trade.tip:
        receipt = replace(receipt, tip=cents(receipt.subtotal * trade.tip))
    if trade.note is None:
        return receipt
    notes = receipt.total // trade.note + 1
    return replace(receipt, cash=(notes * trade.note).quantize(CENT))


def _sample(seed: int, name: str, trade: Trade, write: Callable[[Receipt, Trade], bytes]) -> Sample:
    receipt = draw_receipt(seed, trade)
    facts = Facts(receipt.shop.name, receipt.moment.date(), receipt.total, receipt.currency)
    return Sample(name, facts, write(receipt, trade), "done")


def _picture(receipt: Receipt, trade: Trade) -> Image.Image:
    return draw(receipt, trade.language, trade.layout, trade.style)


def _jpeg(image: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=88, **options)
    return file.getvalue()


def _scan_jpeg(receipt: Receipt, trade: Trade) -> bytes:
    return _jpeg(_picture(receipt, trade))


def _png(receipt: Receipt, trade: Trade) -> bytes:
    file = BytesIO()
    _picture(receipt, trade).save(file, "PNG", compress_level=3)
    return file.getvalue()


def _webp(receipt: Receipt, trade: Trade) -> bytes:
    file = BytesIO()
    _picture(receipt, trade).save(file, "WEBP", quality=85, method=2)
    return file.getvalue()


def _two_page_tiff(receipt: Receipt, trade: Trade) -> bytes:
    file = BytesIO()
    slip = draw_rows(card_slip(receipt, trade.language), trade.style)
    _picture(receipt, trade).save(
        file, "TIFF", compression="tiff_adobe_deflate", save_all=True, append_images=[slip]
    )
    return file.getvalue()


def _heic(receipt: Receipt, trade: Trade) -> bytes:
    file = BytesIO()
    picture = photograph(_picture(receipt, trade), seed=receipt.moment.minute, lean=0.01)
    pillow_heif.from_pillow(picture.convert("RGB")).save(file, quality=80)
    return file.getvalue()


def _sideways_photo(receipt: Receipt, trade: Trade) -> bytes:
    """A photo that lies on its side and says nothing about it."""
    picture = photograph(_picture(receipt, trade), seed=receipt.moment.minute)
    return _jpeg(picture.transpose(Image.Transpose.ROTATE_90))


def _phone_photo(receipt: Receipt, trade: Trade) -> bytes:
    """A photo that is stored on its side and says so, as phones do."""
    picture = photograph(_picture(receipt, trade), seed=receipt.moment.minute, grain=4.0)
    exif = Image.Exif()
    exif[_ORIENTATION] = _TURN_RIGHT
    return _jpeg(picture.transpose(Image.Transpose.ROTATE_90), exif=exif)


def _text_pdf(receipt: Receipt, trade: Trade) -> bytes:
    return set_pdf(rows_of(receipt, trade.language, trade.layout))


def _scan_pdf(receipt: Receipt, trade: Trade) -> bytes:
    file = BytesIO()
    _picture(receipt, trade).save(
        file, "PDF", resolution=200.0, creationDate=_EPOCH, modDate=_EPOCH
    )
    return file.getvalue()


_PLAN: tuple[tuple[str, Trade, Callable[[Receipt, Trade], bytes]], ...] = (
    ("grocer-scan.jpg", catalogue.GROCER, _scan_jpeg),
    ("diner-lunch.png", catalogue.DINER, _png),
    ("markthalle-sideways.jpg", catalogue.MARKET, _sideways_photo),
    ("rechnung-werkbank.pdf", catalogue.WORKSHOP, _scan_pdf),
    ("bistrot.webp", catalogue.BISTRO, _webp),
    ("ferretería.jpg", catalogue.HARDWARE, _phone_photo),
    ("trattoria.heic", catalogue.TRATTORIA, _heic),
    ("kedai-runcit.tiff", catalogue.SHOPHOUSE, _two_page_tiff),
    ("alpenblick.pdf", catalogue.OUTFITTER, _text_pdf),
)
