"""The list of events is closed and documented."""

from __future__ import annotations

import re
from pathlib import Path

from daemon.observing.events import Event

PAGE = Path(__file__).parents[2] / "docs" / "events.md"


def test_every_event_is_documented_and_no_other() -> None:
    """docs/events.md and the code name the same events."""
    documented = re.findall(r"^\| `([a-z_.]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert documented == [event.value for event in Event]
