"""What every OCR engine must do; each engine that needs nothing else is put through it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.errors import ReadingError
from daemon.reading.engine import (
    EngineSettings,
    OcrEngine,
    check_engine,
    known_engines,
    make_engine,
)
from daemon.reading.geometry import bounds
from daemon.reading.rows import in_reading_order
from tests.reading.drawing import LETTERS, RECEIPT, receipt


@pytest.fixture(
    params=[
        *("rapid", "rapid_on_openvino", "rapid_fast", "rapid_fast_on_openvino", "ocrspace"),
        pytest.param("tesseract", marks=pytest.mark.system),
    ]
)
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
    assert "".join(line.text for line in found).replace(" ", "") == LETTERS
    assert all(0.85 <= line.confidence <= 1 for line in found)


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


@pytest.mark.parametrize("name", ["rapid", "rapid_fast"])
def test_print_of_a_thumbnail_is_read(name: str, request: pytest.FixtureRequest) -> None:
    """Letters six pixels high are enlarged before they are looked for."""
    small: OcrEngine = request.getfixturevalue(name)
    page = receipt()
    page = page.resize((page.width * 22 // 100, page.height * 22 // 100), Image.Resampling.LANCZOS)
    found = in_reading_order(small.read(np.asarray(page)))
    assert "".join(line.text for line in found).replace(" ", "") == LETTERS


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


def test_both_runtimes_read_the_same(rapid: OcrEngine, rapid_on_openvino: OcrEngine) -> None:
    """The numbers differ in their last places; the text does not."""
    image = np.asarray(receipt())
    one, other = (in_reading_order(engine.read(image)) for engine in (rapid, rapid_on_openvino))
    assert [line.text for line in one] == [line.text for line in other]
    for line, twin in zip(one, other, strict=True):
        assert line.box == pytest.approx(twin.box, abs=3)


def test_a_runtime_that_is_missing_is_said_before_the_first_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked for by name it has to be there; by default it is used where it is."""
    monkeypatch.setattr("daemon.reading.engine.find_spec", lambda _name: None)
    with pytest.raises(ReadingError, match=r"pip install inboxd\[openvino\]") as told:
        check_engine(EngineSettings(runtime="openvino"))
    assert told.value.code == "engine_missing"
    check_engine(EngineSettings(runtime="auto"))


def test_a_broken_openvino_is_not_used(tmp_path: Path) -> None:
    """Reading goes on by onnxruntime, unless openvino was asked for by name."""
    (tmp_path / "openvino.py").write_text("raise ImportError('built for another machine')\n")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from daemon.errors import ReadingError\n"
        "from daemon.reading.engine import EngineSettings, make_engine\n"
        "make_engine(EngineSettings(runtime='auto'))\n"
        "try:\n"
        "    make_engine(EngineSettings(runtime='openvino'))\n"
        "except ReadingError as error:\n"
        "    sys.exit(0 if error.code == 'engine_missing' else error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_openvino_comes_without_its_telemetry() -> None:
    """What could phone home is not even imported."""
    program = (
        "import sys\n"
        "from daemon.reading.engine import EngineSettings, make_engine\n"
        "make_engine(EngineSettings(runtime='openvino'))\n"
        "loaded = [name for name, module in sys.modules.items() if module is not None]\n"
        "sys.exit(', '.join(n for n in loaded if n.startswith('openvino_telemetry')) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


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


_PLUGIN = """
class Echo:
    name = "echo"
    version = "1.0"

    def read(self, image):
        return []
"""


def _install(folder: Path, target: str) -> None:
    """Another package with an engine, as an installer would lay it down."""
    (folder / "echo_engine.py").write_text(_PLUGIN)
    facts = folder / "echo_engine-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-engine\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[inboxd.ocr_engines]\necho = {target}\n")


def test_engines_of_other_packages_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed package brings its engine by an entry point."""
    _install(tmp_path, "echo_engine:Echo")
    monkeypatch.syspath_prepend(tmp_path)
    assert "echo" in known_engines()
    assert make_engine("echo").version == "1.0"


@pytest.mark.parametrize("target", ["echo_engine:Gone", "echo_engine_gone:Echo", "operator:index"])
def test_a_broken_engine_is_named(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine whose package is broken gives an error, not a traceback."""
    _install(tmp_path, target)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ReadingError, match="the OCR engine echo cannot be loaded") as told:
        make_engine("echo")
    assert told.value.code == "engine_broken"
