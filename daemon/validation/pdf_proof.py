"""Proving a PDF with PDFium, and flagging what in it could act on a reader's machine."""

from __future__ import annotations

from typing import BinaryIO

import pypdfium2
import pypdfium2.raw as pdfium

from daemon.errors import RefusedError
from daemon.validation.active_content import active_content
from daemon.validation.bounds import Bounds
from daemon.validation.verdict import Check

_READING_DPI = 150
"""The resolution that a page is measured at."""
_OPENED = 50
"""Pages whose content is parsed; of the others only the size is asked for."""


def prove_pdf(file: BinaryIO, bounds: Bounds, checks: list[Check]) -> None:
    """Open a document, measure its pages and parse the first ones.

    Raises RefusedError for one that needs a password, has no pages or is over a bound, and
    PdfiumError for what is broken.
    """
    named = active_content(file)
    with _opened(file) as document:
        named |= _acting(document)
        if named:
            detail = f"the document contains {', '.join(sorted(named))}"
            checks.append(Check("active_content", ok=False, detail=detail))
        _prove_pages(document, bounds)
        checks.append(Check("pages", ok=True, detail=str(len(document))))


def _opened(file: BinaryIO) -> pypdfium2.PdfDocument:
    """Raises as `prove_pdf` does."""
    _forget_last_error()
    file.seek(0)
    try:
        return pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise RefusedError(
                "encrypted", "the document needs a password; remove it and drop the file again"
            ) from error
        raise


def _forget_last_error() -> None:
    """Have PDFium fail on nothing at all.

    It does not always say why it cannot load a document, and what it said of the one before would
    be taken for the reason.
    """
    pdfium.FPDF_LoadMemDocument(b"", 0, None)


def _prove_pages(document: pypdfium2.PdfDocument, bounds: Bounds) -> None:
    """Raises as `prove_pdf` does."""
    pages = len(document)
    if pages == 0:
        raise RefusedError("damaged", "the document has no pages")
    bounds.check_count(pages)
    total = 0.0
    for index in range(pages):
        width, height = (side / 72 * _READING_DPI for side in document.get_page_size(index))
        bounds.check_page(width, height)
        total += width * height
        bounds.check_sum(total)
        if index < _OPENED:
            document.get_page(index).close()


def _acting(document: pypdfium2.PdfDocument) -> set[str]:
    """What PDFium finds that could act; it is never carried out here and refuses nothing."""
    found = set()
    if pdfium.FPDFDoc_GetJavaScriptActionCount(document) > 0:
        found.add("JavaScript")
    if pdfium.FPDFDoc_GetAttachmentCount(document) > 0:
        found.add("embedded files")
    if document.get_formtype() in (pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND):
        found.add("an XFA form")
    return found
