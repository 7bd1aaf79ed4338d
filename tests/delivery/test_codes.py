"""Every code that a delivery can fail with is explained."""

from __future__ import annotations

import re
from pathlib import Path

import daemon.delivery

ROOM = Path(daemon.delivery.__file__).parent
CODES = ROOM.parent.parent / "docs" / "codes.md"


def test_codes_are_documented() -> None:
    """Each code in the source stands in docs/codes.md, with what to do."""
    used: set[str] = set()
    for source in ROOM.glob("*.py"):
        text = source.read_text()
        used |= set(re.findall(r'DeliveryError\(\s*"([a-z_]+)"', text))
        used |= set(re.findall(r'\("([a-z]+_[a-z_]+)", f?"', text))
    assert len(used) > 25
    documented = set(re.findall(r"`([a-z_]+)`", CODES.read_text()))
    assert used <= documented
