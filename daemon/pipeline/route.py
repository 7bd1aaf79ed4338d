"""One inbox as the pipeline sees it: its configuration and its folders."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.config.model import InboxConfig
from daemon.pipeline.places import Places


@dataclass(frozen=True, slots=True)
class Route:
    """An inbox's configuration with the folders that follow from it."""

    config: InboxConfig
    places: Places

    @classmethod
    def of(cls, config: InboxConfig) -> Route:
        """The route of an inbox."""
        return cls(config, Places.of(config))
