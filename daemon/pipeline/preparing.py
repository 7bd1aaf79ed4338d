"""The step that claims a file and finds out whether it is acceptable."""

from __future__ import annotations

import contextlib
import threading
import time

from daemon import turns
from daemon.config.model import InboxConfig
from daemon.crashpoints import crashpoint
from daemon.errors import Fault, Kind
from daemon.files import sync_content
from daemon.jobs.changes import Change, Closed, Prepared, Unclaimed
from daemon.jobs.model import Ending, Job, Preparation, ReadingState, State
from daemon.pipeline.following import Following
from daemon.pipeline.places import Claim, Places
from daemon.pipeline.respite import PostponedError
from daemon.validation.rules import Rules
from daemon.validation.validator import Validator
from daemon.watching.probe import Leases

_LOOK_AGAIN = 1.0
_SLOW = 0.001
"""Seconds that a sync may take before other threads are let compute meanwhile."""
_STILL_OPEN = Fault(
    "still_open", "somebody opened it again before it was taken, and writes it", Kind.TRANSIENT
)


class Preparing:
    """Claims and validates; one instance serves all inboxes and threads."""

    def __init__(self, validator: Validator, following: Following) -> None:
        self._validator = validator
        self._following = following
        self._leases = Leases()
        self._slow_disk = False

    def run(
        self, job: Job, config: InboxConfig, places: Places, stop: threading.Event, now: float
    ) -> Change:
        """Claim the file and judge it.

        A link file is followed here, where its inbox allows it. Raises what Places.claim,
        Validator.inspect and Following.follow raise; nothing of the file has left the machine.
        """
        crashpoint("claim.taken")
        claim = places.claim(job)
        if claim is Claim.GONE:
            fault = Fault("vanished", "the file was gone before it was claimed", Kind.PERMANENT)
            return Closed(job.id, Ending(State.CANCELLED, fault))
        if claim is Claim.CHANGED:
            return Unclaimed(job.id, now + config.settle + _LOOK_AGAIN)
        original = places.original(job)
        if not places.stays(job):
            self._see_that_nobody_writes(original, config.settle)
            self._sync(original)
        verdict = self._validator.inspect(original, job.basename, Rules.from_inbox(config), stop)
        checks, refused = verdict.checks, verdict.refusal
        if verdict.link is not None and refused is None:
            noted, refused = self._following.follow(job, verdict.link, config, places, stop)
            checks += (noted,)
        elif config.links is not None and (source := self._following.source(job)):
            checks += (source,)
        preparation = Preparation(
            sha256=verdict.sha256,
            media_type=verdict.media_type,
            size=verdict.size,
            checks=tuple((check.check, check.ok, check.detail) for check in checks),
            refusal=refused,
        )
        crashpoint("prepare.judged")
        is_link = verdict.link is not None
        wanted = config.read != "none" and refused is None and not is_link
        return Prepared(
            job=job.id,
            inbox=job.inbox,
            preparation=preparation,
            destinations=() if is_link else config.deliver,
            reading=ReadingState.PENDING if wanted else ReadingState.NONE,
            # Whoever has a job tried again wants the file processed, copy or not.
            find_duplicate=config.duplicates != "process" and job.origin is None and not is_link,
        )

    def _sync(self, path: bytes) -> None:
        """Programs rarely sync what they drop; what the ledger is about to know must last.

        Others compute meanwhile where that took long for the last file: to change threads for what
        is on the disk already costs more than to see that it is.
        """
        began = time.monotonic()
        with turns.waiting() if self._slow_disk else contextlib.nullcontext():
            sync_content(path)
        self._slow_disk = time.monotonic() - began > _SLOW

    def _see_that_nobody_writes(self, original: bytes, settle: float) -> None:
        """Raise PostponedError while somebody has it open who opened it before it was claimed.

        By its name nobody finds it any more, so who is done with it now is done for good.
        """
        if self._leases.is_open(original):
            raise PostponedError(_STILL_OPEN, settle + _LOOK_AGAIN)
