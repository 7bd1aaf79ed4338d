"""The reader as the pipeline uses it: an open file in, a document out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from daemon.errors import ReadingError
from daemon.reading.document import from_json, to_json
from daemon.reading.reader import Reader
from tests.reading.drawing import LETTERS, RECEIPT, encoded, letters, read, receipt, words


def test_a_receipt_is_read(reader: Reader, tmp_path: Path) -> None:
    """Text in reading order, the engine named, the time taken, boxes with confidence."""
    document = read(reader, encoded(receipt(), "PNG"), "image/png", tmp_path)
    assert document.text.split("\n") == [cell for row in RECEIPT for cell in row if cell]
    assert document.engine == "rapid"
    assert document.seconds > 0
    assert from_json(to_json(document)).text == document.text


def test_letters_of_europe_are_read(reader: Reader, tmp_path: Path) -> None:
    """Umlauts, accents and money signs come out as printed."""
    rows = [("Käse & Brötchen", "3,50 €"), ("Größe für Straße", "£9.20"), ("Crème brûlée", "12,00")]
    document = read(reader, encoded(receipt(rows), "PNG"), "image/png", tmp_path)
    assert words(document) == " ".join(" ".join(row) for row in rows)


def test_a_long_receipt_is_read_whole(reader: Reader, tmp_path: Path) -> None:
    """Eight times as high as wide: every row once, in order."""
    rows = [(f"Article {number:02d}", f"{number}.{number:02d}") for number in range(10, 60)]
    picture = receipt(rows, width=360, size=24)
    assert picture.height > 6 * picture.width
    document = read(reader, encoded(picture, "PNG"), "image/png", tmp_path)
    assert words(document) == " ".join(" ".join(row) for row in rows)


def test_a_long_receipt_that_lies_is_turned(reader: Reader, tmp_path: Path) -> None:
    """A wide picture is taken for a long receipt on its side."""
    rows = [(f"Article {number:02d}", f"{number}.{number:02d}") for number in range(10, 40)]
    picture = receipt(rows, width=330, size=24)
    assert picture.height > 4 * picture.width
    document = read(reader, encoded(picture.rotate(90, expand=True), "PNG"), "image/png", tmp_path)
    assert words(document) == " ".join(" ".join(row) for row in rows)
    assert document.pages[0].rotation == 90


def test_a_banner_stays_upright(reader: Reader, tmp_path: Path) -> None:
    """A wide picture whose text lies is not turned for long."""
    rows = [("One long line of print across a banner", "1.00"), ("and another line below", "2.00")]
    document = read(reader, encoded(receipt(rows, width=1100), "PNG"), "image/png", tmp_path)
    assert words(document) == " ".join(" ".join(row) for row in rows)
    assert document.pages[0].rotation == 0


def test_a_blank_page_has_no_lines(reader: Reader, tmp_path: Path) -> None:
    """An empty sheet is a page without text, not an error."""
    data = encoded(Image.new("RGB", (400, 600), "white"), "PNG")
    document = read(reader, data, "image/png", tmp_path)
    assert (len(document.pages), document.text) == (1, "")


@pytest.mark.parametrize("media_type", ["audio/mpeg", "text/plain", "application/zip"])
def test_what_has_no_pages_says_so(reader: Reader, media_type: str, tmp_path: Path) -> None:
    """Recordings and archives have no reader; the code is stable."""
    with pytest.raises(ReadingError) as caught:
        read(reader, b"ID3", media_type, tmp_path)
    assert caught.value.code == "no_reader_for_type"


def test_the_descriptor_stays_open_and_is_read_from_the_start(
    reader: Reader, tmp_path: Path
) -> None:
    """Whoever opened the file goes on using it; where it was read to does not matter."""
    path = tmp_path / "r.png"
    path.write_bytes(encoded(receipt(), "PNG"))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.lseek(descriptor, 100, os.SEEK_SET)
        for _ in range(2):
            found = letters(reader.read(descriptor, "image/png", max_pages=1))
            assert found == LETTERS
        assert os.fstat(descriptor).st_size == path.stat().st_size
    finally:
        os.close(descriptor)
