"""Proving a picture with Pillow, by the one plugin for its type, page by page."""

from __future__ import annotations

import io
import os
import warnings
from typing import BinaryIO

from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile

from daemon.errors import RefusedError
from daemon.validation.bounds import Bounds
from daemon.validation.endings import png_chunks
from daemon.validation.verdict import Check

_FORMATS = {
    "image/jpeg": ("JPEG",),
    "image/png": ("PNG",),
    "image/gif": ("GIF",),
    "image/bmp": ("BMP",),
    "image/tiff": ("TIFF",),
    "image/webp": ("WEBP",),
    "image/avif": ("AVIF",),
}
_MAX_SCANS = 500
"""Scans of a progressive JPEG; whole pictures have about ten (libjpeg-turbo fuzzes with 500)."""
_BLOCK = 1 << 20
_METADATA = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf"})  # W3C PNG, 11.3


def prepare_pillow() -> None:
    """Leave the pixel limit to us and load the common plugins."""
    Image.MAX_IMAGE_PIXELS = None  # `Bounds` refuses far below it, before anything is decoded
    warnings.simplefilter("ignore")
    Image.preinit()


def prove_image(file: BinaryIO, bounds: Bounds, checks: list[Check]) -> None:
    """Decode every page within its bounds.

    Raises RefusedError for what is over a bound, and whatever Pillow raises for what is broken.
    """
    if bounds.media_type == "image/jpeg":
        _refuse_endless_scans(file)
        _prove_jpeg(file, bounds, checks)
        return
    if bounds.media_type == "image/webp":
        bounds.check_page(*_webp_canvas(file))
    if bounds.media_type == "image/png":
        file = _prove_png_chunks(file, bounds, checks)
    with _opened(file, bounds) as image:
        _prove_pages(image, bounds, checks)


def _opened(file: BinaryIO, bounds: Bounds) -> Image.Image:
    """A picture whose header is read and whose first page is within bounds."""
    file.seek(0)
    image = Image.open(file, formats=_FORMATS[bounds.media_type])
    bounds.check_page(*image.size)
    return image


def _prove_jpeg(file: BinaryIO, bounds: Bounds, checks: list[Check]) -> None:
    """Decode a JPEG at an eighth of its size: all of its data is read, little memory is used.

    A second picture inside (format MPO, as phones write it) is no page and not decoded.
    """
    with _opened(file, bounds) as image:
        checks.append(_pixels(image))
        if isinstance(image, MpoImageFile) and _length(image) > os.fstat(file.fileno()).st_size:
            raise RefusedError("truncated", "the file ends before its second picture does")
        image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
    checks.append(Check("pages", ok=True, detail="1"))


def _length(image: MpoImageFile) -> int:
    """Bytes of all pictures in a multi-picture file (CIPA DC-007, 5.2.3.2)."""
    entries = (image.mpinfo or {}).get(0xB002, ())
    return sum(entry["Size"] for entry in entries)


def _prove_pages(image: Image.Image, bounds: Bounds, checks: list[Check]) -> None:
    """Decode page after page; asking for the count first might walk for minutes."""
    checks.append(_pixels(image))
    total = pages = 0
    while True:
        bounds.check_page(*image.size)
        total += image.width * image.height
        bounds.check_sum(total)
        image.load()
        pages += 1
        try:
            image.seek(pages)
        except EOFError:
            break
        bounds.check_count(pages + 1)
    checks.append(Check("pages", ok=True, detail=str(pages)))


def _pixels(image: Image.Image) -> Check:
    return Check("pixels", ok=True, detail=f"{image.width} x {image.height}")


def _refuse_endless_scans(file: BinaryIO) -> None:
    """Count start-of-scan markers; coded data never looks like one (T.81, B.1.1.5)."""
    scans, last = 0, b""
    while block := file.read(_BLOCK):
        scans += (last + block).count(b"\xff\xda")
        last = block[-1:] if block.endswith(b"\xff") else b""
    if scans > _MAX_SCANS:
        raise RefusedError("too_complex", f"a JPEG of {scans} scans would take minutes to decode")


def _webp_canvas(file: BinaryIO) -> tuple[int, int]:
    """Width and height before the decoder sets memory aside for them (RFC 9649, 2.5 to 2.7)."""
    file.seek(12)
    head = file.read(18)
    if head.startswith(b"VP8X"):
        return 1 + int.from_bytes(head[12:15], "little"), 1 + int.from_bytes(head[15:18], "little")
    if head.startswith(b"VP8L"):
        bits = int.from_bytes(head[9:13], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return (
        int.from_bytes(head[14:16], "little") & 0x3FFF,
        int.from_bytes(head[16:18], "little") & 0x3FFF,
    )


def _prove_png_chunks(file: BinaryIO, bounds: Bounds, checks: list[Check]) -> BinaryIO:
    """Check every chunk's CRC, and return what to decode.

    That is the file, or a copy without text and profiles where only these are unreadable: they may
    be made to unpack to gigabytes, and the picture should not be lost over them.
    """
    try:
        with _opened(file, bounds) as image:
            image.verify()
    except ValueError as error:
        bare = _without_metadata(file)
        with _opened(bare, bounds) as image:
            image.verify()
        checks.append(Check("metadata", ok=False, detail=f"left unread: {error}"[:200]))
        return bare
    return file


def _without_metadata(file: BinaryIO) -> BinaryIO:
    """A copy of a PNG in memory that lacks its text, EXIF and colour profile."""
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    bare = io.BytesIO()
    bare.write(file.read(8))
    for name, place, length in png_chunks(file, size):
        if name not in _METADATA:
            file.seek(place)
            bare.write(file.read(length))
    return bare
