"""The engine `rapid`: models of the PP-OCRv6 family, run on one thread.

Most come from the rapidocr package. Its own pipeline turns upright lines on their head, keeps the
multilingual output and can fetch files from the network; ours is the models and nothing else, the
recogniser cut to Latin.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Protocol

import cv2

from daemon.errors import ReadingError
from daemon.reading import models
from daemon.reading.detection import Corners, Detector, crop
from daemon.reading.document import Box, Line
from daemon.reading.engine import EngineSettings
from daemon.reading.image import Image
from daemon.reading.recognition import Recogniser, SecondLook
from daemon.reading.runtime import load, runtime_for

_SURE = 0.95
"""Confidence from which the profile `fast` takes what the tiny recogniser read."""
_NARROWEST = 96
"""Pixels to which the tiny recogniser has short lines padded."""


def make(settings: EngineSettings) -> RapidEngine:
    """The engine for these settings; raises as it does."""
    return RapidEngine(settings.profile, settings.runtime)


class LineReader(Protocol):
    """Reads a line that was cut out."""

    def read(self, line: Image) -> tuple[str, float]:
        """Text, which may be empty, and confidence."""


class RapidEngine:
    """Reads with one thread: `accurate` with the small models, `fast` with the tiny ones first.

    `runtime` is `auto`, `onnxruntime` or `openvino`. `characters` are all that can come out; the
    first stands for nothing. Raises ReadingError with the codes `engine_broken` and
    `engine_missing`.
    """

    name = "rapid"

    def __init__(self, profile: str = "accurate", runtime: str = "auto") -> None:
        cv2.setNumThreads(1)
        runtime = runtime_for(runtime)
        self.version = version("rapidocr")
        small = models.small()
        self.characters = small.recognition.characters
        careful = Recogniser(
            load(small.recognition.model, runtime, shapes_recur=True), self.characters
        )
        self._recogniser: LineReader = careful
        detection = small.detection
        if profile == "fast":
            tiny = models.tiny()
            quick = Recogniser(
                load(tiny.recognition.model, runtime, shapes_recur=True),
                tiny.recognition.characters,
                narrowest=_NARROWEST,
            )
            self._recogniser = SecondLook(quick, careful, sure=_SURE)
            detection = tiny.detection
        self._detector = Detector(load(detection, runtime, shapes_recur=False))

    def read(self, image: Image) -> list[Line]:
        """All lines that are not empty, those it is unsure of among them.

        Raises ReadingError with code `engine_failed`, for want of memory as a rule.
        """
        try:
            return list(self._lines(image))
        except cv2.error as error:
            raise ReadingError("engine_failed", f"the OCR engine failed: {error}") from error

    def _lines(self, image: Image) -> Iterator[Line]:
        for corners in self._detector.find(image):
            text, confidence = self._recogniser.read(crop(image, corners))
            if text:
                yield Line(text, confidence, _box(corners))


def _box(corners: Corners) -> Box:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners.tolist()
    return (x0, y0, x1, y1, x2, y2, x3, y3)
