"""What every OCR engine must do; each engine that needs nothing else is put through it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from daemon.errors import ReadingError
from daemon.reading.engine import OcrEngine, check_engine, known_engines, make_engine
from daemon.reading.geometry import bounds
from daemon.reading.rows import in_reading_order
from tests.reading.drawing import RECEIPT, WORDS, receipt


@pytest.fixture(params=["rapid"])
def engine(request: pytest.FixtureRequest) -> OcrEngine:
    made: OcrEngine = request.getfixturevalue(request.param)
    return made


def test_an_engine_says_what_it_is(engine: OcrEngine) -> None:
    """Name and version stand in the sidecar."""
    assert engine.name in known_engines()
    assert engine.version[0].isdigit()


def test_an_engine_reads_printed_text(engine: OcrEngine) -> None:
    """Clean print comes out right, with confidence."""
    found = in_reading_order(engine.read(np.asarray(receipt())))
    assert " ".join(line.text for line in found) == WORDS
    assert all(0.9 < line.confidence <= 1 for line in found)


def test_boxes_lie_around_their_text(engine: OcrEngine) -> None:
    """Each box covers the ink of its line and stays on the page."""
    picture = receipt()
    ink = np.asarray(picture.convert("L")) < 128
    for line in engine.read(np.asarray(picture)):
        left, top, right, bottom = (round(value) for value in bounds(line.box))
        assert 0 <= left < right <= picture.width
        assert 0 <= top < bottom <= picture.height
        assert ink[top:bottom, left:right].any()
    assert sum(1 for row in RECEIPT for cell in row if cell) == len(
        engine.read(np.asarray(picture))
    )


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3), (40, 40), (600, 400)])
def test_a_blank_image_has_no_lines(engine: OcrEngine, shape: tuple[int, int]) -> None:
    """Paper without print, of whatever size, is not an error."""
    assert engine.read(np.full((*shape, 3), 255, dtype=np.uint8)) == []


def test_an_engine_does_not_change_its_input(engine: OcrEngine) -> None:
    """The page may be read again, turned."""
    image = np.array(receipt())
    before = image.copy()
    engine.read(image)
    assert (image == before).all()


def test_noise_gives_nothing_sure(engine: OcrEngine) -> None:
    """Random dots are not read with confidence."""
    noise = np.random.default_rng(7).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    assert all(line.confidence < 0.9 for line in engine.read(noise))


def test_an_unknown_engine_names_those_that_are_known() -> None:
    """A wrong name in the configuration is answered with the right ones."""
    for attempt in (make_engine, check_engine):
        with pytest.raises(
            ReadingError, match=r"no OCR engine 'abbyy'; use one of .*rapid"
        ) as told:
            attempt("abbyy")
        assert told.value.code == "unknown_engine"


def test_asking_for_engines_loads_none() -> None:
    """The daemon itself checks names and hands documents on without loading any model."""
    program = (
        "import sys, daemon.reading.document, daemon.reading.media_types\n"
        "from daemon.reading.engine import check_engine\n"
        "check_engine('rapid')\n"
        "heavy = {'numpy', 'cv2', 'onnxruntime', 'rapidocr', 'PIL', 'pypdfium2'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=dict(os.environ), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
