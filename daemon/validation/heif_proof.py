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
    except (RuntimeError, ValueError) as error:
        raise _limit_met(str(error)) or error from error
    checks.append(Check("pages", ok=True, detail=str(len(pictures))))


def _limit_met(said: str) -> RefusedError | None:
    """A refusal where libheif ran into a limit rather than into damage (libheif, heif_error.h).

    It calls both a limit of its own and a failed allocation a memory allocation error.
    """
    message = f"libheif says: {said}".strip()[:200]
    if "maximum image size" in said:
        return RefusedError("too_many_pixels", message)
    if "ecurity limit" in said:
        return RefusedError("too_complex", message)
    if "emory" in said:
        return RefusedError("too_large_to_parse", message)
    return None
