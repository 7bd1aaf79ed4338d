"""How the rooms above hear of what happens to an inbox."""

from __future__ import annotations

from typing import Protocol


class Report(Protocol):
    """Takes events of the closed list in docs/events.md, with their facts."""

    def __call__(self, event: str, /, **facts: object) -> None:
        """Take one event; it must neither raise nor wait."""
        ...
