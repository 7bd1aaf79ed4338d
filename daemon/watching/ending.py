"""Whether a file looks finished, from its first and last bytes."""

from __future__ import annotations

from enum import StrEnum

HEAD = 16
"""Bytes from the start that are looked at."""
TAIL = 1024
"""Bytes from the end that are looked at."""

_UNKNOWN_RIFF_SIZES = frozenset({0, 0xFFFFFFFF})  # what a writer that cannot seek leaves there


class Ending(StrEnum):
    """What the last bytes say."""

    COMPLETE = "complete"
    CUT = "cut"
    EMPTY = "empty"
    UNKNOWN = "unknown"


def judge_ending(size: int, head: bytes, tail: bytes) -> Ending:
    """What the first HEAD and last TAIL bytes of a file of `size` bytes say about its end.

    Sources: JPEG ISO/IEC 10918-1 B.1 (EOI), PNG W3C (IEND), PDF ISO 32000-1 7.5.5 (%%EOF),
    RIFF (length in bytes 4 to 7), TIFF 6.0 section 2 (offset of the first directory). Formats
    whose end says nothing are UNKNOWN.
    """
    if size == 0:
        return Ending.EMPTY
    if head.startswith(b"\xff\xd8\xff"):
        return _marked(tail, b"\xff\xd9")
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _marked(tail, b"IEND")
    if b"%PDF-" in head:
        return _marked(tail, b"%%EOF")
    if head.startswith(b"RIFF"):
        return _riff(size, head)
    if head.startswith((b"II*\0", b"MM\0*")):
        return _tiff(size, head)
    return Ending.UNKNOWN


def _marked(tail: bytes, mark: bytes) -> Ending:
    return Ending.COMPLETE if mark in tail else Ending.CUT


def _riff(size: int, head: bytes) -> Ending:
    if len(head) < 8:
        return Ending.CUT
    length = int.from_bytes(head[4:8], "little")
    if length in _UNKNOWN_RIFF_SIZES:
        return Ending.UNKNOWN
    return Ending.COMPLETE if size >= length + 8 else Ending.CUT


def _tiff(size: int, head: bytes) -> Ending:
    """Most writers put the directory last; before it is there, the file is certainly cut."""
    if len(head) < 8:
        return Ending.CUT
    directory = int.from_bytes(head[4:8], "little" if head.startswith(b"II") else "big")
    return Ending.CUT if directory == 0 or directory + 2 > size else Ending.UNKNOWN
