"""The OCR engine that a configuration asks for, and what its children may ask of us."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from daemon.children.asking import Answerer
from daemon.children.confinement import Profile
from daemon.config.ocr import OcrConfig
from daemon.delivery.secret import read_secret
from daemon.errors import ConfigError, Problem, ReadingError
from daemon.reading.engine import EngineSettings
from daemon.receipts.word_files import added

if TYPE_CHECKING:
    from daemon.reading.ocrspace_client import OcrSpaceClient

_PROFILES = {
    "rapid": Profile.SEALED,
    "ocrspace": Profile.SEALED,  # its parent sends the pages
    "tesseract": Profile.PROGRAMS,
}

AnswererFor = Callable[[threading.Event | None], Answerer | None]
"""Makes what answers a child's questions; the event ends an answer that is under way."""


def engine_settings(config: OcrConfig) -> EngineSettings:
    """What the engine is told of the section `ocr`; no secret is in it."""
    return EngineSettings(
        engine=config.engine,
        profile=config.profile,
        runtime=config.runtime,
        languages=config.languages,
        timeout=config.timeout,
        model=config.model,
        max_upload=config.max_upload,
    )


def reading_setup(config: OcrConfig) -> dict[str, Any]:
    """What the children that read are told: the engine, and words that a person added.

    Raises ConfigError where a file of words cannot be used.
    """
    words = [] if config.words is None else added(config.words)
    return {"engine": engine_settings(config).as_json(), "words": words}


def profile_of(engine: str) -> Profile:
    """What the children of an engine give up; of another package's engine the needs are unknown."""
    return _PROFILES.get(engine, Profile.OPEN)


def answerer_for(config: OcrConfig) -> AnswererFor:
    """What answers the questions of this engine's children: nothing, but for OCR.space.

    Raises ConfigError where the key of OCR.space cannot be read or is the shared one.
    """
    if config.engine != "ocrspace":
        return lambda _stop: None
    client = _client(config)
    return lambda stop: partial(client.send, stop=stop)


def check_service(config: OcrConfig, *, reach: bool) -> None:
    """Try the key of OCR.space, and, to `reach` it, have it read a blank page.

    Raises ConfigError as `answerer_for` does, and ReadingError with what the service said.
    """
    from daemon.reading.ocrspace import OcrSpaceEngine  # noqa: PLC0415  # brings numpy

    client = _client(config)
    if reach:
        OcrSpaceEngine(client.send, model=config.model).try_out()


def _client(config: OcrConfig) -> OcrSpaceClient:
    from daemon.reading.ocrspace_client import OcrSpaceClient  # noqa: PLC0415  # seldom used

    try:
        return OcrSpaceClient(
            config.endpoint,
            read_secret(config.key, "ocr").reveal(),
            languages=config.languages,
            model=config.model,
            timeout=config.timeout,
        )
    except ReadingError as error:
        raise ConfigError([Problem("ocr", error.message)]) from error
