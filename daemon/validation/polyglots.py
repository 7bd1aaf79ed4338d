"""Files that are two things at once: what else a picture or document would pass for."""

from __future__ import annotations

_PDF_HEADER_WITHIN = 1024  # Adobe, PDF Reference 1.7, appendix H, note 13
_END_OF_ZIP = b"PK\5\6"  # APPNOTE.TXT, 4.3.16
_END_LENGTH = 22
_SCRIPTS = (b"<script", b"<?php", b"<html", b"<!doctype html", b"<svg")
_SCRIPT_WITHIN = 8192
"""Bytes of each end; looking further would take longer than hashing."""
_LOOKED_AT = ("image/", "audio/", "video/", "application/pdf")


def also(media_type: str, head: bytes, tail: bytes) -> list[str]:
    """What a file of a type would be taken for by other programs, by its two ends.

    Only of pictures, sound, films and PDFs; SVG is markup and nothing else.
    """
    if not media_type.startswith(_LOOKED_AT) or media_type == "image/svg+xml":
        return []
    found = []
    if media_type != "application/pdf" and b"%PDF-" in head[:_PDF_HEADER_WITHIN]:
        found.append("a PDF")
    if _ends_as_zip(tail):
        found.append("a ZIP archive")
    ends = (head[:_SCRIPT_WITHIN] + tail[-_SCRIPT_WITHIN:]).lower()
    if any(script in ends for script in _SCRIPTS):
        found.append("a web page or script")
    return found


def _ends_as_zip(tail: bytes) -> bool:
    """Whether an end record is there whose comment reaches just to the end of the file."""
    place = tail.rfind(_END_OF_ZIP)
    if place < 0 or len(tail) - place < _END_LENGTH:
        return False
    comment = int.from_bytes(tail[place + 20 : place + 22], "little")
    return place + _END_LENGTH + comment == len(tail)
