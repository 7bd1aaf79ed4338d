"""Reads a file: its pages, each upright, as lines in reading order."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

from daemon.reading import geometry
from daemon.reading.document import Document, Line, Page
from daemon.reading.engine import OcrEngine, make_engine
from daemon.reading.image import Image
from daemon.reading.orientation import read_upright
from daemon.reading.page_image import PageImage, PageSettings
from daemon.reading.pages import pages
from daemon.reading.plain_text import plain
from daemon.reading.rows import in_reading_order
from daemon.reading.several import receipts_on
from daemon.reading.tiles import read_in_tiles

LOWEST_CONFIDENCE = 0.5
"""Lines below this are noise: specks, folds, patterns."""


class Reader:
    """Reads files one after another with one engine; not for several threads at once.

    `engine` is a name, then its models are loaded here, or an engine. `max_pixels` is the limit of
    one picture; all pictures of a file together may have ten times that.
    """

    def __init__(self, engine: str | OcrEngine = "rapid", *, max_pixels: int = 100_000_000) -> None:
        self._engine = make_engine(engine) if isinstance(engine, str) else engine
        self._settings = PageSettings(max_pixels=max_pixels)

    def read(self, descriptor: int, media_type: str, *, max_pages: int) -> Document:
        """The text of an open file; the descriptor stays open, its position does not matter.

        Raises ReadingError with the codes of `daemon.reading.pages.pages` and the engine's.
        """
        start = time.monotonic()
        with open(os.dup(descriptor), "rb") as file:
            file.seek(0)
            with closing(
                pages(file, media_type, max_pages=max_pages, settings=self._settings)
            ) as found:
                read = tuple(self._read_page(page) for page in found)
        return Document(
            engine=self._engine.name,
            version=self._engine.version,
            seconds=time.monotonic() - start,
            pages=read,
        )

    def _read_page(self, page: PageImage) -> Page:
        if page.image is None:
            lines = page.lines or ()
            return Page(page.number, page.width, page.height, 0, lines, receipts_on(lines))
        read = partial(read_in_tiles, self._engine.read)
        rotation, found = read_upright(read, page.image)
        width, height = page.width, page.height
        if rotation in (90, 270):
            width, height = height, width
        x, y = _stretch(page.image, width, height, rotation)
        lines = in_reading_order(geometry.scaled(line, x, y) for line in _worth_keeping(found))
        return Page(page.number, width, height, rotation, lines, receipts_on(lines))


def _worth_keeping(lines: Iterable[Line]) -> Iterator[Line]:
    """What is text: neither noise, nor nothing once the letters of other scripts are gone."""
    for line in lines:
        text = plain(line.text)
        if text and line.confidence >= LOWEST_CONFIDENCE:
            yield line if text == line.text else replace(line, text=text)


def _stretch(image: Image, width: int, height: int, rotation: int) -> tuple[float, float]:
    """From pixels of the image as it was read to pixels of the page."""
    across, down = image.shape[1], image.shape[0]
    if rotation in (90, 270):
        across, down = down, across
    return width / across, height / down
