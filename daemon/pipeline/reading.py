"""The step that reads a file, in child processes."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from typing import Any

from daemon.children.asking import Answerer
from daemon.children.errors import ChildDiedError, ChildFailedError, ChildTimeoutError
from daemon.children.limits import ChildLimits
from daemon.children.pool import ChildPool
from daemon.clock import Clock
from daemon.config.model import InboxConfig
from daemon.config.ocr import OcrConfig
from daemon.crashpoints import crashpoint
from daemon.errors import Fault, Kind
from daemon.files import write_durably
from daemon.jobs.changes import ReadingEnded
from daemon.jobs.model import Job, ReadingState
from daemon.limits import Limits
from daemon.pipeline.ocr import AnswererFor, profile_of, reading_setup
from daemon.pipeline.places import Places
from daemon.pipeline.respite import Respite

JSON = Any


def reading_pool(config: OcrConfig, limits: Limits) -> ChildPool:
    """Children that read and understand, one thread each.

    Raises ConfigError where a file of words that the configuration adds cannot be used.
    """
    return ChildPool(
        "daemon.pipeline.reading_child:factory",
        name="reading",
        size=config.processes,
        limits=ChildLimits(memory=limits.read_memory, cpu=config.timeout, tasks=limits.child_tasks),
        setup=reading_setup(config),
        profile=profile_of(config.engine),
    )


def read_open_file(
    pool: ChildPool,
    request: dict[str, JSON],
    descriptor: int,
    timeout: float,
    *,
    stop: threading.Event | None = None,
    answerer: Answerer | None = None,
) -> tuple[JSON, Fault | None]:
    """Have a child read a file: {ocr, receipt}, or the fault that says why there is none.

    `request` is {media_type, mode, max_pages, max_pixels}. Raises StoppedError and
    EnvironmentFaultError.
    """
    try:
        answer = pool.run(request, descriptor, timeout=timeout, stop=stop, answerer=answerer)
    except ChildTimeoutError:
        message = f"reading took longer than {timeout:g} s and was ended"
        return None, Fault("reading_timeout", message, Kind.PERMANENT)
    except ChildDiedError as error:
        message = f"reading was ended, it went beyond its limits: {error.reason}"
        return None, Fault("reading_died", message, Kind.PERMANENT)
    except ChildFailedError as error:
        message = f"the reader failed: {error.type}"
        return None, error.origin or Fault("reading_failed", message, Kind.PERMANENT)
    return answer, None


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads validated files; the result waits in work/ for the sidecar, never in the ledger."""

    pool: ChildPool
    timeout: float
    answerer_for: AnswererFor
    respite: Respite
    clock: Clock
    limits: Limits

    def run(
        self, job: Job, config: InboxConfig, places: Places, stop: threading.Event
    ) -> ReadingEnded:
        """Read one file; that it cannot be read is a result too.

        Raises PostponedError where another try can help and is not too late, StoppedError,
        EnvironmentFaultError, and OSError when the file cannot be opened.
        """
        assert job.preparation is not None
        self.respite.check()
        request = {
            "media_type": job.preparation.media_type,
            "mode": config.read,
            "max_pages": config.max_pages,
            "max_pixels": config.max_pixels,
        }
        descriptor = places.open(job)
        crashpoint("read.begun")
        try:
            answer, fault = read_open_file(
                self.pool,
                request,
                descriptor,
                self.timeout,
                stop=stop,
                answerer=self.answerer_for(stop),
            )
        finally:
            os.close(descriptor)
        if fault is None:
            self.respite.taken()
            crashpoint("read.found")
            write_durably(places.reading(job.id), json.dumps(answer).encode())
            crashpoint("read.written")
            return ReadingEnded(job.id, ReadingState.DONE)
        if fault.kind is Kind.TRANSIENT:
            postponed = self.respite.refused(fault)
            if self.clock.now() < job.received + self.limits.read_give_up:
                raise postponed
        return ReadingEnded(job.id, ReadingState.FAILED, fault)
