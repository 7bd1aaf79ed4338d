"""A printed receipt as a grey picture: the faces of printers, drawn with Pillow."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tests.receipts.rows import Cell, Row, Sheet

_LEADING = 1.42
_ANCHORS = {"left": "lm", "center": "mm", "right": "rm"}
_GERMAN = str.maketrans(
    {"Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}
)
_PLAIN = str.maketrans({"ß": "ss", "€": "EUR", "£": "GBP", "©": "(c)", "\u2013": "-"})


@dataclass(frozen=True)
class Face:
    """How letters look; `narrow` is the width of the paper after print, as a share."""

    name: str
    bold: bool
    size: int
    narrow: float
    dotted: bool
    spelling: Callable[[str], str]


def face(chance: random.Random) -> Face:
    """The letters of some printer."""
    name = chance.choice(("mono", "mono", "mono", "sans", "plain", "bitmap"))
    ways: dict[str, Callable[[str], str]] = {"plain": _ascii, "bitmap": _latin}
    spelling = ways.get(name, str)
    if name == "mono" and chance.random() < 0.25:
        spelling = _german if chance.random() < 0.5 else _ascii
    return Face(
        name=name,
        bold=name in ("mono", "sans") and chance.random() < 0.25,
        size=chance.randrange(19, 34),
        narrow=chance.choice((0.78, 0.88, 1.0, 1.0)),
        dotted=chance.random() < 0.12,
        spelling=spelling,
    )


def drawn(sheet: Sheet, letters: Face, *, ink: int = 30, paper: int = 250) -> Image.Image:
    """The sheet as a grey picture, as wide as its longest row needs."""
    rows = [_spelt(row, letters) for row in sheet.rows]
    step = max(_steps(rows, letters), default=letters.size * 0.6)
    margin = 2 * letters.size
    width = round(step * sheet.columns + 2 * margin)
    heights = [round(letters.size * _LEADING * (row.scale + row.above)) for row in rows]
    image = Image.new("L", (width, sum(heights) + 2 * margin), paper)
    pen = ImageDraw.Draw(image)
    top = margin
    for row, height in zip(rows, heights, strict=True):
        middle = top + height - round(letters.size * _LEADING * row.scale / 2)
        for cell in row.cells:
            _write(image, pen, cell, (round(margin + step * cell.at), middle), row, letters, ink)
        top += height
    if letters.dotted:
        image = _in_dots(image, paper)
    return image.resize((round(width * letters.narrow), image.height), Image.Resampling.BICUBIC)


def _spelt(row: Row, letters: Face) -> Row:
    cells = tuple(Cell(letters.spelling(c.text), c.at, c.anchor) for c in row.cells)
    return Row(cells, row.scale, row.bold, row.above)


def _steps(rows: list[Row], letters: Face) -> list[float]:
    """How wide a column must be for each row, so that no cell runs into the next."""
    found = [letters.size * 0.6]
    for row in rows:
        for cell, following in zip(row.cells, row.cells[1:], strict=False):
            if (cell.anchor, following.anchor) == ("left", "right"):
                need = sum(_width(c.text, row, letters) for c in (cell, following))
                found.append((need + letters.size) / (following.at - cell.at))
            elif cell.anchor == following.anchor == "right":
                need = _width(following.text, row, letters) + letters.size * 0.8
                found.append(need / (following.at - cell.at))
    return found


def _width(text: str, row: Row, letters: Face) -> float:
    if letters.name == "bitmap":
        return len(text) * 0.55 * letters.size * row.scale
    return float(_font(letters, row).getlength(text))


def _write(
    image: Image.Image,
    pen: ImageDraw.ImageDraw,
    cell: Cell,
    place: tuple[int, int],
    row: Row,
    letters: Face,
    ink: int,
) -> None:
    if letters.name != "bitmap":
        pen.text(place, cell.text, fill=ink, font=_font(letters, row), anchor=_ANCHORS[cell.anchor])
        return
    small = _stamped(cell.text)
    height = round(letters.size * row.scale)
    width = round(len(cell.text) * 0.55 * height)
    if not width:
        return
    stamp = small.resize((width, height), Image.Resampling.BICUBIC)
    part = {"left": 0.0, "center": 0.5, "right": 1.0}[cell.anchor]
    image.paste(ink, (round(place[0] - part * width), place[1] - height // 2), stamp)


def _stamped(text: str) -> Image.Image:
    """Text in Pillow's bitmap letters, six dots wide each, as a mask."""
    font: Any = ImageFont.load_default_imagefont()
    stamp = Image.new("1", (6 * max(1, len(text)), 11))
    ImageDraw.Draw(stamp).text((0, 0), text, fill=1, font=font)
    return stamp.convert("L")


def _font(letters: Face, row: Row) -> ImageFont.FreeTypeFont:
    return _loaded(letters.name, letters.bold or row.bold, round(letters.size * row.scale))


@cache
def _loaded(name: str, bold: bool, size: int) -> ImageFont.FreeTypeFont:
    if name == "plain":
        return ImageFont.load_default(size)  # type: ignore[return-value]
    file = {"mono": "DejaVuSansMono", "sans": "DejaVuSans"}[name] + ("-Bold" if bold else "")
    path = resources.files("daemon.demo") / "fonts" / f"{file}.ttf"
    return ImageFont.truetype(BytesIO(path.read_bytes()), size)


def _in_dots(image: Image.Image, paper: int) -> Image.Image:
    """Ink in dots, as needles print it."""
    levels = np.asarray(image, dtype=np.float32)
    rows, columns = np.indices(levels.shape)
    gaps = (rows % 3 == 2) | (columns % 3 == 2)
    return Image.fromarray(np.where(gaps, (levels + paper) / 2, levels).astype(np.uint8))


def _german(text: str) -> str:
    return _latin(text.translate(_GERMAN))


def _latin(text: str) -> str:
    """Text as printers without the euro sign print it."""
    return (
        text.replace("€", "EUR")
        .replace("\u2013", "-")
        .encode("latin-1", "ignore")
        .decode("latin-1")
    )


def _ascii(text: str) -> str:
    """Text as printers without accents print it."""
    parts = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(part for part in parts if part.isascii())
