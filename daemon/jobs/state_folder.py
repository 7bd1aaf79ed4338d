"""The state folder: the ledger, the lock that one instance holds, and what `status` reads."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from daemon.clock import Clock
from daemon.config.rights import writers
from daemon.errors import AlreadyRunningError, EnvironmentFaultError, LedgerError
from daemon.files import environment_fault, lock_exclusively, make_folder, write_durably
from daemon.jobs.replacing import LEDGER
from daemon.jobs.soundness import damage, damaged
from daemon.jobs.sqlite_store import SqliteJobStore
from daemon.limits import DEFAULT, Limits
from daemon.signals import NUDGE

_LOCK = "lock"
_RUNTIME = "runtime.json"
_SUSPECT = "suspect"
_WORK = "work.json"
_TRIES = 5
_MOMENT = 0.02


class StateFolder:
    """The folder that a configuration names as `state`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: tuple[int, int] | None = None

    def make(self) -> None:
        """Make the folder for its owner alone; raises EnvironmentFaultError."""
        try:
            make_folder(os.fsencode(self.path), 0o700)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
            self._close_to_others()
        except OSError as error:
            raise environment_fault(error, f"the state folder {self.path}") from error

    def _close_to_others(self) -> None:
        """What others may only read is closed here; raises as `refuse_open` does."""
        self.refuse_open()
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode & stat.S_IRWXO:
            self.path.chmod(mode & ~stat.S_IRWXO)

    def refuse_open(self) -> None:
        """Raise EnvironmentFaultError where others may write in the folder, OSError for no folder.

        What they may have written there cannot be trusted.
        """
        if who := writers(self.path.stat()):
            raise EnvironmentFaultError(
                "state_open",
                f"{who} may write in the state folder {self.path}, and so say what was delivered; "
                "look whether all in it is yours, then chmod 700 it",
            )

    @contextlib.contextmanager
    def lock(self) -> Iterator[bool]:
        """Hold the folder for this process; raises AlreadyRunningError where another does.

        Yields whether the last one to hold it ended without a word, as by a crash. The lock ends
        with the process, however it ends, so a crash leaves nothing to clean up.
        """
        self.make()
        try:
            descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise environment_fault(error, f"the lock in {self.path}") from error
        try:
            if not _lock_soon(descriptor):
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                raise AlreadyRunningError(
                    "already_running",
                    f"another inboxd (process {holder or 'unknown'}) holds {self.path}; "
                    "stop it first, or give this one a state folder of its own",
                )
            crashed = os.fstat(descriptor).st_size > 0
            with contextlib.suppress(OSError):  # on a full disk nobody learns who holds it
                os.pwrite(descriptor, f"{os.getpid():<10}\n".encode(), 0)
                os.fsync(descriptor)
            try:
                yield crashed
            except BaseException:
                if not crashed:  # otherwise what a crash calls for may not have been done
                    os.ftruncate(descriptor, 0)
                raise
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def holder(self) -> int | None:
        """The process that holds the folder, or None when nobody does."""
        try:
            descriptor = os.open(self.path / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if lock_exclusively(descriptor):
                return None
            text = os.pread(descriptor, 32, 0)
            return int(text) if text.strip().isdigit() else None
        finally:
            os.close(descriptor)

    def nudge(self) -> bool:
        """Have the running daemon look at the ledger again; tells whether there is one."""
        holder = self.holder()
        if holder is None:
            return False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(holder, NUDGE)
            return True
        return False

    def open_ledger(self, clock: Clock, limits: Limits = DEFAULT) -> SqliteJobStore:
        """The ledger, made where there is none; raises LedgerError or EnvironmentFaultError."""
        self.make()
        store = SqliteJobStore(self.path / LEDGER, clock, limits)
        try:
            store.try_writing()
        except BaseException:
            store.close()
            raise
        self._opened = self._ledger_file()
        return store

    def keeps_ledger(self) -> bool:
        """Whether the ledger that was opened here is still here, where the next start looks."""
        return self._opened is not None and self._opened == self._ledger_file()

    def _ledger_file(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self.path / LEDGER)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def existing_ledger(self, clock: Clock) -> SqliteJobStore:
        """The ledger of a daemon that has run; raises LedgerError where there is none."""
        if not (self.path / LEDGER).exists():
            raise LedgerError(
                "no_ledger", f"there is no ledger in {self.path}; has the daemon run yet?"
            )
        if found := damage(self.path / LEDGER, whole=False):
            raise damaged(os.fspath(self.path / LEDGER), found)
        return SqliteJobStore(self.path / LEDGER, clock)

    def suspect_ledger(self) -> None:
        """Have the next start look at every page of the ledger."""
        with contextlib.suppress(OSError):
            (self.path / _SUSPECT).touch(0o600)

    def clear_suspicion(self) -> None:
        """The ledger was looked at as a whole, or made anew."""
        (self.path / _SUSPECT).unlink(missing_ok=True)

    def damage(self, *, crashed: bool) -> str | None:
        """Why the ledger cannot be used as it is, or None; to be asked with the lock held.

        All of it is looked at only after a crash, or where it was found to be damaged while the
        daemon ran. Raises LedgerError for a newer one and for one that another program holds.
        """
        return damage(self.path / LEDGER, whole=crashed or (self.path / _SUSPECT).exists())

    def write_runtime(self, facts: dict[str, Any]) -> None:
        """Leave facts for `status`; they describe this moment and need not survive a crash."""
        target = self.path / _RUNTIME
        temporary = target.with_suffix(".tmp")
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps(facts), "utf-8")
            temporary.replace(target)

    def work_folders(self) -> dict[str, str]:
        """The work folder that each inbox had last, where that was noted."""
        try:
            noted = json.loads((self.path / _WORK).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(noted, dict):
            return {}
        return {inbox: path for inbox, path in noted.items() if _is_path(path)}

    def note_work_folders(self, folders: Mapping[str, str]) -> None:
        """Note the work folder of each inbox, beside those of inboxes that are no longer there."""
        before = self.work_folders()
        noted = {**before, **folders}
        if noted != before:
            with contextlib.suppress(OSError):  # on a full disk they are noted by the next start
                write_durably(os.fsencode(self.path / _WORK), json.dumps(noted).encode())

    def read_runtime(self) -> dict[str, Any] | None:
        """What the running daemon last left; None where there is nothing to be read."""
        try:
            facts = json.loads((self.path / _RUNTIME).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return facts if isinstance(facts, dict) else None


def _is_path(value: object) -> bool:
    return isinstance(value, str) and os.path.isabs(value) and "\0" not in value


def _lock_soon(descriptor: int) -> bool:
    """Take the lock, also where a command that asks who holds the folder has it for a moment."""
    for _ in range(_TRIES):
        if lock_exclusively(descriptor):
            return True
        time.sleep(_MOMENT)
    return False
