"""The engine `rapid`: the PP-OCRv6 small models that the rapidocr package carries, on onnxruntime.

Only the models come from that package. Its own pipeline turns upright lines on their head, keeps
the multilingual output and can fetch files from the network; ours is the two models, one thread,
and a recogniser cut to Latin.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import cv2
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException

from daemon.errors import ReadingError
from daemon.reading import latin_head
from daemon.reading.detection import Corners, Detector, crop
from daemon.reading.document import Box, Line
from daemon.reading.engine import EngineSettings
from daemon.reading.image import Image
from daemon.reading.recognition import Recogniser

_DETECTION = "PP-OCRv6_det_small.onnx"
_RECOGNITION = "PP-OCRv6_rec_small.onnx"
_FATAL = 4


def make(settings: EngineSettings) -> RapidEngine:
    """The engine for these settings; raises ReadingError with code `engine_broken`."""
    assert settings.engine == RapidEngine.name
    return RapidEngine()


class RapidEngine:
    """Reads with one thread, in about 0.6 s of a core for a receipt.

    `characters` are all that can come out; the first stands for nothing.
    """

    name = "rapid"

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self.version = version("rapidocr")
        self._detector = Detector(_session(_model(_DETECTION)))
        latin = latin_head.cut(_model(_RECOGNITION))
        self.characters = latin.characters
        self._recogniser = Recogniser(_session(latin.model), latin.characters)

    def read(self, image: Image) -> list[Line]:
        """All lines that are not empty, those it is unsure of among them.

        Raises ReadingError with code `engine_failed`, for want of memory as a rule.
        """
        try:
            return list(self._lines(image))
        except (Fail, RuntimeException, cv2.error) as error:
            raise ReadingError("engine_failed", f"the OCR engine failed: {error}") from error

    def _lines(self, image: Image) -> Iterator[Line]:
        for corners in self._detector.find(image):
            text, confidence = self._recogniser.read(crop(image, corners))
            if text:
                yield Line(text, confidence, _box(corners))


def _box(corners: Corners) -> Box:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners.tolist()
    return (x0, y0, x1, y1, x2, y2, x3, y3)


def _model(name: str) -> bytes:
    package = find_spec("rapidocr")
    if package is None or package.origin is None:
        raise ReadingError("engine_broken", "rapidocr is not installed; install inboxd again")
    path = Path(package.origin).parent / "models" / name
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReadingError(
            "engine_broken", f"rapidocr came without its model {name}; install it again"
        ) from error


def _session(model: bytes) -> onnxruntime.InferenceSession:
    """A session on one thread that gives memory back and does not spin while it waits."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
