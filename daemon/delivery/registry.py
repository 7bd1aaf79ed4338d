"""From a type in the configuration to the class that delivers: ours, or another package's."""

from __future__ import annotations

from importlib import metadata
from typing import cast

from daemon.config.destinations import (
    DestinationConfig,
    FolderDestinationConfig,
    HttpDestinationConfig,
)
from daemon.config.plugins import DESTINATIONS, destination_types
from daemon.delivery.destination import Destination
from daemon.errors import ConfigError, Problem


def known_types() -> list[str]:
    """The names that a destination's `type` can have; imports no adapter."""
    return destination_types()


def open_destination(name: str, config: DestinationConfig) -> Destination:
    """The destination of a section of the configuration, ready to deliver.

    A third party's entry point is called with the name and the section. Raises ConfigError for a
    type that is not installed, and where a secret cannot be read.
    """
    if isinstance(config, HttpDestinationConfig):
        from daemon.delivery.http import HttpDestination  # noqa: PLC0415  # requests is slow

        return HttpDestination(name, config)
    if isinstance(config, FolderDestinationConfig):
        from daemon.delivery.folder import FolderDestination  # noqa: PLC0415

        return FolderDestination(name, config)
    return _open_foreign(name, config)


def _open_foreign(name: str, config: DestinationConfig) -> Destination:
    where = f"destinations.{name}"
    points = list(metadata.entry_points(group=DESTINATIONS, name=config.type))
    if not points:
        known = ", ".join(known_types())
        raise ConfigError([Problem(where, f"there is no type {config.type!r}; known are {known}")])
    try:
        build = points[0].load()
    except ImportError as error:
        raise ConfigError(
            [Problem(where, f"the package for type {config.type!r} does not load: {error}")]
        ) from error
    return cast("Destination", build(name, config))
