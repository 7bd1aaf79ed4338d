"""Receipts on paper: rows of text drawn as an image, or set as a PDF that keeps its text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from daemon.demo.facts import Receipt
from daemon.demo.languages import Language
from daemon.demo.rows import Layout, Row, rows_of

_ANCHORS = {"left": "lm", "center": "mm", "right": "rm"}
_FILES = {
    ("sans", False): "DejaVuSans.ttf",
    ("sans", True): "DejaVuSans-Bold.ttf",
    ("mono", False): "DejaVuSansMono.ttf",
    ("mono", True): "DejaVuSansMono-Bold.ttf",
}
_LEADING = 1.45


@dataclass(frozen=True, slots=True)
class Style:
    """How the paper looks; lengths in pixels, colours as grey from 0 (black) to 255 (white)."""

    typeface: Literal["sans", "mono"] = "mono"
    width: int = 760
    size: int = 26
    margin: int = 48
    ink: int = 25
    paper: int = 250


@cache
def _font(typeface: str, bold: bool, size: int) -> ImageFont.FreeTypeFont:
    file = resources.files("daemon.demo") / "fonts" / _FILES[typeface, bold]
    return ImageFont.truetype(BytesIO(file.read_bytes()), size)


def draw(receipt: Receipt, language: Language, layout: Layout, style: Style) -> Image.Image:
    """One receipt as a grey image with upright text."""
    return draw_rows(rows_of(receipt, language, layout), style)


def draw_rows(rows: tuple[Row, ...], style: Style) -> Image.Image:
    """Rows on a page that is as long as they need."""
    heights = [round(style.size * row.scale * _LEADING) for row in rows]
    image = Image.new("L", (style.width, sum(heights) + 2 * style.margin), style.paper)
    pen = ImageDraw.Draw(image)
    top = style.margin
    for row, height in zip(rows, heights, strict=True):
        _draw_row(pen, row, top + height // 2, style)
        top += height
    return image


def _draw_row(pen: ImageDraw.ImageDraw, row: Row, middle: int, style: Style) -> None:
    inner = style.width - 2 * style.margin
    if row.rule:
        right = style.width - style.margin
        for left in range(style.margin, right, 16):
            pen.line((left, middle, left + 8, middle), fill=style.ink, width=2)
    font = _font(style.typeface, row.bold, round(style.size * row.scale))
    for cell in row.cells:
        place = (style.margin + cell.at * inner, middle)
        pen.text(place, cell.text, fill=style.ink, font=font, anchor=_ANCHORS[cell.anchor])


def set_pdf(rows: tuple[Row, ...], *, size: float = 9.0, width: float = 300.0) -> bytes:
    """Rows as a PDF of one page with real text; lengths in points.

    Set in Courier, whose advance of 0.6 em is in the standard (ISO 32000-1, 9.6.2.2), so that
    cells can be placed without reading a font. Raises UnicodeEncodeError for text beyond cp1252.
    """
    margin = 20.0
    height = 2 * margin + sum(size * row.scale * _LEADING for row in rows)
    operators = []
    top = height - margin
    for row in rows:
        top -= size * row.scale * _LEADING
        operators += _row_operators(row, top, size * row.scale, (margin, width - 2 * margin))
    return _pdf("\n".join(operators).encode("cp1252"), width, height)


def _row_operators(row: Row, base: float, size: float, span: tuple[float, float]) -> list[str]:
    left, inner = span
    if row.rule:
        return [f"{left:.2f} {base + size / 2:.2f} m {left + inner:.2f} {base + size / 2:.2f} l S"]
    shift = {"left": 0.0, "center": 0.5, "right": 1.0}
    operators = []
    for cell in row.cells:
        advance = 0.6 * size * len(cell.text)
        start = left + cell.at * inner - shift[cell.anchor] * advance
        text = cell.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        font = "F2" if row.bold else "F1"
        operators.append(f"BT /{font} {size:.2f} Tf {start:.2f} {base:.2f} Td ({text}) Tj ET")
    return operators


def _pdf(content: bytes, width: float, height: float) -> bytes:
    """A PDF file around the content of one page (ISO 32000-1, 7.5: header, body, xref, trailer)."""
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] "
            "/Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> /Contents 4 0 R >>"
        ).encode(),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        font.format("Courier").encode(),
        font.format("Courier-Bold").encode(),
    ]
    file = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % place for place in places)
    file += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )
    return bytes(file)
