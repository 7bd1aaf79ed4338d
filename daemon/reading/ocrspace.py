"""The engine `ocrspace`: pages are read by the service OCR.space.

The process that parses files has no network. It encodes the page, asks its parent to send it
(`daemon.reading.ocrspace_client`), and makes lines of what the service said.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image as Pillow

from daemon.children.asking import ask
from daemon.errors import ReadingError
from daemon.reading import geometry, ocrspace_answer, words
from daemon.reading.document import Line
from daemon.reading.engine import EngineSettings
from daemon.reading.image import Image
from daemon.reading.words import Word

Exchange = Callable[[Any], Any]
"""Sends {picture, in base64} and returns {status, body} as the service answered."""

UPRIGHT, TURNED = 0.9, 0.3
"""Confidence of all lines: the service gives none, but says whether the page was turned."""
_SMALLEST = 40
"""Pixels; the service refuses less."""
_QUALITIES = (92, 85, 75, 65)
_SHRINK = 0.8


def make(settings: EngineSettings) -> OcrSpaceEngine:
    """The engine in a child, whose parent has the network and the key."""
    return OcrSpaceEngine(ask, model=settings.model, max_upload=settings.max_upload)


class OcrSpaceEngine:
    """Has each page read by the service; `model` is its OCREngine, `max_upload` is in bytes."""

    name = "ocrspace"

    def __init__(self, exchange: Exchange, *, model: int = 2, max_upload: int = 1_000_000) -> None:
        self.version = str(model)
        self._exchange = exchange
        self._max_upload = max_upload

    def read(self, image: Image) -> list[Line]:
        """All lines, upright ones with one confidence and those of a turned page with another.

        Raises ReadingError with the codes of `daemon.reading.ocrspace_answer`, and InboxdError as
        the exchange does.
        """
        if min(image.shape[:2]) < _SMALLEST:
            return []
        picture, scale = encoded(image, self._max_upload)
        answer = self._exchange({"picture": base64.b64encode(picture).decode()})
        result = ocrspace_answer.result(int(answer["status"]), str(answer["body"]))
        return [geometry.scaled(line, 1 / scale, 1 / scale) for line in _lines(result)]

    def try_out(self) -> None:
        """Have a small blank page read; raises as `read` does."""
        self.read(np.full((2 * _SMALLEST, 2 * _SMALLEST, 3), 255, dtype=np.uint8))


def encoded(image: Image, most: int) -> tuple[bytes, float]:
    """A page as a JPEG of at most so many bytes, and how much it had to be shrunk for that.

    Raises ReadingError with code `ocr_too_large` where it cannot be made so small.
    """
    picture = Pillow.fromarray(np.ascontiguousarray(image))
    scale = 1.0
    while min(picture.size) >= _SMALLEST:
        for quality in _QUALITIES:
            stream = BytesIO()
            picture.save(stream, "JPEG", quality=quality)
            if stream.tell() <= most:
                return stream.getvalue(), scale
        scale *= _SHRINK
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        picture = picture.resize(size, Pillow.Resampling.BICUBIC)
    raise ReadingError("ocr_too_large", f"a page cannot be sent in {most} bytes")


def _lines(result: Mapping[str, Any]) -> Iterator[Line]:
    """The lines of a result, on end where the service had to lay the page down."""
    turn = _turn(result)
    sure = TURNED if turn else UPRIGHT
    overlay = result.get("TextOverlay") or {}
    for line in overlay.get("Lines") or ():
        found = [word for entry in line["Words"] if (word := _word(entry, sure)) is not None]
        for whole in words.lines(found):
            yield _on_end(whole) if turn in (90, 270) else whole


def _turn(result: Mapping[str, Any]) -> int:
    """The degrees by which the service turned the page before it read."""
    try:
        return round(float(result.get("TextOrientation") or 0)) % 360
    except ValueError:
        return 0


def _word(entry: Mapping[str, Any], sure: float) -> Word | None:
    text = str(entry["WordText"]).strip()
    left, top = float(entry["Left"]), float(entry["Top"])
    right, bottom = left + float(entry["Width"]), top + float(entry["Height"])
    return Word(text, sure, left, top, right, bottom) if text else None


def _on_end(line: Line) -> Line:
    """A line of a page that was laid down, on the page as it was; which way up does not matter."""
    left, top, right, bottom = geometry.bounds(line.box)
    return Line(line.text, line.confidence, (top, left, bottom, left, bottom, right, top, right))
