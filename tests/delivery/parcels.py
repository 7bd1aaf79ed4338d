"""Parcels for tests: a real file and the facts that the pipeline would have of it."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from daemon.config.destinations import HttpDestinationConfig
from daemon.delivery.destination import Parcel
from daemon.delivery.http import HttpDestination

JOB = "0190f0aa-1111-7000-8000-00000000abcd"
PATIENT = {"connect": "20s", "read": "20s"}
"""Times that a server on this machine keeps, however busy that is."""


def parcel_of(
    path: Path, name: str = "receipt.jpg", *, key: str = "key-1", sha256: str | None = None
) -> Parcel:
    """A parcel for a file as it is now."""
    return Parcel(
        job=JOB,
        inbox="receipts",
        name=name,
        path=name,
        size=path.stat().st_size,
        sha256=sha256 or hashlib.sha256(path.read_bytes()).hexdigest(),
        media_type="image/jpeg",
        received=datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
        idempotency_key=key,
        open=lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC),
    )


def write(folder: Path, content: bytes, name: str = "source") -> Path:
    """A file with some content."""
    path = folder / name
    path.write_bytes(content)
    return path


def http_destination(url: str, **options: object) -> HttpDestination:
    """An HTTP destination that is patient, unless it is told otherwise."""
    config = {"type": "http", "url": url, "timeout": PATIENT, **options}
    return HttpDestination("archive", HttpDestinationConfig.model_validate(config))


@dataclass
class Watched:
    """A progress callback that keeps what it is told, and can act at a number of bytes."""

    at: int = 1 << 62
    act: Callable[[], None] = lambda: None
    seen: list[int] = field(default_factory=list)

    def __call__(self, sent: int) -> None:
        self.seen.append(sent)
        if sent >= self.at:
            self.act()


def never() -> threading.Event:
    """A stop that does not come."""
    return threading.Event()
