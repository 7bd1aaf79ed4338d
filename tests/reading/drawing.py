"""Draws pages of text for the tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

import daemon
from daemon.reading.document import Document
from daemon.reading.reader import Reader

FONT = Path(daemon.__file__).parent / "demo" / "fonts" / "DejaVuSans.ttf"

RECEIPT = (
    ("Garden Market", ""),
    ("12 Mill Lane, Oxford", ""),
    ("Apples", "3.20"),
    ("Brown bread", "2.15"),
    ("TOTAL", "5.35"),
    ("14/03/2026", "10:42"),
)
LETTERS = "".join("".join(row).replace(" ", "") for row in RECEIPT)


def receipt(
    rows: Sequence[tuple[str, str]] = RECEIPT, *, width: int = 520, size: int = 28
) -> Image.Image:
    """Rows with something on the left and, where given, an amount on the right."""
    font = ImageFont.truetype(str(FONT), size)
    picture = Image.new("RGB", (width, 2 * size * (len(rows) + 1)), "white")
    pen = ImageDraw.Draw(picture)
    for index, (left, right) in enumerate(rows):
        y = size + 2 * size * index
        pen.text((size, y), left, "black", font)
        pen.text((width - size, y), right, "black", font, anchor="ra")
    return picture


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    """A picture as a file of one of Pillow's formats."""
    stream = BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def read(reader: Reader, data: bytes, media_type: str, folder: Path, **options: Any) -> Document:
    """What a reader makes of a file with this content."""
    path = folder / "page"
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return reader.read(descriptor, media_type, max_pages=options.get("max_pages", 10))
    finally:
        os.close(descriptor)


def letters(document: Document) -> str:
    """All text without spaces: where one is narrow, processors differ on whether there is one."""
    return "".join(document.text.split())


def words(document: Document) -> str:
    """All text of a document on one line."""
    return " ".join(document.text.split())
