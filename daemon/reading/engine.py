"""The seam for OCR engines, and the list of those that are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from daemon.errors import Kind, ReadingError
from daemon.reading.document import Line

if TYPE_CHECKING:
    from daemon.reading.image import Image

GROUP = "inboxd.ocr_engines"
"""Entry points of other packages: each names a callable without arguments that makes an engine."""

_BUILT_IN = {
    "rapid": "daemon.reading.rapid:make",
    "tesseract": "daemon.reading.tesseract:make",
    "ocrspace": "daemon.reading.ocrspace:make",
}


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Which engine reads, and how; an engine does not look at what it has no use for.

    `languages` are ISO 639-1, none for the engine's own choice. `timeout` in seconds bounds one
    page where the engine is a program of its own. `model` and `max_upload`, in bytes, are those of
    OCR.space.
    """

    engine: str = "rapid"
    profile: str = "accurate"
    runtime: str = "auto"
    languages: tuple[str, ...] = ()
    timeout: float = 60.0
    model: int = 2
    max_upload: int = 1_000_000

    def as_json(self) -> dict[str, Any]:
        """These settings for a child."""
        return {**asdict(self), "languages": list(self.languages)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EngineSettings:
        """The settings that `as_json` gave."""
        return cls(**{**data, "languages": tuple(data.get("languages", ()))})


class OcrEngine(Protocol):
    """Reads one page; made once per process and used for many pages, one at a time."""

    @property
    def name(self) -> str:
        """The name in the configuration."""

    @property
    def version(self) -> str:
        """The version of what reads."""

    def read(self, image: Image) -> list[Line]:
        """All lines of an image, in any order, also those it is unsure of.

        `image` is height x width x 3 RGB; boxes are in its pixels. The confidences of all lines
        together tell the reader whether the page is upright, so none may be held back; text that
        runs up or down the page has boxes that stand on end.
        Raises ReadingError where the engine itself fails.
        """


def known_engines() -> list[str]:
    """The names that `ocr.engine` can have here, sorted."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def make_engine(settings: EngineSettings | str) -> OcrEngine:
    """A new engine by its name or its settings; loads its models.

    Raises ReadingError with code `unknown_engine`, or, where it cannot be loaded, `engine_broken`,
    `engine_missing` or `language_missing`.
    """
    settings = _settings(settings)
    try:
        return _factory(settings.engine)(settings)
    except (ImportError, AttributeError) as error:
        raise ReadingError(
            "engine_broken",
            f"the OCR engine {settings.engine} cannot be loaded: {error}; install it again",
            kind=Kind.ENVIRONMENT,
        ) from error


def check_engine(settings: EngineSettings | str) -> None:
    """Raise ReadingError where what an engine needs is not there; loads no model.

    The codes are those of `make_engine`.
    """
    settings = _settings(settings)
    if settings.engine not in known_engines():
        raise ReadingError(
            "unknown_engine",
            f"there is no OCR engine {settings.engine!r}; use one of {', '.join(known_engines())}",
        )
    if settings.engine == "tesseract":
        make_engine(settings)  # it has no models of its own to load
    if settings.engine == "rapid" and settings.runtime == "openvino" and not has_openvino():
        raise ReadingError(
            "engine_missing",
            "openvino is not installed; pip install inboxd[openvino], or use ocr: runtime: auto",
            kind=Kind.ENVIRONMENT,
        )


def has_openvino() -> bool:
    """Whether the faster runtime is installed."""
    return find_spec("openvino") is not None


def _settings(given: EngineSettings | str) -> EngineSettings:
    return EngineSettings(given) if isinstance(given, str) else given


def _factory(name: str) -> Callable[[EngineSettings], OcrEngine]:
    for point in entry_points(group=GROUP):
        if point.name == name and name not in _BUILT_IN:
            return lambda _settings: _foreign(point)
    if name not in _BUILT_IN:
        check_engine(name)
    module, _, attribute = _BUILT_IN[name].partition(":")
    factory: Callable[[EngineSettings], OcrEngine] = getattr(import_module(module), attribute)
    return factory


def _foreign(point: EntryPoint) -> OcrEngine:
    try:
        engine: OcrEngine = point.load()()
    except ReadingError:
        raise
    except Exception as error:  # whatever another package's code does wrong
        raise ImportError(repr(error)) from error
    return engine
