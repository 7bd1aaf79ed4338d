"""The engine `tesseract`: the program of that name, which the system provides.

A page goes in by standard input and its words come out as tab-separated values (tesseract(1),
"tsv"), so that no name of a file is ever part of a command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from daemon.errors import Kind, ReadingError
from daemon.reading import words
from daemon.reading.document import Line
from daemon.reading.engine import EngineSettings
from daemon.reading.languages import RECEIPTS, TESSERACT
from daemon.reading.words import Word

if TYPE_CHECKING:
    from daemon.reading.image import Image

_PROGRAM = "tesseract"
_SMALLEST = 10
"""Pixels; below them tesseract has nothing to look at and fails."""
_ASKED = 10.0
"""Seconds for a question about the program itself."""
_WORD_LEVEL = "5"
_COLUMNS = 12
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TESSDATA_PREFIX", "TMPDIR")


def make(settings: EngineSettings) -> TesseractEngine:
    """The engine for these settings; raises as it does."""
    return TesseractEngine(settings.languages, timeout=settings.timeout)


class TesseractEngine:
    """Reads with a new process for each page, on one thread.

    `languages` are ISO 639-1; none means those of the receipts' languages that are installed.
    `timeout` in seconds bounds one page. Raises ReadingError with the codes `engine_missing` and
    `language_missing`.
    """

    name = "tesseract"

    def __init__(self, languages: Sequence[str] = (), *, timeout: float = 60.0) -> None:
        self._program = _find()
        self._timeout = timeout
        self.version = _asked(self._program, "--version").split()[1].lstrip("v")
        installed = _asked(self._program, "--list-langs").split("\n")[1:]
        self._languages = "+".join(_chosen(languages, installed))

    def read(self, image: Image) -> list[Line]:
        """All lines with a word in them.

        Raises ReadingError with the codes `engine_failed` and `reading_timeout`.
        """
        if min(image.shape[:2]) < _SMALLEST:
            return []
        from daemon.reading.deskew import moved_back, straightened  # noqa: PLC0415  # brings cv2

        level, back = straightened(image)
        height, width = level.shape[:2]
        lines = _lines(self._run(b"P6 %d %d 255\n" % (width, height) + level.tobytes()))
        return list(lines) if back is None else [moved_back(line, back) for line in lines]

    def _run(self, page: bytes) -> str:
        command = [self._program, "stdin", "stdout", "-l", self._languages, "--psm", "3", "tsv"]
        try:
            done = subprocess.run(
                command,
                input=page,
                capture_output=True,
                check=False,
                timeout=self._timeout,
                cwd="/",
                env=_environment(),
            )
        except subprocess.TimeoutExpired as error:
            raise ReadingError(
                "reading_timeout", f"tesseract took longer than {self._timeout:g} s for a page"
            ) from error
        except OSError as error:
            raise ReadingError(
                "engine_failed", f"tesseract cannot be started: {error.strerror}"
            ) from error
        if done.returncode != 0:
            raise ReadingError("engine_failed", f"tesseract failed with status {done.returncode}")
        return done.stdout.decode("utf-8", "replace")


def _find() -> str:
    program = shutil.which(_PROGRAM)
    if program is None:
        raise ReadingError(
            "engine_missing",
            "the program tesseract is not installed; apt install tesseract-ocr, or use "
            "ocr: {engine: rapid}, which brings its own models",
            kind=Kind.ENVIRONMENT,
        )
    return program


def _asked(program: str, question: str) -> str:
    """What the program says about itself; raises ReadingError where it says nothing of use."""
    try:
        done = subprocess.run(
            [program, question],
            capture_output=True,
            check=True,
            timeout=_ASKED,
            cwd="/",
            env=_environment(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ReadingError(
            "engine_broken",
            f"{program} {question} does not answer; install tesseract-ocr again",
            kind=Kind.ENVIRONMENT,
        ) from error
    answer = (done.stdout or done.stderr).decode("utf-8", "replace").strip()
    if len(answer.split()) < 2:
        raise ReadingError(
            "engine_broken",
            f"{program} {question} says nothing; install tesseract-ocr again",
            kind=Kind.ENVIRONMENT,
        )
    return answer


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, "OMP_THREAD_LIMIT": "1", "LC_ALL": "C.UTF-8"}


def _chosen(languages: Sequence[str], installed: Sequence[str]) -> list[str]:
    """The language packs to read with; raises ReadingError where one is not installed."""
    if languages:
        packs = [TESSERACT[language] for language in languages]
        missing = [pack for pack in packs if pack not in installed]
    else:
        packs = [TESSERACT[language] for language in RECEIPTS]
        packs = [pack for pack in packs if pack in installed]
        missing = [] if packs else ["eng"]
    if missing:
        packages = " ".join(f"tesseract-ocr-{pack}" for pack in missing)
        raise ReadingError(
            "language_missing",
            f"tesseract has no language pack {', '.join(missing)}; apt install {packages}, "
            "or name other ocr: languages",
            kind=Kind.ENVIRONMENT,
        )
    return packs


def _lines(values: str) -> Iterator[Line]:
    """Lines from the words of a table of tab-separated values."""
    rows = (row.split("\t") for row in values.split("\n")[1:])
    found = (row for row in rows if len(row) == _COLUMNS and row[0] == _WORD_LEVEL)
    for _, line in groupby(found, key=lambda row: row[1:5]):
        said = [word for row in line if (word := _word(row)) is not None]
        yield from words.lines(said)


def _word(row: Sequence[str]) -> Word | None:
    """The word of a row; None for one without print."""
    text = row[11].strip()
    if not text:
        return None
    left, top, width, height = (float(value) for value in row[6:10])
    sure = min(1.0, max(0.0, float(row[10]) / 100))
    return Word(text, sure, left, top, left + width, top + height)
