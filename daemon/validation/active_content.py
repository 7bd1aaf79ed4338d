"""What in the bytes of a PDF could act on its reader's machine: named, and never carried out."""

from __future__ import annotations

import itertools
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
    b"/FileAttachment": "embedded files",  # the same, 12.5.6.15
    b"/RichMedia": "rich media",  # the same, 13.7
    b"/XFA": "an XFA form",  # XFA 3.3
}
_BLOCK = 1 << 20
_OVERLAP = 64
_UNSEEN = "packed objects that cannot be looked into"
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")  # in names: ISO 32000-2, 7.3.5
_FILE_WITHIN = re.compile(rb"/EF\s{0,8}(?:<<|\d{1,10}\s{1,8}\d)")
"""A file specification whose file lies in the document itself (7.11.3)."""
_STREAM = re.compile(rb"(?<!end)stream\r?\n")  # 7.3.8
_DICTIONARY = 500
"""Bytes before a stream's data in which its dictionary names its type."""
_MOST_LOOKED_AT = 100_000
_MOST_STREAMS = 2000
_MOST_UNPACKED = 32 << 20
_LARGEST = 512 << 20
"""Bytes of a file that is mapped to look into its object streams."""


def active_content(file: BinaryIO) -> set[str]:
    """What a document names outright, in escaped names, and in packed object streams.

    Object streams that hide what is in them are named, too.
    """
    found: set[str] = set()
    last = b""
    file.seek(0)
    while block := file.read(_BLOCK):
        found |= _named_in(last + block)
        last = block[-_OVERLAP:]
    for unpacked in _object_streams(file):
        found |= {_UNSEEN} if unpacked is None else _named_in(unpacked)
    return found


def _named_in(data: bytes) -> set[str]:
    data = _plain(data)
    found = {what for word, what in _ACTIVE.items() if word in data}
    return found | {"embedded files"} if _FILE_WITHIN.search(data) else found


def _plain(data: bytes) -> bytes:
    """The same bytes with no character of a name written as its number."""
    if b"#" not in data:
        return data
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), data)


def _object_streams(file: BinaryIO) -> Iterator[bytes | None]:
    """What is packed in each object stream, up to a bound on all of it; None for what is unseen."""
    size = file.seek(0, 2)
    if not 0 < size <= _LARGEST:
        return
    left, streams = _MOST_UNPACKED, 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        for match in itertools.islice(_STREAM.finditer(whole), _MOST_LOOKED_AT):
            start = max(0, match.start() - _DICTIONARY)
            dictionary = _plain(whole[start : match.start()]).rpartition(b" obj")[2]
            if b"/ObjStm" not in dictionary:
                continue
            streams += 1
            if streams > _MOST_STREAMS or left <= 0:
                yield None
                return
            unpacked = _unpacked(whole[match.end() : match.end() + _BLOCK], dictionary, left)
            left -= len(unpacked or b"")
            yield unpacked


def _unpacked(data: bytes, dictionary: bytes, most: int) -> bytes | None:
    """The objects in a stream; None where they are packed in a way that is not looked into."""
    if b"/Filter" not in dictionary:
        return data
    try:
        return zlib.decompressobj().decompress(data, most)
    except zlib.error:
        return None  # locked, or by another filter
