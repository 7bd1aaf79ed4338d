"""The drain benchmark says when a file did not arrive as promised."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.inspection import Planted, plant, what_is_wrong


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("inbox", "work", "done"):
        (tmp_path / name).mkdir()
    return tmp_path


def file_away(place: Path, planted: Planted, **changed: object) -> None:
    """Do what the daemon does at the end of a file's way."""
    os.rename(place / "inbox" / planted.name, place / "done" / planted.name)
    sidecar: dict[str, object] = {
        "status": "done",
        "file": {"name": planted.name, "size": planted.size, "sha256": planted.sha256},
        "deliveries": [{"state": "delivered"}],
    }
    (place / "done" / f"{planted.name}.json").write_text(json.dumps(sidecar | changed))


def test_planted_files_differ(place: Path) -> None:
    """No two planted files have the same content, or duplicates would be skipped."""
    planted = plant(place / "inbox", 5, 4096)
    assert len({file.sha256 for file in planted}) == 5
    assert {path.stat().st_size for path in (place / "inbox").iterdir()} == {4096}


def test_nothing_is_wrong_when_all_is_filed(place: Path) -> None:
    """A folder with every original and a complete sidecar each is as promised."""
    planted = plant(place / "inbox", 3, 100)
    for file in planted:
        file_away(place, file)
    assert what_is_wrong(place, planted) == []


def test_what_is_missing_or_untrue_is_told(place: Path) -> None:
    """A file left behind, a sidecar of other content and one that is not done are each named."""
    planted = plant(place / "inbox", 3, 100)
    left, other, failed = planted
    file_away(place, other, file={"name": other.name, "size": 100, "sha256": "0" * 64})
    file_away(place, failed, status="failed")
    told = "\n".join(what_is_wrong(place, planted))
    for name in (left.name, other.name, failed.name, "1 names in inbox/"):
        assert name in told
