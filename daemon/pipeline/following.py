"""Following a link file: what it names becomes a file in work/ with a job of its own.

Why so is in docs/decisions/0021-link-files.md.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from daemon.clock import Clock
from daemon.config.model import InboxConfig
from daemon.crashpoints import crashpoint
from daemon.errors import Fault, InboxdError, Kind, RefusedError
from daemon.fetching.addresses import Permission
from daemon.fetching.fetch import Fetched, Fetcher, Wanted
from daemon.files import display, sync_folder
from daemon.jobs.changes import Restored
from daemon.jobs.model import Job, id_after
from daemon.jobs.store import JobStore
from daemon.pipeline.places import Places
from daemon.pipeline.respite import PostponedError
from daemon.pipeline.restoring import adopted
from daemon.validation.kinds import extension
from daemon.validation.rules import Rules, accepts
from daemon.validation.verdict import Check

FETCHED = "fetched"
"""The line in a job's history that says where its file comes from."""
_AGAIN = 60.0
_GIVE_UP = 86_400.0


@dataclass(frozen=True, slots=True)
class Following:
    """Fetches what link files name; `wake` is told of an inbox that has a new job."""

    store: JobStore
    clock: Clock
    wake: Callable[[str], None]
    fetcher: Fetcher = field(default_factory=Fetcher)

    def follow(
        self, job: Job, url: str, config: InboxConfig, places: Places, stop: threading.Event
    ) -> tuple[Check, Fault | None]:
        """Fetch what a link names and queue it; a second call finds it done.

        Returns what is to be noted of the link file, and why it is refused, if so. Raises
        PostponedError where another time may help, StoppedError, and OSError where our disk fails.
        """
        known = self.store.get(id_after(job.id))
        if known is None:
            try:
                known = self._fetch(job, url, _wanted(config), places, stop)
            except RefusedError as error:
                return Check("fetched", ok=False, detail=error.message), error.fault
            except InboxdError as error:
                if error.kind is not Kind.TRANSIENT or error.code == "stopped":
                    raise
                if self.clock.now() - job.received > _GIVE_UP:
                    fault = Fault("link_failed", error.message, Kind.PERMANENT)
                    return Check("fetched", ok=False, detail=error.message), fault
                raise PostponedError(error.fault, _AGAIN) from error
        self.wake(job.inbox)
        return Check("fetched", ok=True, detail=f"{known.name} as job {known.id}"), None

    def source(self, job: Job) -> Check | None:
        """Where the file of a job was fetched from; None for a file that was dropped."""
        for entry in self.store.history(job.id):
            if entry.event == FETCHED:
                return Check(FETCHED, ok=True, detail=entry.detail)
        return None

    def _fetch(
        self, job: Job, url: str, wanted: Wanted, places: Places, stop: threading.Event
    ) -> Job:
        new = id_after(job.id)
        target = os.path.join(places.work, new.encode())
        temporary = os.path.join(places.work, job.id.encode() + b".fetching")
        fetched = self.fetcher.fetch(url, wanted, temporary, stop)
        os.rename(temporary, target)
        sync_folder(places.work)
        crashpoint("link.fetched")
        found = _named(adopted(new, job.inbox, places), job, self.clock.now())
        detail = f"{_shown(fetched)}, named by {job.name} (job {job.id})"
        self.store.write([Restored(found, FETCHED, detail)])
        crashpoint("link.queued")
        return found


def _wanted(config: InboxConfig) -> Wanted:
    """What an inbox takes from behind a link."""
    links, rules = config.links, Rules.from_inbox(config)
    assert links is not None
    return Wanted(
        permission=Permission(links.hosts, links.http),
        max_size=rules.max_size,
        timeout=links.timeout,
        redirects=links.redirects,
        accepts=lambda media_type: accepts(rules.accept, media_type),
    )


def _named(found: Job, link: Job, now: float) -> Job:
    """The fetched file under the link's name, with the extension of its own content."""
    stem = link.path[: -len(extension(link.path)) - 1]
    path = stem + os.path.splitext(found.path)[1]
    return Job(
        id=found.id,
        inbox=found.inbox,
        path=path,
        name=display(path),
        state=found.state,
        identity=found.identity,
        received=now,
        claimed=True,
    )


def _shown(fetched: Fetched) -> str:
    """The address without its query, which may be a secret."""
    return fetched.url.partition("?")[0]
