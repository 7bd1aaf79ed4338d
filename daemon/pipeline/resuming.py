"""The memory of one delivery, kept in the ledger until the destination has the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daemon import turns
from daemon.delivery.destination import JSON
from daemon.jobs.changes import ResumeKept
from daemon.jobs.model import Job
from daemon.jobs.store import JobStore


def resume_of(job: Job, destination: str, store: JobStore) -> LedgerResume:
    """The memory of a job's delivery to one destination."""
    sha256 = None if job.preparation is None else job.preparation.sha256
    return LedgerResume(store, job.id, destination, sha256 or "")


@dataclass(frozen=True, slots=True)
class LedgerResume:
    """A Resume that outlives runs, restarts and `retry`, but not another content of the file."""

    store: JobStore
    job: str
    destination: str
    sha256: str

    def load(self) -> Mapping[str, JSON]:
        """What was kept last for this content, {} for nothing; raises LedgerError."""
        kept = self.store.resume(self.job, self.destination)
        if kept.get("sha256") != self.sha256:
            return {}
        state: Mapping[str, JSON] = kept["state"]
        return state

    def keep(self, state: Mapping[str, JSON]) -> None:
        """Replace what was kept; durable when it returns, in one commit with whatever waits.

        While the ledger cannot be written it waits; raises LedgerError when it is told not to.
        """
        kept = {"sha256": self.sha256, "state": dict(state)}
        with turns.waiting():
            self.store.write([ResumeKept(self.job, self.destination, kept)])
