"""The text that a page of a PDF carries, as lines with positions, where it can be relied upon."""

from __future__ import annotations

import ctypes
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pypdfium2
import pypdfium2.raw as pdfium

from daemon.reading.document import Line
from daemon.reading.rows import in_reading_order

_FEWEST = 8
"""Characters below which a page is rather taken for a picture with a stamp on it."""
_FEW = 200
"""A picture that fills a page over so little text is a scan with a caption."""
_FILLS = 0.5
_COVERS = 0.8
"""Share of a page from which a picture hides what was painted before it."""
_LEGIBLE = 0.9
_SCATTERED = 0.5
"""Lines for each character from which text is set on its side: it comes apart into letters."""
_MOST = 200_000
"""Characters of one page that are taken."""
_COLUMN_GAP = 1.2
_WORD_GAP = 0.25
_BACK = 0.5
"""Distances between two characters, in heights of the line."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character and the rectangle that its font gives it, in pixels, y downwards."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


def read(page: pypdfium2.PdfPage, width: int, height: int) -> tuple[Line, ...] | None:
    """The lines of a page in the pixels of a rendering of this size; None where it needs OCR."""
    if _is_hidden(page):
        return None
    text_page = page.get_textpage()
    try:
        count = min(text_page.count_chars(), _MOST)
        if count < _FEWEST:
            return None
        glyphs = list(_glyphs(page, text_page, count, width, height))
    finally:
        text_page.close()
    text = "".join(glyph.text for glyph in glyphs)
    if not is_legible(text) or (len(text) < _FEW and _is_scan(page)):
        return None
    found = lines(glyphs)
    if len(found) > _SCATTERED * len(text):
        return None
    return in_reading_order(found)


def is_legible(text: str) -> bool:
    """Whether characters are text: enough of them, and hardly any that no font maps to a letter."""
    shown = [character for character in text if not character.isspace()]
    if len(shown) < _FEWEST:
        return False
    good = sum(
        unicodedata.category(character)[0] in "LNPSM" and character != "\N{REPLACEMENT CHARACTER}"
        for character in shown
    )
    words = sum(character.isalnum() for character in shown)
    return good >= _LEGIBLE * len(shown) and words >= len(shown) / 3


def lines(glyphs: Iterable[Glyph]) -> list[Line]:
    """Characters in the order of the page as lines, broken at line ends and wide gaps."""
    found: list[Line] = []
    run: list[Glyph] = []
    spaced = False
    for glyph in glyphs:
        if run and (glyph.text == "\n" or _breaks(run[-1], glyph)):
            found.extend(_line(run))
            run = []
        if glyph.text.isspace():
            spaced = True
            continue
        gap = glyph.left - run[-1].right if run else 0.0
        if run and (spaced or gap > _WORD_GAP * (glyph.bottom - glyph.top)):
            run.append(Glyph(" ", run[-1].right, glyph.top, glyph.left, glyph.bottom))
        run.append(glyph)
        spaced = False
    found.extend(_line(run))
    return found


def _breaks(last: Glyph, glyph: Glyph) -> bool:
    """Whether a character does not go on where the last one ended."""
    if glyph.text.isspace():
        return False
    height = max(min(last.bottom - last.top, glyph.bottom - glyph.top), 1e-6)
    shared = min(last.bottom, glyph.bottom) - max(last.top, glyph.top)
    gap = glyph.left - last.right
    return shared < height / 2 or gap > _COLUMN_GAP * height or gap < -_BACK * height


def _line(run: list[Glyph]) -> Iterator[Line]:
    text = unicodedata.normalize("NFKC", "".join(glyph.text for glyph in run)).strip()
    if not text:
        return
    left, right = min(glyph.left for glyph in run), max(glyph.right for glyph in run)
    top, bottom = min(glyph.top for glyph in run), max(glyph.bottom for glyph in run)
    yield Line(text, 1.0, (left, top, right, top, right, bottom, left, bottom))


def _glyphs(
    page: pypdfium2.PdfPage,
    text_page: pypdfium2.PdfTextPage,
    count: int,
    width: int,
    height: int,
) -> Iterator[Glyph]:
    place = _Placing(page, width, height)
    rectangle = pdfium.FS_RECTF()
    for index in range(count):
        code = pdfium.FPDFText_GetUnicode(text_page, index)
        text = _character(code)
        if text in ("\r", "\n"):
            yield Glyph("\n", 0, 0, 0, 0)
        elif text and pdfium.FPDFText_GetLooseCharBox(text_page, index, rectangle):
            glyph = Glyph(
                text,
                *place.upright(rectangle.left, rectangle.bottom, rectangle.right, rectangle.top),
            )
            if _is_on(glyph, width, height):
                yield glyph


def _is_on(glyph: Glyph, width: int, height: int) -> bool:
    """Whether a character is on the part of the page that is shown; a crop only hides the rest."""
    x, y = (glyph.left + glyph.right) / 2, (glyph.top + glyph.bottom) / 2
    return 0 <= x <= width and 0 <= y <= height


def _character(code: int) -> str:
    """A code of PDFium as text; what it could not map is the replacement character."""
    if code in (0, 0xFFFE, 0xFFFF) or 0xD800 <= code <= 0xDFFF:
        return "\N{REPLACEMENT CHARACTER}"
    return "-" if code == 0x02 else chr(code)


class _Placing:
    """Points of the page's own space as pixels of its rendering, the page's turn included."""

    def __init__(self, page: pypdfium2.PdfPage, width: int, height: int) -> None:
        # PDFium answers in whole pixels, so it is asked for a far larger rendering.
        self._x0, self._y0 = _device(page, 0, 0)
        x1, y1 = _device(page, 1000, 0)
        x2, y2 = _device(page, 0, 1000)
        self._xx, self._xy = (x1 - self._x0) / 1000, (y1 - self._y0) / 1000
        self._yx, self._yy = (x2 - self._x0) / 1000, (y2 - self._y0) / 1000
        self._width, self._height = width / _DEVICE, height / _DEVICE

    def upright(
        self, left: float, bottom: float, right: float, top: float
    ) -> tuple[float, float, float, float]:
        """A rectangle as left, top, right, bottom in pixels."""
        xs, ys = zip(self._point(left, bottom), self._point(right, top), strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def _point(self, x: float, y: float) -> tuple[float, float]:
        return (
            (self._x0 + x * self._xx + y * self._yx) * self._width,
            (self._y0 + x * self._xy + y * self._yy) * self._height,
        )


_DEVICE = 1 << 20


def _device(page: pypdfium2.PdfPage, x: float, y: float) -> tuple[int, int]:
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, _DEVICE, _DEVICE, 0, x, y, across, down)
    return across.value, down.value


def _is_hidden(page: pypdfium2.PdfPage) -> bool:
    """Whether most text of a page cannot be seen, for it is what a scanner's software read.

    Such text is either drawn invisibly or painted over by the picture; it is as wrong as the
    software was, and nobody ever sees the mistakes.
    """
    width, height = page.get_size()
    shown = hidden = 0
    kinds = [pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_TEXT]
    for item in page.get_objects(filter=kinds, max_depth=2):  # in the order of painting
        if item.type == pdfium.FPDF_PAGEOBJ_IMAGE:
            left, bottom, right, top = item.get_bounds()
            if (right - left) * (top - bottom) > _COVERS * width * height:
                hidden, shown = hidden + shown, 0
        elif pdfium.FPDFTextObj_GetTextRenderMode(item.raw) == pdfium.FPDF_TEXTRENDERMODE_INVISIBLE:
            hidden += 1
        else:
            shown += 1
    return hidden > shown


def _is_scan(page: pypdfium2.PdfPage) -> bool:
    """Whether a picture covers most of a page."""
    width, height = page.get_size()
    for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=2):
        left, bottom, right, top = item.get_bounds()
        if (right - left) * (top - bottom) > _FILLS * width * height:
            return True
    return False
