"""Trouble of our own machine: the intake pauses, says so, and goes on by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from daemon.errors import EnvironmentFaultError, Fault, InboxdError
from daemon.files import environment_fault, free_space, unlink_if_there, write_durably
from daemon.limits import Limits
from daemon.validation.scanning import VirusScanner

PROBES = (b".inboxd-probe", b".inboxd-probe.tmp")
"""A file that is written to see whether one can be, and what it is called at first."""


class Environment:
    """Looks whether the folders that we write in can take what comes, and the scanner answers.

    `state` is the folder that all depends on, `inboxes` are the folders of each inbox.
    """

    def __init__(
        self,
        state: bytes,
        inboxes: Mapping[str, Sequence[bytes]],
        limits: Limits,
        scanner: VirusScanner | None = None,
    ) -> None:
        self._state = state
        self._inboxes = inboxes
        self._reserve = limits.reserve_space
        self._scanner = scanner

    def _folders(self, inbox: str | None) -> Sequence[bytes]:
        """The folders of an inbox; of None the one that all depends on."""
        return (self._state,) if inbox is None else self._inboxes.get(inbox, ())

    def short_of_space(self, inbox: str | None = None) -> Fault | None:
        """The first folder whose disk is nearly full; costs one system call a folder."""
        for folder in self._folders(inbox):
            try:
                facts = os.statvfs(folder)
            except FileNotFoundError:
                continue  # made when it is needed; with its inbox missing it is not
            except OSError as error:
                return environment_fault(error, f"looking at {os.fsdecode(folder)}").fault
            # A small disk keeps a hundredth of itself free, a large one a fixed amount.
            reserve = min(self._reserve, facts.f_blocks * facts.f_frsize // 100)
            if facts.f_bavail * facts.f_frsize < reserve:
                return _full(folder, reserve)
            if facts.f_files and not facts.f_favail:
                return EnvironmentFaultError(
                    "no_inodes",
                    f"the disk of {os.fsdecode(folder)} has no inodes left; remove files",
                ).fault
        return None

    def trouble(self, inbox: str | None = None) -> Fault | None:
        """What still stands in the way, found out by writing; None when work can go on."""
        fault = self.short_of_space(inbox)
        if fault is not None:
            return fault
        for folder in self._folders(inbox):
            probe, temporary = (os.path.join(folder, name) for name in PROBES)
            try:
                write_durably(probe, b"probe", temporary=temporary)
                unlink_if_there(probe)
            except FileNotFoundError:
                continue
            except OSError as error:
                return environment_fault(error, f"writing in {os.fsdecode(folder)}").fault
        return None

    def scanner_trouble(self) -> Fault | None:
        """Why no file can be scanned for viruses; None where it can be, or need not."""
        if self._scanner is None:
            return None
        try:
            self._scanner.version()
        except InboxdError as error:
            return error.fault
        return None


def _full(folder: bytes, reserve: int) -> Fault:
    return EnvironmentFaultError(
        "disk_full",
        f"the disk of {os.fsdecode(folder)} has {free_space(folder) // 1000} kB left and "
        f"{reserve // 1000} kB are kept free; free some space, work goes on by itself",
    ).fault
