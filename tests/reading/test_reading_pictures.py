"""Pictures of every format and mode become plain upright RGB pages, never larger than needed."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from PIL.TiffImagePlugin import AppendingTiffWriter

from daemon.errors import ReadingError
from daemon.reading.page_image import MEGAPIXEL, PageImage, PageSettings
from daemon.reading.pages import pages
from daemon.reading.reader import Reader
from tests.reading.drawing import LETTERS, encoded, letters, read, receipt
from tests.validation import samples


def _pages(data: bytes, media_type: str, **options: Any) -> list[PageImage]:
    bounds = PageSettings(max_pixels=options.get("max_pixels", 100 * MEGAPIXEL))
    most = options.get("max_pages", 10)
    return list(pages(BytesIO(data), media_type, max_pages=most, settings=bounds))


def _page(data: bytes, media_type: str, **options: Any) -> PageImage:
    [page] = _pages(data, media_type, **options)
    return page


def _greys(page: PageImage) -> np.ndarray[Any, Any]:
    assert page.image is not None
    assert page.image.dtype == np.uint8
    assert page.image.shape[2] == 3
    return page.image.mean(axis=2)


@pytest.mark.parametrize(
    ("form", "media_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp"), ("TIFF", "image/tiff")],
)
def test_each_format_is_read(reader: Reader, form: str, media_type: str, tmp_path: Path) -> None:
    """JPEG, PNG, WebP and TIFF read alike."""
    assert letters(read(reader, encoded(receipt(), form), media_type, tmp_path)) == LETTERS


def test_heic_is_read(reader: Reader, tmp_path: Path) -> None:
    """Phone pictures read like the others."""
    pillow_heif.register_heif_opener()
    data = encoded(receipt(), "HEIF", quality=90)
    assert letters(read(reader, data, "image/heic", tmp_path)) == LETTERS


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_the_same_page(mode: str) -> None:
    """Bilevel, grey, palette, transparent, print and video colours show the same text."""
    picture = receipt()
    form = {"CMYK": "JPEG", "YCbCr": "TIFF"}.get(mode, "PNG")
    media_type = {"JPEG": "image/jpeg", "TIFF": "image/tiff"}.get(form, "image/png")
    page = _page(encoded(picture.convert(mode), form), media_type)
    expected = np.asarray(picture.convert("L"), dtype=float)
    assert np.abs(_greys(page) - expected).mean() < 6


def test_what_is_transparent_is_white_paper() -> None:
    """Black text on a transparent ground does not turn black on black."""
    picture = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (10, 10, 20, 20))
    greys = _greys(_page(encoded(picture, "PNG"), "image/png"))
    assert greys[30, 50] == 255
    assert greys[15, 15] == 0


def test_a_transparent_palette_is_white_paper() -> None:
    """A palette entry marked transparent is paper too."""
    picture = Image.new("P", (60, 40), 1)
    picture.putpalette([10, 10, 10, 0, 0, 0])
    picture.paste(0, (10, 10, 20, 20))
    greys = _greys(_page(encoded(picture, "PNG", transparency=1), "image/png"))
    assert greys[30, 50] == 255
    assert greys[15, 15] == 10


@pytest.mark.parametrize(("most", "form"), [(65535, "PNG"), (65535, "TIFF"), (4095, "TIFF")])
def test_sixteen_bits_keep_their_contrast(most: int, form: str) -> None:
    """Deep grey levels, also 12 bits stored in 16, use the whole range."""
    levels = np.full((40, 60), most, dtype=np.uint16)
    levels[10:20, 10:20] = 0
    page = _page(encoded(Image.fromarray(levels), form), f"image/{form.lower()}")
    greys = _greys(page)
    assert greys[30, 50] == 255
    assert greys[15, 15] == 0


@pytest.mark.parametrize(
    ("orientation", "method"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"])
def test_exif_orientation_is_applied(orientation: int, method: Image.Transpose, form: str) -> None:
    """What the camera noted turns the page before it is read; sizes are those of the page."""
    pillow_heif.register_heif_opener()
    picture = receipt()
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture.transpose(method), form, exif=exif.tobytes())
    page = _page(data, f"image/{form.lower()}")
    assert (page.width, page.height) == picture.size
    expected = np.asarray(picture.convert("L"), dtype=float)
    assert np.abs(_greys(page) - expected).mean() < 6


def test_each_page_of_a_tiff_is_turned_as_it_says() -> None:
    """One sheet that went through the scanner on its side does not turn the others."""
    stream, picture = BytesIO(), receipt()
    ways = ((6, picture.transpose(Image.Transpose.ROTATE_90)), (1, picture))
    with AppendingTiffWriter(stream, new=True) as sheets:
        for orientation, stored in ways:
            exif = Image.Exif()
            exif[0x0112] = orientation
            stored.save(sheets, "TIFF", exif=exif)
            sheets.newFrame()
    found = _pages(stream.getvalue(), "image/tiff")
    assert [(page.width, page.height) for page in found] == [picture.size] * 2
    expected = np.asarray(picture.convert("L"), dtype=float)
    assert all(np.abs(_greys(page) - expected).mean() < 6 for page in found)


def test_broken_exif_is_no_reason_to_refuse_a_picture() -> None:
    """A page is shown as it is stored when its metadata cannot be read."""
    page = _page(encoded(receipt(), "PNG", exif=b"Exif\x00\x00nonsense"), "image/png")
    assert (page.width, page.height) == receipt().size


def test_all_pages_of_a_tiff_are_read(reader: Reader, tmp_path: Path) -> None:
    """Pages keep their order and their numbers."""
    sheets = [receipt([(f"Sheet number {number}", "")]) for number in (1, 2, 3)]
    data = encoded(sheets[0], "TIFF", save_all=True, append_images=sheets[1:])
    document = read(reader, data, "image/tiff", tmp_path)
    assert [page.number for page in document.pages] == [1, 2, 3]
    assert document.text == "Sheet number 1\fSheet number 2\fSheet number 3"


def test_too_many_pages_are_refused() -> None:
    """A TIFF with more pages than allowed is not read in part."""
    sheet = Image.new("L", (40, 40))
    data = encoded(sheet, "TIFF", save_all=True, append_images=[sheet] * 3)
    assert len(_pages(data, "image/tiff", max_pages=4)) == 4
    with pytest.raises(ReadingError) as caught:
        _pages(data, "image/tiff", max_pages=3)
    assert caught.value.code == "too_many_pages"


def test_only_the_first_picture_of_a_phone_jpeg_is_a_page() -> None:
    """A second picture inside a JPEG is a preview or a depth map."""
    picture = receipt()
    data = encoded(picture, "MPO", save_all=True, append_images=[picture.resize((100, 80))])
    assert (_page(data, "image/jpeg").width, _page(data, "image/jpeg").height) == picture.size


def test_large_scans_shrink_and_keep_their_coordinates(reader: Reader, tmp_path: Path) -> None:
    """A page of 36 million pixels is decoded smaller; its boxes are in pixels as stored."""
    picture = receipt().resize((6000, 4500))
    data = encoded(picture, "JPEG", quality=80)
    page = _page(data, "image/jpeg")
    assert page.image is not None
    assert page.image.shape[:2] == (1500, 2000)
    document = read(reader, data, "image/jpeg", tmp_path)
    assert (document.pages[0].width, document.pages[0].height) == (6000, 4500)
    assert letters(document) == LETTERS
    assert max(line.box[2] for line in document.pages[0].lines) > 5000


def test_a_page_over_the_limit_of_pixels_is_refused() -> None:
    """The limit holds before anything is decoded, also beyond what Pillow would warn of."""
    data = encoded(Image.new("1", (3000, 3000)), "PNG")
    with pytest.raises(ReadingError) as caught:
        _pages(data, "image/png", max_pixels=5 * MEGAPIXEL)
    assert caught.value.code == "too_many_pixels"
    with pytest.raises(ReadingError) as caught:
        _pages(data, "image/png", max_pixels=MEGAPIXEL)
    assert caught.value.code == "too_many_pixels"


def test_pixels_of_all_pages_together_are_bounded(rapid: Any, tmp_path: Path) -> None:
    """Many pages just under the limit are refused like one over it."""
    sheet = Image.new("1", (300, 300))
    data = encoded(sheet, "TIFF", save_all=True, append_images=[sheet] * 11)
    with pytest.raises(ReadingError) as caught:
        read(Reader(rapid, max_pixels=90_000), data, "image/tiff", tmp_path, max_pages=20)
    assert caught.value.code == "too_many_pixels"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_broken_picture_is_unreadable(form: str) -> None:
    """Half a file, or another kind of file, gives one error with a code."""
    data = encoded(receipt(), form)
    for broken in (data[: len(data) // 2], b"not a picture at all", b""):
        with pytest.raises(ReadingError) as caught:
            _pages(broken, f"image/{form.lower()}")
        assert caught.value.code == "unreadable"


def test_a_broken_heic_is_unreadable() -> None:
    """A phone picture that was cut off gives the same error."""
    pillow_heif.register_heif_opener()
    data = encoded(receipt(), "HEIF")
    with pytest.raises(ReadingError) as caught:
        _pages(data[: len(data) // 2], "image/heic")
    assert caught.value.code == "unreadable"


def test_only_the_format_of_the_media_type_is_tried() -> None:
    """A PNG that is said to be a JPEG is not decoded."""
    with pytest.raises(ReadingError) as caught:
        _pages(encoded(receipt(), "PNG"), "image/jpeg")
    assert caught.value.code == "unreadable"


def test_a_tiff_that_loops_is_read_once() -> None:
    """Pages whose next page is themselves do not hang the reader."""
    data = bytearray(encoded(Image.new("L", (8, 8)), "TIFF"))
    start = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[start : start + 2], "little")
    link = start + 2 + 12 * count
    data[link : link + 4] = start.to_bytes(4, "little")
    assert len(_pages(bytes(data), "image/tiff", max_pages=5)) == 1


@pytest.mark.parametrize("build", [samples.text_bomb_png, samples.profile_bomb_png])
def test_a_picture_is_read_without_metadata_that_unpacks_to_gigabytes(
    build: Callable[[], bytes],
) -> None:
    """It is let through on account of its picture, so it must not be lost to its text."""
    [page] = pages(BytesIO(build()), "image/png", max_pages=1, settings=PageSettings())
    assert (page.width, page.height) == (8, 8)


def test_what_cannot_be_decoded_is_told_in_words() -> None:
    """Not as the bare key or the address of an object that a library gives as its reason."""
    for data in (b"\xff\xd8\xff", b"\xff\xd8\xff\xe0no picture"):
        with pytest.raises(ReadingError) as told:
            list(pages(BytesIO(data), "image/jpeg", max_pages=1, settings=PageSettings()))
        assert told.value.code == "unreadable"
        assert "<_io" not in told.value.message
        assert not told.value.message.endswith("'")
