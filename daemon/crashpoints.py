"""Named places between two durable facts, at each of which a test can have the process end.

In production `crashpoint` is a function that does nothing; measured, a call takes 25 ns, and a file
passes some fifteen of them on a way of a millisecond. With INBOXD_CRASHPOINT=NAME:N in the
environment the process ends at the Nth time that it comes to NAME, as if it had been killed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

EXIT = 137
"""The exit code of a process that ended at a crash point: what a shell says of a SIGKILL."""
VARIABLE = "INBOXD_CRASHPOINT"

POINTS: Mapping[str, str] = {
    # watching
    "admit.settled": "a file has settled, the ledger does not know it",
    "admit.queued": "the ledger has queued it, nobody was woken",
    # the ledger
    "ledger.open": "the ledger is open, its tables may be old",
    "ledger.migrating": "a migration is written, not committed",
    "ledger.migrated": "a migration is committed",
    "ledger.writing": "changes are written, not committed",
    "ledger.written": "changes are committed, nobody was told",
    # a ledger made anew
    "rebuild.salvaged": "what could be read is copied, the folders were not looked at",
    "rebuild.restored": "jobs are restored from the folders, some are not yet",
    "rebuild.built": "the new ledger is built, nobody knows that it is complete",
    "rebuild.complete": "the new ledger is complete, the old one in its place",
    "rebuild.aside": "the old ledger, or a file beside it, is aside",
    "rebuild.placed": "the new ledger has its name, which is not synced",
    # a start
    "start.folders": "a folder of ours is made, its name not synced",
    "start.tidied": "a file that a crash had left was removed",
    "start.recovering": "what was running is still called running",
    "start.recovered": "what was running is queued again",
    # claim and verdict
    "claim.taken": "the ledger says running, the file lies in the inbox",
    "claim.renamed": "the file is in work/, its verdict unknown",
    "prepare.judged": "the verdict is known, not committed",
    "prepare.committed": "the verdict is committed, no step begun",
    # from an end back to work
    "retry.requested": "the ledger has taken a job up again, no daemon knows",
    "retry.sidecar_removed": "the old sidecar is gone, the original still in its end place",
    "retry.fetched": "the original is in work/ again",
    "cancel.requested": "the ledger knows that a job was given up, no daemon does",
    # link files
    "link.fetched": "what a link leads to is in work/, no job has it",
    "link.queued": "its job is in the ledger, the link's own verdict is not",
    # delivery
    "deliver.begun": "an attempt is open, no byte was sent",
    "deliver.sent": "all bytes are sent, no answer has come",
    "deliver.answered": "the server has answered, the ledger does not know",
    "deliver.committed": "the answer is committed, the next step not begun",
    "deliver.copied": "the copy is in the folder under a temporary name",
    "deliver.named": "the copy has its name, which is not synced",
    # reading
    "read.begun": "a child is about to read",
    "child.asked": "a child is at work on the file",
    "read.found": "the text is known, not written",
    "read.written": "the text is in work/, the ledger does not know",
    "read.committed": "the ledger knows that it was read",
    # leaving the pipeline for a while
    "park.committed": "a job is parked",
    "requeue.committed": "a job is back in the queue",
    "unclaim.committed": "a file that changed is back in the inbox's hands",
    "gone.committed": "a file that vanished is given up",
    # recording and filing
    "write.synced": "a small file is synced under a temporary name",
    "write.renamed": "a small file has its name, which is not synced",
    "record.written": "sidecars are written under temporary names, not synced",
    "record.synced": "sidecars are synced under temporary names",
    "record.renamed": "sidecars have their names, which are not synced",
    "record.durable": "sidecars are durable, the ledger does not know",
    "record.committed": "sidecars are committed, originals still in work/",
    "record.again": "the sidecar of a name that was taken is removed",
    "file.moved": "originals are in their place, their names not synced",
    "file.durable": "originals are durable in their place, the ledger does not know",
    "file.committed": "the end is committed, work/ not cleared",
    "file.cleared": "work/ is cleared, nobody was told",
    # where a file system has no rename that spares the target
    "rename.linked": "a file has its new name, and its old one too",
    # to another disk
    "copy.copied": "an original is copied beside its place on another disk",
    "copy.named": "the copy has its name, the source is still there",
    "copy.removed": "the source is removed",
    # another configuration
    "reload.loaded": "a new configuration is read, not taken up",
    "reload.rerouted": "the pipeline follows it, the inboxes do not",
    "reload.followed": "all follow it",
    # an end in good order
    "stop.drained": "nothing is under way any more, the ledger is open",
}
"""Every point, and what a process that ends there leaves behind."""


def _nothing(name: str, /) -> None:
    """Pass by."""


class CountedCrash:
    """Ends the process, or does something else, at the Nth time that it comes to a point.

    Raises ValueError for an order other than NAME:N with a name of `POINTS`.
    """

    def __init__(self, order: str, end: Callable[[], object] = lambda: os._exit(EXIT)) -> None:
        name, _, count = order.partition(":")
        if name not in POINTS or not count.isdecimal():
            raise ValueError(f"{VARIABLE}={order}: no such crash point")
        self._name = name
        self._left = int(count)
        self._end = end
        self._lock = threading.Lock()

    def __call__(self, name: str, /) -> None:
        """Come to a point."""
        if name != self._name:
            return
        with self._lock:
            self._left -= 1
            if not self._left:
                self._end()


crashpoint: Callable[[str], None] = (
    CountedCrash(os.environ[VARIABLE]) if VARIABLE in os.environ else _nothing
)
"""Come to one of `POINTS`."""
