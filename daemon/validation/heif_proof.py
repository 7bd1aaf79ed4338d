"""Proving a HEIC or HEIF picture with libheif."""

from __future__ import annotations

from typing import BinaryIO

import pillow_heif

from daemon.errors import RefusedError
from daemon.validation.bounds import Bounds
from daemon.validation.verdict import Check

pillow_heif.options.DECODE_THREADS = 1
pillow_heif.options.THUMBNAILS = False
pillow_heif.options.DEPTH_IMAGES = False
pillow_heif.options.AUX_IMAGES = False


def prove_heif(file: BinaryIO, bounds: Bounds, checks: list[Check]) -> None:
    """Decode the primary picture; the others are counted and measured.

    Raises RefusedError for what is over a bound, and what libheif says of what is broken.
    """
    try:
        pictures = pillow_heif.open_heif(file)
        primary = pictures[pictures.primary_index]
        checks.append(Check("pixels", ok=True, detail="{} x {}".format(*primary.size)))
        bounds.check_count(len(pictures))
        for picture in pictures:
            bounds.check_page(*picture.size)
        bounds.check_sum(sum(picture.size[0] * picture.size[1] for picture in pictures))
        primary.load()
    except RuntimeError as error:
        raise _limit_met(error) or error from error
    checks.append(Check("pages", ok=True, detail=str(len(pictures))))


def _limit_met(error: RuntimeError) -> RefusedError | None:
    """A refusal where libheif ran into a limit rather than into damage (libheif, heif_error.h)."""
    text = str(error)
    if "emory" in text:
        return RefusedError("too_large_to_parse", f"libheif says: {text}"[:200])
    if "limit" in text:
        return RefusedError("too_complex", f"libheif says: {text}"[:200])
    return None
