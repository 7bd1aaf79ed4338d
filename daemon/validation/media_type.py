"""What a file is, judged by its bytes and never by its name."""

from __future__ import annotations

import codecs
import json
import re
from collections import defaultdict

from daemon.validation.signatures import (
    BITMAP_HEADERS,
    BRANDS,
    IFF_FORMS,
    RIFF_FORMS,
    SIGNATURES,
    UNKNOWN,
    Signature,
)
from daemon.validation.sound import is_aac, is_mp3

HEAD = 64 * 1024
"""Bytes of the beginning, and of the end, that `detect` is to be given."""

_BY_FIRST_BYTE: dict[int, list[Signature]] = defaultdict(list)
for _signature in SIGNATURES:
    if _signature.offset == 0:
        _BY_FIRST_BYTE[_signature.magic[0]].append(_signature)
_FURTHER_IN = tuple(signature for signature in SIGNATURES if signature.offset)

_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_PDF_HEADER_WITHIN = 1024  # Adobe, PDF Reference 1.7, appendix H, note 13
_JSON_TRIED = 64 * 1024
_FOREIGN_SHARE = 0.3
_ZIP_NAME = 30  # APPNOTE.TXT, 4.3.7: where the first name begins
_OFFICE_FOLDERS = {  # ECMA-376, part 1: the folder of the main part
    b"word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def detect(head: bytes, tail: bytes, size: int) -> str:
    """The media type of a file, from its first and its last HEAD bytes and its size.

    A short file's head and tail are the same. Returns application/octet-stream for what has no
    known sign.
    """
    if not head:
        return UNKNOWN
    for signature in _BY_FIRST_BYTE.get(head[0], ()):
        if head.startswith(signature.magic):
            return _refined(signature.media_type, head, tail)
    for media_type, magic, offset in _FURTHER_IN:
        if head.startswith(magic, offset):
            return media_type
    return _by_structure(head) or _by_search(head, tail) or _as_text(head, size) or UNKNOWN


def _refined(media_type: str, head: bytes, tail: bytes) -> str:
    """The type within a container whose first bytes say only that it is one."""
    if media_type == "application/zip":
        return _in_zip(head, tail)
    if media_type == "audio/ogg" and b"theora" in head[:512]:
        return "video/ogg"
    if media_type == "video/x-matroska" and b"webm" in head[:64]:
        return "video/webm"
    return media_type


def _in_zip(head: bytes, tail: bytes) -> str:
    """What a ZIP holds: an office document, a book, a program, or just files."""
    name_length = int.from_bytes(head[26:28], "little")
    extra = int.from_bytes(head[28:30], "little")
    if head[_ZIP_NAME : _ZIP_NAME + name_length] == b"mimetype":
        # OpenDocument 1.3, part 2, 3.3 and EPUB OCF 3.3, 4.3: first, and neither packed nor hidden
        start = _ZIP_NAME + name_length + extra
        length = int.from_bytes(head[18:22], "little")
        declared = head[start : start + min(length, 128)].decode("ascii", "replace").strip()
        if re.fullmatch(r"application/[\w.+-]+", declared):
            return declared
    if b"[Content_Types].xml" in head or b"[Content_Types].xml" in tail:
        for folder, media_type in _OFFICE_FOLDERS.items():
            if folder in head or folder in tail:
                return media_type
    if b"META-INF/MANIFEST.MF" in head or b"META-INF/MANIFEST.MF" in tail:
        return "application/java-archive"
    return "application/zip"


def _by_structure(head: bytes) -> str | None:
    """Formats that take more than one place to tell."""
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head.startswith(b"RIFF"):
        return RIFF_FORMS.get(head[8:12])
    if head.startswith(b"FORM"):
        return IFF_FORMS.get(head[8:12])
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in BITMAP_HEADERS:
        return "image/bmp"
    if head.startswith(b"MZ") and _is_program(head):
        return "application/vnd.microsoft.portable-executable"
    if head[0] == 0xFF:
        return ("audio/mpeg" if is_mp3(head) else None) or ("audio/aac" if is_aac(head) else None)
    return None


def _by_brand(head: bytes) -> str:
    """The type of an ISO base media file, by its own brand and those it is compatible with."""
    own = BRANDS.get(head[8:12])
    if own not in (None, "image/heif"):
        return own
    end = min(int.from_bytes(head[:4], "big"), 256, len(head))
    for start in range(16, end - 3, 4):
        other = BRANDS.get(head[start : start + 4])
        if own and other in ("image/heic", "image/avif"):
            return other
    return own or "video/mp4"


def _is_program(head: bytes) -> bool:
    """Whether a DOS header leads to a PE header (PE format, 3), or is at least no text."""
    where = int.from_bytes(head[0x3C:0x40], "little")
    return head[where : where + 4] == b"PE\0\0" or _CONTROL.search(head[:64]) is not None


def _by_search(head: bytes, tail: bytes) -> str | None:
    """A PDF with something in front of it, which its own readers accept."""
    if b"%PDF-" in head[:_PDF_HEADER_WITHIN] and b"startxref" in tail:
        return "application/pdf"
    return None


def _as_text(head: bytes, size: int) -> str | None:
    """Text in UTF-8, in UTF-16 with its mark, or in an older eight-bit encoding."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and len(head) > 3:
        return "text/plain" if _is_wide_text(head) else None
    if _CONTROL.search(head):
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=size <= len(head))
    except UnicodeDecodeError:
        foreign = sum(byte > 0x7F for byte in head[:4096])
        few = foreign < _FOREIGN_SHARE * min(len(head), 4096)
        return "text/plain" if few and len(head) >= 16 else None
    return _kind_of_text(head, size)


def _is_wide_text(head: bytes) -> bool:
    """Whether what follows a byte order mark is UTF-16 without control characters."""
    try:
        text = head[: len(head) & ~1].decode("utf-16")
    except UnicodeDecodeError:
        return False
    return not any(ord(char) < 0x20 and char not in "\t\n\r\f" for char in text)


def _kind_of_text(head: bytes, size: int) -> str:
    """Markup and JSON told apart from plain text by how it begins."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1024].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        return "image/svg+xml"
    if start.startswith(b"<?xml"):
        return "text/html" if b"<html" in start else "application/xml"
    if start[:1] in (b"{", b"[") and size <= min(len(head), _JSON_TRIED) and _is_json(head):
        return "application/json"
    return "text/plain"


def _is_json(data: bytes) -> bool:
    """Whether this is one JSON value (RFC 8259)."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
