"""Which types of destinations and engines there are: our own and those of installed packages."""

from __future__ import annotations

from importlib import metadata

from pydantic import BaseModel

from daemon.config.destinations import OWN, DestinationConfig, PluginDestinationConfig

DESTINATIONS = "inboxd.destinations"
"""Entry points whose object builds a destination and has `options`, a pydantic model."""
OCR_ENGINES = "inboxd.ocr_engines"
"""Entry points whose object builds an engine."""

_OWN_ENGINES = ("rapid", "tesseract", "ocrspace")


def destination_types() -> list[str]:
    """The names that a destination's `type` can have."""
    return sorted({*OWN, *metadata.entry_points(group=DESTINATIONS).names})


def engines() -> list[str]:
    """The names that `ocr.engine` can have."""
    return sorted({*_OWN_ENGINES, *metadata.entry_points(group=OCR_ENGINES).names})


def destination_model(kind: str) -> type[DestinationConfig]:
    """The model of a known type's keys."""
    return OWN.get(kind, PluginDestinationConfig)


def plugin_options(kind: str) -> type[BaseModel] | None:
    """The model of the `options` of a type from another package; None for our own.

    Raises ImportError where the package cannot be imported or says no options.
    """
    if kind in OWN:
        return None
    point = next(iter(metadata.entry_points(group=DESTINATIONS, name=kind)))
    try:
        options: type[BaseModel] = point.load().options
        usable = issubclass(options, BaseModel)
    except ImportError:
        raise
    except Exception as error:  # whatever another package does wrong
        raise ImportError(repr(error)) from error
    if not usable:
        raise ImportError("its options are not a pydantic model")
    return options
