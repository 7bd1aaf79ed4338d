"""What in the bytes of a PDF could act on its reader's machine: named, and never carried out."""

from __future__ import annotations

import mmap
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO

_ACTIVE = {
    b"/JavaScript": "JavaScript",  # ISO 32000-2, 12.6.4.17
    b"/Launch": "launch actions",  # the same, 12.6.4.6
    b"/SubmitForm": "forms that are sent off",  # the same, 12.7.6.2
    b"/EmbeddedFile": "embedded files",  # the same, 7.11.4
    b"/RichMedia": "rich media",  # the same, 13.7
    b"/XFA": "an XFA form",  # XFA 3.3
}
_BLOCK = 1 << 20
_OVERLAP = 64
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")  # in names: ISO 32000-2, 7.3.5
_OBJECT_STREAM = re.compile(rb"/ObjStm[^\0]{0,500}?stream\r?\n")  # the same, 7.5.7
_MOST_STREAMS = 2000
_MOST_UNPACKED = 32 << 20
_LARGEST = 512 << 20
"""Bytes of a file that is mapped to look into its object streams."""


def active_content(file: BinaryIO) -> set[str]:
    """What a document names outright, in escaped names, and in packed object streams."""
    found: set[str] = set()
    last = b""
    file.seek(0)
    while block := file.read(_BLOCK):
        found |= _named_in(last + block)
        last = block[-_OVERLAP:]
    for unpacked in _object_streams(file):
        found |= _named_in(unpacked)
    return found


def _named_in(data: bytes) -> set[str]:
    if b"#" in data:
        data = _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), data)
    return {what for word, what in _ACTIVE.items() if word in data}


def _object_streams(file: BinaryIO) -> Iterator[bytes]:
    """What is packed in the object streams, up to a bound on all of it together."""
    size = file.seek(0, 2)
    if not 0 < size <= _LARGEST:
        return
    left = _MOST_UNPACKED
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        for number, match in enumerate(_OBJECT_STREAM.finditer(whole)):
            if number == _MOST_STREAMS or left <= 0:
                return
            packer = zlib.decompressobj()
            try:
                unpacked = packer.decompress(whole[match.end() : match.end() + _BLOCK], left)
            except zlib.error:
                continue  # not packed, or by another filter: seen as it is, or not at all
            left -= len(unpacked)
            yield unpacked
