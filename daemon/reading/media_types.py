"""Which files have pages to read."""

from __future__ import annotations

PDF = "application/pdf"

IMAGE_FORMATS: dict[str, tuple[str, ...]] = {
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/webp": ("WEBP",),
    "image/tiff": ("TIFF",),
    "image/heic": ("HEIF",),
    "image/heif": ("HEIF",),
    "image/gif": ("GIF",),
    "image/bmp": ("BMP",),
}
"""Pillow's names of the formats that a media type allows."""


def is_readable(media_type: str) -> bool:
    """Whether files of a media type have pages."""
    return media_type == PDF or media_type in IMAGE_FORMATS
