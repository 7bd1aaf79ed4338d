"""A new ledger takes the place of a damaged one, which is kept; a crash at any point is no matter.

The new one is built under the name BUILDING. Its other name BUILT says that it is complete: then
what is left to do is only to move the old one aside and to give the new one its name, and whoever
starts next does it.
"""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

from daemon.crashpoints import crashpoint
from daemon.files import sync_folder

LEDGER = "ledger.sqlite3"
_BUILDING = "ledger.rebuilding"
_BUILT = "ledger.rebuilt"
_SUFFIXES = ("-wal", "-shm", "")  # the file itself goes last: without it the others say nothing


def building_place(folder: Path) -> Path:
    """Where to build a new ledger; what an earlier attempt left there is removed."""
    place = folder / _BUILDING
    for suffix in _SUFFIXES:
        place.with_name(place.name + suffix).unlink(missing_ok=True)
    return place


def replace_ledger(folder: Path) -> Path | None:
    """Put the ledger that was built in place; returns where the old one is now, if there was one.

    The new one must be closed, so that all of it is in its one file.
    """
    crashpoint("rebuild.built")
    (folder / _BUILDING).rename(folder / _BUILT)
    sync_folder(os.fsencode(folder))
    crashpoint("rebuild.complete")
    return finish_replacing(folder)


def finish_replacing(folder: Path) -> Path | None:
    """Go on where a crash has cut `replace_ledger`; does nothing where there was none."""
    built = folder / _BUILT
    if not built.exists():
        return None
    # From the file, so that a second attempt finds the same name.
    made = datetime.fromtimestamp(built.stat().st_mtime, UTC)
    aside = folder / f"ledger.damaged-{made:%Y%m%dT%H%M%S.%fZ}"
    for suffix in _SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            (folder / (LEDGER + suffix)).rename(aside.with_name(aside.name + suffix))
            crashpoint("rebuild.aside")
    built.rename(folder / LEDGER)
    crashpoint("rebuild.placed")
    sync_folder(os.fsencode(folder))
    return aside if aside.exists() else None
