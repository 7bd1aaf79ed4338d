"""Where the file of a job lies (inbox, work, done or rejected) and how it is claimed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from daemon.config.model import InboxConfig
from daemon.crashpoints import crashpoint
from daemon.errors import EnvironmentFaultError, Fault, InboxdError, Kind
from daemon.files import (
    environment_fault,
    identity,
    is_environment,
    is_one_file,
    is_same,
    make_folder,
    move_new,
    open_regular,
    rename_new,
    unlink_if_there,
)
from daemon.jobs.model import Job
from daemon.pipeline.environment import PROBES
from daemon.sidecar.names import sidecar_name


class Claim(Enum):
    """What became of an attempt to take a file."""

    OURS = "ours"
    GONE = "gone"
    CHANGED = "changed"


class NotNowError(InboxdError):
    """This file cannot be taken at the moment; those of other inboxes may well be."""

    kind = Kind.ENVIRONMENT


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one inbox."""

    inbox: bytes
    work: bytes
    done: bytes
    rejected: bytes
    keep: bool

    @classmethod
    def of(cls, config: InboxConfig) -> Places:
        """The folders that a configuration names."""
        return cls(
            inbox=os.fsencode(config.path),
            work=os.fsencode(config.work_folder),
            done=os.fsencode(config.done_folder),
            rejected=os.fsencode(config.rejected_folder),
            keep=config.originals == "keep",
        )

    def make(self) -> None:
        """Make the folders that are ours to make, and see that all can be written.

        A missing inbox is left alone: it may be a mount that is yet to come. Raises
        EnvironmentFaultError.
        """
        if not os.path.isdir(self.inbox):
            return
        for folder in (self.work, self.done, self.rejected):
            try:
                make_folder(folder, 0o700 if folder == self.work else 0o750)
            except OSError as error:
                raise environment_fault(error, f"the folder {os.fsdecode(folder)}") from error
        ours = (self.work, self.done, self.rejected, *(() if self.keep else (self.inbox,)))
        for folder in ours:
            if not os.access(folder, os.W_OK | os.X_OK):
                denied = PermissionError(errno.EACCES, "Permission denied")
                raise environment_fault(denied, f"the folder {os.fsdecode(folder)}")

    def tidy(self, is_over: Callable[[str], bool]) -> None:
        """Remove what a crash left: probes, and in work/ what jobs that are over had read."""
        for folder in (self.work, self.done, self.rejected):
            for name in PROBES:
                with contextlib.suppress(OSError):
                    unlink_if_there(os.path.join(folder, name))
        with contextlib.suppress(FileNotFoundError), os.scandir(self.work) as entries:
            for entry in entries:
                job, _, kind = entry.name.lstrip(b".").partition(b".")
                ours = kind in (b"reading", b"reading.tmp", b"fetching")
                if ours and is_over(job.decode("ascii", "replace")):
                    unlink_if_there(entry.path)
                    crashpoint("start.tidied")

    def folder(self, name: str) -> bytes:
        """The folder that an ending names."""
        return self.done if name == "done" else self.rejected

    def original(self, job: Job) -> bytes:
        """Where the file is while its job runs."""
        return os.path.join(self.inbox, job.path) if self.stays(job) else self._in_work(job)

    def stays(self, job: Job) -> bool:
        """Whether the file stays in its inbox; not where it was taken before that was asked for."""
        if not self.keep or os.path.lexists(self._in_work(job)):
            return False
        return not (_was_filed(job) and os.path.lexists(self._filed(job)))

    def _in_work(self, job: Job) -> bytes:
        """Where the file is once it is taken."""
        return b"%b/%b" % (self.work, job.id.encode())

    def _filed(self, job: Job) -> bytes:
        """Where the ending before a retry put the file."""
        assert job.origin is not None
        return os.path.join(self.folder(job.origin.folder), job.origin.name)

    def reading(self, job: str) -> bytes:
        """Where the result of reading waits for the sidecar."""
        return os.path.join(self.work, job.encode() + b".reading")

    def open(self, job: Job) -> int:
        """A fresh descriptor of a running job's file.

        Raises FileNotFoundError when it is gone and InboxdError `changed` when a file that stays in
        its inbox is no longer the one that was judged.
        """
        try:
            descriptor = open_regular(self.original(job))
        except FileNotFoundError:
            if not self.reclaim(job):
                raise
            descriptor = open_regular(self.original(job))
        if self.stays(job) and identity(os.fstat(descriptor)) != job.identity:
            os.close(descriptor)
            raise InboxdError("changed", "the file changed while it was worked on")
        return descriptor

    def reclaim(self, job: Job) -> bool:
        """Take a file again that should be in work/ and is not; tells whether it is there now.

        The claim's rename is not synced, so that a power failure can undo it after the ledger has
        come to rely on it. Raises what `claim` raises.
        """
        return not self.keep and self.claim(job) is Claim.OURS

    def claim(self, job: Job) -> Claim:
        """Make the file ours with one rename; a second call finds it done.

        Raises EnvironmentFaultError where our machine forbids it, NotNowError where only this file
        or its inbox does.
        """
        try:
            return self._keep(job) if self.stays(job) else self._take(job)
        except PermissionError as error:
            raise NotNowError(
                "no_rights", f"{job.name} may not be taken ({error.strerror}); see to its rights"
            ) from error
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise EnvironmentFaultError(
                    "work_elsewhere",
                    "work/ is on another file system than the inbox; "
                    "set `work` to a folder beside it",
                ) from error
            if is_environment(error):
                raise environment_fault(error, f"claiming {job.name}") from error
            raise

    def _keep(self, job: Job) -> Claim:
        try:
            status = os.lstat(self.original(job))
        except (FileNotFoundError, NotADirectoryError):
            return self._gone()
        return Claim.OURS if identity(status) == job.identity else Claim.CHANGED

    def _take(self, job: Job) -> Claim:
        target = self.original(job)
        if _was_filed(job):
            return self._take_back(job, target)
        source = os.path.join(self.inbox, job.path)
        if os.path.lexists(target):
            if is_one_file(source, target):
                unlink_if_there(source)  # where a rename is two steps, a crash came between them
            return Claim.OURS  # what has its name in the inbox now is another file
        try:
            if identity(os.lstat(source)) != job.identity:
                return Claim.CHANGED
            try:
                rename_new(source, target)
            except FileNotFoundError:
                make_folder(self.work, 0o700)
                rename_new(source, target)
            crashpoint("claim.renamed")
        except (FileNotFoundError, NotADirectoryError):
            return self._gone()
        return Claim.OURS

    def _take_back(self, job: Job, target: bytes) -> Claim:
        """Fetch a file from where an earlier ending put it; its old sidecar goes first."""
        assert job.origin is not None
        source = self._filed(job)
        folder, name = os.path.split(source)
        sidecar = os.path.join(folder, sidecar_name(name, job.id))
        if os.path.lexists(target):
            # From another disk it is copied; a crash may have left the copy's source.
            ours = os.path.lexists(source) and not os.path.lexists(sidecar)
            if ours and is_same(source, target):
                unlink_if_there(source)
            return Claim.OURS
        if not os.path.lexists(source):
            if not os.path.isdir(self.folder(job.origin.folder)):
                raise _missing(self.folder(job.origin.folder))
            return Claim.GONE
        unlink_if_there(sidecar)
        crashpoint("retry.sidecar_removed")
        make_folder(self.work, 0o700)
        move_new(source, target, temporary=target + b".copy")
        crashpoint("retry.fetched")
        return Claim.OURS

    def _gone(self) -> Claim:
        """A missing file is gone only if its folder is there; a missing folder is our trouble."""
        try:
            there = stat.S_ISDIR(os.stat(self.inbox).st_mode)
        except OSError:
            there = False
        if not there:
            raise _missing(self.inbox)
        return Claim.GONE

    def missing(self) -> Fault | None:
        """Why no file of this inbox can be filed: their folder is not there, nor its disk, then."""
        folder = self.inbox if self.keep else self.work
        return None if os.path.isdir(folder) else _missing(folder).fault


def _was_filed(job: Job) -> bool:
    """Whether a job that is tried again has its file where an ending put it."""
    return job.origin is not None and bool(job.origin.name) and not job.origin.sidecar_only


def _missing(folder: bytes) -> NotNowError:
    message = f"the folder {os.fsdecode(folder)} is missing; mount or make it"
    return NotNowError("inbox_missing", message)
