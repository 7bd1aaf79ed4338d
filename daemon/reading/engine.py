"""The seam for OCR engines, and the list of those that are there."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Protocol

from daemon.errors import ReadingError
from daemon.reading.document import Line

if TYPE_CHECKING:
    from daemon.reading.image import Image

GROUP = "inboxd.ocr_engines"
"""Entry points of other packages: each names a callable without arguments that makes an engine."""

_BUILT_IN = {"rapid": "daemon.reading.rapid:RapidEngine"}


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
        together tell the reader whether the page is upright, so none may be held back.
        Raises ReadingError where the engine itself fails.
        """


def known_engines() -> list[str]:
    """The names that `ocr.engine` can have here, sorted."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def make_engine(name: str) -> OcrEngine:
    """A new engine by its name; loads its models.

    Raises ReadingError with code `unknown_engine` or, where it cannot be loaded, `engine_broken`.
    """
    try:
        return _factory(name)()
    except (ImportError, AttributeError) as error:
        raise ReadingError(
            "engine_broken", f"the OCR engine {name} cannot be loaded: {error}; install it again"
        ) from error


def check_engine(name: str) -> None:
    """Raise ReadingError with code `unknown_engine` where there is none of this name."""
    if name not in known_engines():
        raise ReadingError(
            "unknown_engine",
            f"there is no OCR engine {name!r}; use one of {', '.join(known_engines())}",
        )


def _factory(name: str) -> Callable[[], OcrEngine]:
    check_engine(name)
    for point in entry_points(group=GROUP):
        if point.name == name and name not in _BUILT_IN:
            return _loaded(point)
    module, _, attribute = _BUILT_IN[name].partition(":")
    factory: Callable[[], OcrEngine] = getattr(import_module(module), attribute)
    return factory


def _loaded(point: EntryPoint) -> Callable[[], OcrEngine]:
    factory: Callable[[], OcrEngine] = point.load()
    return factory
