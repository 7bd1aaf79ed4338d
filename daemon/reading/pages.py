"""A file as upright pages, one in memory at a time."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Generator, Iterator
from typing import BinaryIO

from PIL.Image import DecompressionBombError

from daemon.errors import ReadingError
from daemon.reading import image_pages, pdf_pages
from daemon.reading.media_types import IMAGE_FORMATS, PDF, is_readable
from daemon.reading.page_image import PageImage, PageSettings

_PARSER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    TypeError,
    EOFError,
    struct.error,
)
"""What Pillow, libheif and PDFium raise over broken files, found by feeding them such."""


def pages(
    file: BinaryIO, media_type: str, *, max_pages: int, settings: PageSettings
) -> Generator[PageImage, None, None]:
    """The pages of a file, each decoded when it is asked for.

    Raises ReadingError with the codes `no_reader_for_type`, `unreadable`, `encrypted`,
    `too_many_pages`, `too_many_pixels` or `too_large`.
    """
    if not is_readable(media_type):
        raise ReadingError(
            "no_reader_for_type", f"there are no pages to read in a file of type {media_type}"
        )
    with _named_faults(media_type):
        if media_type == PDF:
            yield from pdf_pages.pages(file, max_pages=max_pages, settings=settings)
        else:
            yield from image_pages.pages(
                file, IMAGE_FORMATS[media_type], max_pages=max_pages, settings=settings
            )


@contextlib.contextmanager
def _named_faults(media_type: str) -> Iterator[None]:
    """Turn what parsers raise into errors with a code."""
    try:
        yield
    except ReadingError:
        raise
    except MemoryError as error:
        raise ReadingError("too_large", "decoding it takes more memory than allowed") from error
    except DecompressionBombError as error:
        raise ReadingError("too_many_pixels", str(error)) from error
    except _PARSER_ERRORS as error:
        reason = str(error).partition(" <_io")[0]  # without the names of our objects
        if not reason or isinstance(error, LookupError | TypeError | AttributeError):
            reason = f"its parser broke off ({type(error).__name__})"  # the text is a bare key
        raise ReadingError("unreadable", f"cannot be decoded as {media_type}: {reason}") from error
