"""Whether a file stops before its format says that it ends."""

from __future__ import annotations

import mmap
import os
import re
import struct
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO

_TAIL = 2048
_CHAIN = 4096
"""Directories of a TIFF that are followed; a longer chain is judged by its beginning."""
_ENTRIES = 4096
"""Entries of one directory that are looked at."""
_EXTENTS = 65_536
"""Strips or tiles of one directory that are looked at."""
_OBJECT = re.compile(rb"[\r\n]\d{1,10} \d{1,5} obj\b")  # ISO 32000-2, 7.3.10
_STRIP_TAGS = {273: "offsets", 324: "offsets", 279: "counts", 325: "counts"}  # TIFF 6.0, 8 and 15
_WIDTHS = {3: "H", 4: "I", 16: "Q"}  # SHORT, LONG; LONG8 of BigTIFF


def is_surely_cut_off(file: BinaryIO, media_type: str) -> bool:
    """Whether a format that states its length is longer than the file."""
    look = _SURE.get(media_type)
    return look is not None and look(file, _size(file))


def is_probably_cut_off(file: BinaryIO, media_type: str) -> bool:
    """Whether a file that its parser refused lacks the mark that its format ends with."""
    size = _size(file)
    file.seek(max(0, size - _TAIL))
    tail = file.read(_TAIL)
    if media_type == "image/jpeg":
        return b"\xff\xd9" not in tail  # EOI: ITU-T T.81, B.1.1.3
    if media_type == "image/bmp":
        file.seek(2)
        return int.from_bytes(file.read(4), "little") > size  # wingdi.h, bfSize
    return is_surely_cut_off(file, media_type)


def png_chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, place and whole length of each chunk up to IEND, or to one that is not all there."""
    place = 8
    while place + 8 <= size:
        file.seek(place)
        length, name = struct.unpack(">I4s", file.read(8))
        yield name, place, length + 12
        if name == b"IEND":
            return
        place += length + 12


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _png(file: BinaryIO, size: int) -> bool:
    """A chunk reaches past the end, or the last one is not there (W3C PNG, 5.3)."""
    last = b""
    for name, place, length in png_chunks(file, size):
        if place + length > size:
            return True
        last = name
    return last != b"IEND"


def _gif(file: BinaryIO, _end: int) -> bool:
    """The blocks end without a trailer (GIF89a, 27)."""
    file.seek(10)
    flags = file.read(1)[:1] or b"\0"
    file.seek(13 + _colour_table(flags[0]))
    while introducer := file.read(1):
        if introducer == b",":  # an image: its table, a code size, then its data
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return True
            file.seek(_colour_table(descriptor[8]) + 1, os.SEEK_CUR)
        elif introducer == b"!":
            file.seek(1, os.SEEK_CUR)
        else:
            return False  # the trailer, or no block at all
        while (length := file.read(1)) and length != b"\0":
            file.seek(length[0], os.SEEK_CUR)
    return True


def _colour_table(flags: int) -> int:
    """Bytes of the table that flags announce (GIF89a, 18 and 20)."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(file: BinaryIO, size: int) -> bool:
    """The RIFF header counts more bytes than there are (RFC 9649, 2.4)."""
    file.seek(4)
    return int.from_bytes(file.read(4), "little") + 8 > size


def _boxes(file: BinaryIO, size: int) -> bool:
    """The outermost boxes do not end where the file does (ISO/IEC 14496-12, 4.2)."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        length, _name = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        if length == 0:
            return False
        if length < 8:
            return False  # not a length at all: damaged rather than cut off
        place += length
    return place > size


def _tiff(file: BinaryIO, size: int) -> bool:
    """A directory or the data that it points to lies past the end (TIFF 6.0, section 2)."""
    file.seek(0)
    header = file.read(16)
    order = "<" if header[:2] == b"II" else ">"
    big = header[2:4] in (b"+\0", b"\0+")
    try:
        (place,) = struct.unpack_from(order + ("Q" if big else "I"), header, 8 if big else 4)
        for _directory in range(_CHAIN):
            if place == 0:
                return False
            if place >= size:
                return True
            place, end = _tiff_directory(file, order, place, big=big)
            if end > size:
                return True
    except struct.error:
        return True  # something is shorter than its own count
    return False


def _tiff_directory(file: BinaryIO, order: str, place: int, *, big: bool) -> tuple[int, int]:
    """Where the next directory is, and where the data of this one ends."""
    count_form, word = ("Q", "Q") if big else ("H", "I")
    (count,) = _numbers(file, place, order + count_form)
    first = place + struct.calcsize(count_form)
    length, inline = (20, 8) if big else (12, 4)
    found: dict[str, tuple[int, ...]] = {}
    for entry in range(first, first + length * min(count, _ENTRIES), length):
        tag, kind, number = _numbers(file, entry, order + "HH" + word)
        if tag in _STRIP_TAGS and kind in _WIDTHS:
            form = f"{order}{min(number, _EXTENTS)}{_WIDTHS[kind]}"
            where = entry + length - inline
            if struct.calcsize(form) > inline:
                (where,) = _numbers(file, where, order + word)
            found[_STRIP_TAGS[tag]] = _numbers(file, where, form)
    (following,) = _numbers(file, first + length * count, order + word)
    pairs = zip(found.get("offsets", ()), found.get("counts", ()), strict=False)
    return following, max((offset + counted for offset, counted in pairs), default=0)


def _numbers(file: BinaryIO, place: int, form: str) -> tuple[int, ...]:
    """Numbers at a place; raises struct.error where the file is too short for them."""
    if place > sys.maxsize:
        raise struct.error
    file.seek(place)
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _pdf(file: BinaryIO, size: int) -> bool:
    """No end comes after the last object (ISO 32000-2, 7.5.5 and 7.5.6).

    Readers make do with what is there: of a change that was saved in part they show the state
    before it.
    """
    if not size:
        return True
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        end = whole.rfind(b"%%EOF")
        return end < 0 or whole.find(b"endobj", end) >= 0 or _OBJECT.search(whole, end) is not None


_SURE: dict[str, Callable[[BinaryIO, int], bool]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/tiff": _tiff,
    "image/heic": _boxes,
    "image/heif": _boxes,
    "image/avif": _boxes,
    "application/pdf": _pdf,
}
