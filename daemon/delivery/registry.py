"""From a type in the configuration to the class that delivers: ours, or another package's."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib import metadata
from typing import Final, cast

from daemon.config.destinations import DestinationConfig
from daemon.config.plugins import DESTINATIONS, destination_types
from daemon.delivery.destination import Destination
from daemon.errors import ConfigError, InboxdError, Problem

_ADAPTERS: Final[Mapping[str, tuple[str, str]]] = {
    "http": ("http", "HttpDestination"),
    "s3": ("s3.destination", "S3Destination"),
    "webdav": ("webdav.destination", "WebdavDestination"),
    "tus": ("tus.destination", "TusDestination"),
    "cloudinary": ("cloudinary.destination", "CloudinaryDestination"),
    "folder": ("folder.destination", "FolderDestination"),
}
"""Module and class of each type; imported when first used, because requests is slow to import."""

_PARTS: Final = ("name", "deliver", "check", "close")


def known_types() -> list[str]:
    """The names that a destination's `type` can have; imports no adapter."""
    return destination_types()


def open_destination(name: str, config: DestinationConfig) -> Destination:
    """The destination of a section of the configuration, ready to deliver.

    A third party's entry point is called with the name and the section. Raises ConfigError for a
    type that is not installed or does not work, and where a secret cannot be read.
    """
    if config.type in _ADAPTERS:
        module, adapter = _ADAPTERS[config.type]
        build = getattr(importlib.import_module(f"daemon.delivery.{module}"), adapter)
        return cast("Destination", build(name, config))
    return _open_foreign(name, config)


def _open_foreign(name: str, config: DestinationConfig) -> Destination:
    where = f"destinations.{name}"
    points = list(metadata.entry_points(group=DESTINATIONS, name=config.type))
    if not points:
        known = ", ".join(known_types())
        raise ConfigError([Problem(where, f"there is no type {config.type!r}; known are {known}")])
    try:
        destination = points[0].load()(name, config)
    except InboxdError:
        raise
    except Exception as error:  # whatever another package does wrong
        told = f"the package for type {config.type!r} does not load: {error!r}"
        raise ConfigError([Problem(where, told)]) from error
    missing = [part for part in _PARTS if not hasattr(destination, part)]
    if missing:
        told = f"the package for type {config.type!r} is broken: it lacks {', '.join(missing)}"
        raise ConfigError([Problem(where, told)])
    return cast("Destination", destination)
