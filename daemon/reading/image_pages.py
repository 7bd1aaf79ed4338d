"""Pages of pictures, decoded by Pillow: shrunk, turned as their EXIF says, in plain RGB."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import Image as Pillow
from PIL import ImageFile

from daemon.reading.image import Image
from daemon.reading.page_image import (
    PageImage,
    PageSettings,
    check_all_pixels,
    check_pixels,
    reading_scale,
    too_many,
)

_ORIENTATION = 0x0112  # EXIF 2.32, 4.6.4
_TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})
_STRIP = 256
"""Rows that are computed with at once, to need little memory."""
_DEEP = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})


def pages(
    file: BinaryIO, formats: tuple[str, ...], *, max_pages: int, settings: PageSettings
) -> Iterator[PageImage]:
    """The pages of a picture: all of a TIFF, the first or main picture of the rest."""
    if "HEIF" in formats:
        pillow_heif.register_heif_opener(thumbnails=False)
    with _pixel_limit(settings.max_pixels), _open(file, formats) as picture:
        if picture.format != "TIFF":
            yield _page(picture, 1, settings)
            return
        _check_count(picture, max_pages)
        number, pixels = 1, 0
        while _seek(picture, number - 1):
            pixels += picture.width * picture.height
            check_all_pixels(pixels, settings)
            yield _page(picture, number, settings)
            number += 1


@contextlib.contextmanager
def _pixel_limit(most: int) -> Iterator[None]:
    """Hold Pillow, which has one limit for the process, to ours while a file is open."""
    before = Pillow.MAX_IMAGE_PIXELS
    Pillow.MAX_IMAGE_PIXELS = most
    try:
        yield
    finally:
        Pillow.MAX_IMAGE_PIXELS = before


def _open(file: BinaryIO, formats: tuple[str, ...]) -> ImageFile.ImageFile:
    """A picture, not yet decoded; what Pillow only warns of is refused by us or harmless."""
    with warnings.catch_warnings(), _metadata_left_unread():
        warnings.simplefilter("ignore")
        return Pillow.open(file, formats=formats)


@contextlib.contextmanager
def _metadata_left_unread() -> Iterator[None]:
    """Have Pillow pass over text and profiles of a PNG that unpack to more than it takes.

    Only while a file is opened: what is missing of the picture itself stays an error.
    """
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _check_count(picture: ImageFile.ImageFile, max_pages: int) -> None:
    """Raise ReadingError where there are more pages than allowed; walks no further than that."""
    if _seek(picture, max_pages):
        raise too_many(max_pages)


def _seek(picture: ImageFile.ImageFile, frame: int) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture.seek(frame)
        except EOFError:
            return False
    return True


def _page(picture: ImageFile.ImageFile, number: int, settings: PageSettings) -> PageImage:
    full = picture.size
    check_pixels(*full, number, settings)
    scale = reading_scale(*full, settings)
    target = (max(1, round(full[0] * scale)), max(1, round(full[1] * scale)))
    picture.draft(None, target)  # a JPEG decodes at a half, a quarter or an eighth
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # broken metadata is no reason to refuse a picture
        picture.load()
        orientation = _orientation(picture)
    plain = _on_white(_shrunk(picture, target))
    if orientation in _TURNS:
        plain = plain.transpose(_TURNS[orientation])
    if orientation in _SIDEWAYS:
        full = full[1], full[0]
    return PageImage(number, *full, _pixels(plain))


def _orientation(picture: Pillow.Image) -> int:
    """The EXIF orientation, 1 where there is none or the EXIF data is broken."""
    try:
        value = picture.getexif().get(_ORIENTATION, 1)
    except (SyntaxError, ValueError, OSError, LookupError, TypeError, EOFError):
        return 1
    return value if isinstance(value, int) else 1


def _shrunk(picture: Pillow.Image, target: tuple[int, int]) -> Pillow.Image:
    """A picture at the size at which it is read, in a mode that can be shrunk well."""
    if picture.mode in _DEEP:
        picture = _in_eight_bits(picture)
    elif picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA" if _is_transparent(picture) else "RGB")
    elif picture.mode == "1":
        picture = picture.convert("L")
    if picture.width <= target[0] and picture.height <= target[1]:
        return picture
    return picture.resize(target, Pillow.Resampling.BICUBIC, reducing_gap=2.0)


def _in_eight_bits(picture: Pillow.Image) -> Pillow.Image:
    """Deep grey levels, their range stretched over the eight bits that engines take.

    Scanners store 10 or 12 bits in 16, so the range used decides, not the range possible.
    """
    levels = np.asarray(picture)
    low, high = float(levels.min()), float(levels.max())
    if low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    shown = np.empty(levels.shape, dtype=np.uint8)
    for top in range(0, len(levels), _STRIP):
        strip = levels[top : top + _STRIP].astype(np.float32)
        shown[top : top + _STRIP] = (strip - low) * (255.0 / max(high - low, 1e-9))
    return Pillow.fromarray(shown)


def _is_transparent(picture: Pillow.Image) -> bool:
    return picture.mode in ("PA", "LA", "La", "RGBA", "RGBa") or "transparency" in picture.info


def _on_white(picture: Pillow.Image) -> Pillow.Image:
    """A picture in RGB; what is transparent shows white paper."""
    if not _is_transparent(picture):
        return picture.convert("RGB")
    shown = picture.convert("RGBA")
    paper = Pillow.new("RGB", shown.size, (255, 255, 255))
    paper.paste(shown, mask=shown.getchannel("A"))
    return paper


def _pixels(picture: Pillow.Image) -> Image:
    return np.array(picture, dtype=np.uint8)
