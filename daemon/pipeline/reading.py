"""The step that reads a file, in child processes."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from typing import Any

from daemon.children.errors import ChildDiedError, ChildFailedError, ChildTimeoutError
from daemon.children.limits import ChildLimits
from daemon.children.pool import ChildPool
from daemon.config.model import InboxConfig
from daemon.crashpoints import crashpoint
from daemon.errors import Fault, Kind
from daemon.files import write_durably
from daemon.jobs.changes import ReadingEnded
from daemon.jobs.model import Job, ReadingState
from daemon.limits import Limits
from daemon.pipeline.places import Places

JSON = Any


def reading_pool(engine: str, processes: int, timeout: float, limits: Limits) -> ChildPool:
    """Children that read and understand, one thread each; `timeout` in seconds bounds one file."""
    return ChildPool(
        "daemon.pipeline.reading_child:factory",
        name="reading",
        size=processes,
        limits=ChildLimits(memory=limits.read_memory, cpu=timeout, tasks=limits.child_tasks),
        setup={"engine": engine},
    )


def read_open_file(
    pool: ChildPool,
    request: dict[str, JSON],
    descriptor: int,
    timeout: float,
    stop: threading.Event | None = None,
) -> tuple[JSON, Fault | None]:
    """Have a child read a file: {ocr, receipt}, or the fault that says why there is none.

    `request` is {media_type, mode, max_pages, max_pixels}. Raises StoppedError and
    EnvironmentFaultError.
    """
    try:
        return pool.run(request, descriptor, timeout=timeout, stop=stop), None
    except ChildTimeoutError:
        message = f"reading took longer than {timeout:g} s and was ended"
        return None, Fault("reading_timeout", message, Kind.PERMANENT)
    except ChildDiedError as error:
        message = f"reading was ended, it went beyond its limits: {error.reason}"
        return None, Fault("reading_died", message, Kind.PERMANENT)
    except ChildFailedError as error:
        message = f"the reader failed: {error.type}"
        return None, error.origin or Fault("reading_failed", message, Kind.PERMANENT)


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads validated files; the result waits in work/ for the sidecar, never in the ledger."""

    pool: ChildPool
    timeout: float

    def run(
        self, job: Job, config: InboxConfig, places: Places, stop: threading.Event
    ) -> ReadingEnded:
        """Read one file; that it cannot be read is a result too.

        Raises StoppedError, EnvironmentFaultError, and OSError when the file cannot be opened.
        """
        assert job.preparation is not None
        request = {
            "media_type": job.preparation.media_type,
            "mode": config.read,
            "max_pages": config.max_pages,
            "max_pixels": config.max_pixels,
        }
        descriptor = places.open(job)
        crashpoint("read.begun")
        try:
            answer, fault = read_open_file(self.pool, request, descriptor, self.timeout, stop)
        finally:
            os.close(descriptor)
        if fault is not None:
            return ReadingEnded(job.id, ReadingState.FAILED, fault)
        crashpoint("read.found")
        write_durably(places.reading(job.id), json.dumps(answer).encode())
        crashpoint("read.written")
        return ReadingEnded(job.id, ReadingState.DONE)
