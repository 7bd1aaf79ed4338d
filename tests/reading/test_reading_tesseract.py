"""The system's tesseract: what it needs, what it is told, and how it fails."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from daemon.errors import Kind, ReadingError
from daemon.reading.engine import EngineSettings, OcrEngine, check_engine, make_engine
from daemon.reading.orientation import read_upright
from daemon.reading.reader import Reader
from daemon.reading.tesseract import TesseractEngine
from tests.reading.drawing import LETTERS, encoded, letters, read, receipt

PAGE = np.asarray(receipt())

_TABLE = "level\tpage\tblock\tpar\tline\tword\tleft\ttop\twidth\theight\tconf\ttext\n"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in tesseract's place; it answers questions and then runs what a test writes."""
    program = tmp_path / "bin" / "tesseract"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    _write(program, "exit 1")
    return program


def _write(program: Path, body: str) -> None:
    program.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        "--version) echo tesseract 5.9.1; exit;;\n"
        "--list-langs) printf 'List of available languages (2):\\neng\\ndeu\\n'; exit;;\n"
        f"esac\n{body}\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_missing_program_is_said_before_the_first_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the package and the engine that needs none."""
    monkeypatch.setenv("PATH", "/nonexistent")
    for attempt in (make_engine, check_engine):
        with pytest.raises(ReadingError, match=r"apt install tesseract-ocr.*rapid") as told:
            attempt("tesseract")
        assert (told.value.code, told.value.kind) == ("engine_missing", Kind.ENVIRONMENT)


def test_a_missing_language_names_its_package(fake: Path) -> None:
    """Languages are asked for by their usual codes."""
    settings = EngineSettings("tesseract", languages=("de", "fr"))
    with pytest.raises(ReadingError, match=r"no language pack fra; apt install .*-fra") as told:
        make_engine(settings)
    assert told.value.code == "language_missing"


@pytest.mark.parametrize(("languages", "told"), [((), "eng+deu"), (("de",), "deu")])
def test_languages_are_those_asked_for_or_those_installed(
    fake: Path, tmp_path: Path, languages: tuple[str, ...], told: str
) -> None:
    """Nothing is asked of tesseract that it cannot do."""
    _write(fake, f'echo "$@" > {tmp_path}/told; printf "{_TABLE}"')
    assert TesseractEngine(languages).read(PAGE) == []
    assert f"-l {told} " in (tmp_path / "told").read_text()


def test_one_thread_and_none_of_our_secrets(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tesseract gets one thread, and of our environment only what it needs."""
    monkeypatch.setenv("INBOXD_TEST_SECRET", "hidden")
    _write(fake, f'env > {tmp_path}/env; printf "{_TABLE}"')
    TesseractEngine().read(PAGE)
    told = (tmp_path / "env").read_text()
    assert "OMP_THREAD_LIMIT=1" in told
    assert "hidden" not in told


def test_a_failure_has_a_code(fake: Path) -> None:
    """What it prints about a page is not passed on: it may be the page's text."""
    engine = TesseractEngine()
    _write(fake, "echo private words >&2; exit 3")
    with pytest.raises(ReadingError, match="status 3") as told:
        engine.read(PAGE)
    assert told.value.code == "engine_failed"
    assert "private" not in told.value.message


def test_a_page_that_takes_too_long_is_given_up(fake: Path) -> None:
    """A page has its time."""
    engine = TesseractEngine(timeout=0.2)
    _write(fake, "exec sleep 60")
    with pytest.raises(ReadingError) as told:
        engine.read(PAGE)
    assert told.value.code == "reading_timeout"


def test_a_program_that_says_nothing_is_broken(fake: Path) -> None:
    """Something else of that name is not tesseract."""
    fake.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ReadingError) as told:
        make_engine("tesseract")
    assert told.value.code == "engine_broken"


def test_words_become_lines_and_columns(fake: Path) -> None:
    """A label and its amount far to the right are two lines; confidence is per character."""
    rows = [(10, 60, 90, "Sub"), (74, 80, 70, "total"), (400, 50, 40, "1.23"), (460, 20, 95, " ")]
    table = _TABLE + "".join(
        f"5\t1\t1\t1\t1\t{number}\t{left}\t20\t{width}\t30\t{sure}\t{text}\n"
        for number, (left, width, sure, text) in enumerate(rows, 1)
    )
    _write(fake, f"cat > /dev/null; cat <<'END'\n{table}END")
    found = TesseractEngine().read(PAGE)
    assert [line.text for line in found] == ["Sub total", "1.23"]
    assert found[0].confidence == pytest.approx((3 * 0.9 + 5 * 0.7) / 8)
    assert found[1].box == (400, 20, 450, 20, 450, 50, 400, 50)


@pytest.mark.system
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_turned_pages_are_read(tesseract: OcrEngine, rotation: int) -> None:
    """All four orientations give the same text."""
    image = np.ascontiguousarray(np.rot90(PAGE, rotation // 90))
    found, lines = read_upright(tesseract.read, image)
    assert found == rotation
    assert sorted("".join(line.text for line in lines).replace(" ", "")) == sorted(LETTERS)


@pytest.mark.system
@pytest.mark.parametrize(
    ("language", "row"), [("de", ("Käse und Brötchen", "")), ("fr", ("Crème brûlée", ""))]
)
def test_languages_that_are_installed_are_read(
    language: str, row: tuple[str, str], tmp_path: Path
) -> None:
    """German and French letters come out as printed."""
    engine = make_engine(EngineSettings("tesseract", languages=(language,)))
    document = read(Reader(engine), encoded(receipt([row]), "PNG"), "image/png", tmp_path)
    assert letters(document) == "".join(row).replace(" ", "")
    assert document.engine == "tesseract"
