"""The models of the engine `rapid`: the small ones of the rapidocr package, and our own tiny ones.

`tiny/` holds those of PP-OCRv6 that no light package carries, as `benchmarks/tiny_models.py` makes
them from the published files.
"""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from daemon.errors import Kind, ReadingError
from daemon.reading import latin_head
from daemon.reading.latin_head import LatinModel

DETECTION, RECOGNITION = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
TINY = Path(__file__).parent / "tiny"
TINY_DETECTION, TINY_RECOGNITION = "detection.onnx.xz", "recognition.onnx.xz"


@dataclass(frozen=True, slots=True)
class Models:
    """A detector and a recogniser as ONNX files."""

    detection: bytes
    recognition: LatinModel


def small() -> Models:
    """The small models; raises ReadingError with code `engine_broken` where they are not there."""
    return Models(_packaged(DETECTION), latin_head.cut(_packaged(RECOGNITION)))


def tiny() -> Models:
    """The tiny models, a quarter of the work of the small ones."""
    recognition = lzma.decompress((TINY / TINY_RECOGNITION).read_bytes())
    characters = latin_head.classes_of(latin_head.alphabet(memoryview(recognition)))
    return Models(
        lzma.decompress((TINY / TINY_DETECTION).read_bytes()), LatinModel(recognition, characters)
    )


def _packaged(name: str) -> bytes:
    package = find_spec("rapidocr")
    if package is None or package.origin is None:
        raise _broken("rapidocr is not installed; install inboxd again")
    try:
        return (Path(package.origin).parent / "models" / name).read_bytes()
    except OSError as error:
        raise _broken(f"rapidocr came without its model {name}; install it again") from error


def _broken(message: str) -> ReadingError:
    return ReadingError("engine_broken", message, kind=Kind.ENVIRONMENT)
