"""Pages of PDFs, by PDFium: their own text where they carry it, else rendered to be read."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium

from daemon.errors import ReadingError
from daemon.reading import text_layer
from daemon.reading.page_image import PageImage, PageSettings, reading_scale, too_many

_DOTS_PER_INCH = 200
_POINTS_PER_INCH = 72
_FEWEST_PIXELS = 32
_NARROW = 500
"""Pixels of width below which a page is rendered finer: scans claim to be as small as stamps."""


def pages(file: BinaryIO, *, max_pages: int, settings: PageSettings) -> Iterator[PageImage]:
    """The pages of a PDF; pixels are those of a rendering at 200 dpi or what bounds allow."""
    document = _open(file)
    try:
        if len(document) > max_pages:
            raise too_many(max_pages)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a form that cannot be filled in can still be read
            document.init_forms()  # before pages are taken, so that filled-in fields are drawn
        for index in range(len(document)):
            page = document[index]
            try:
                yield _page(page, index + 1, settings)
            finally:
                page.close()
    finally:
        document.close()


def _open(file: BinaryIO) -> pypdfium2.PdfDocument:
    # PDFium does not always say why it cannot load a document; then its last reason, of another
    # document, would be taken for it. Failing on nothing at all replaces that.
    pdfium.FPDF_LoadMemDocument(b"", 0, None)
    try:
        return pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise ReadingError(
                "encrypted", "it can only be opened with a password; save it without one"
            ) from error
        raise


def _page(page: pypdfium2.PdfPage, number: int, settings: PageSettings) -> PageImage:
    scale = _scale(page, settings)
    width, height = (max(1, round(length * scale)) for length in page.get_size())
    lines = text_layer.read(page, width, height)
    if lines is not None:
        return PageImage(number, width, height, None, lines)
    bitmap = page.render(scale=scale * _finer(width, height, settings), rev_byteorder=True)
    try:
        image = np.array(bitmap.to_numpy()[:, :, :3], dtype=np.uint8)
    finally:
        bitmap.close()
    return PageImage(number, image.shape[1], image.shape[0], image)


def _finer(width: int, height: int, settings: PageSettings) -> float:
    """How much finer a page of so many pixels is rendered than its size asks for; at least 1."""
    short, long = min(width, height), max(width, height)
    return max(1.0, min(_NARROW / short, settings.longest_side / long))


def _scale(page: pypdfium2.PdfPage, settings: PageSettings) -> float:
    """Pixels per point; a page that claims to be as large as a wall is rendered small."""
    size: tuple[float, float] = page.get_size()
    width, height = max(size[0], 1e-3), max(size[1], 1e-3)
    scale = _DOTS_PER_INCH / _POINTS_PER_INCH
    scale *= reading_scale(width * scale, height * scale, settings)
    bounded = min(scale, math.sqrt(settings.max_pixels / (width * height)))
    return max(bounded, _FEWEST_PIXELS / max(width, height))
