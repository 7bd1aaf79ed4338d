"""The names that a file can have in a folder, and what becomes of one that is taken."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from dataclasses import dataclass
from typing import Final, Literal

from daemon.crashpoints import crashpoint
from daemon.delivery.destination import Parcel
from daemon.delivery.naming import with_tail
from daemon.errors import DeliveryError, Kind, StoppedError
from daemon.files import open_regular, rename_new, unlink_if_there
from daemon.limits import DEFAULT

Collision = Literal["skip_identical", "rename", "overwrite", "refuse"]

_TAIL: Final = 8
_NO_SUCH_NAME: Final = frozenset({errno.EINVAL, errno.ENAMETOOLONG, errno.EILSEQ})
_COARSEST_TIME: Final = 2_000_000_000
"""Nanoseconds between two times that FAT can tell apart."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file goes: a folder, and the name that it should have there."""

    folder: bytes
    name: bytes
    collision: Collision
    parcel: Parcel

    @property
    def paths(self) -> list[bytes]:
        """The names that the file may have, in the order in which they are tried."""
        names = [self.name]
        if self.collision in ("skip_identical", "rename"):
            job = self.parcel.job
            names += [with_tail(self.name, job[-_TAIL:]), with_tail(self.name, job)]
        return [os.path.join(self.folder, name) for name in names]

    @property
    def temporary(self) -> bytes:
        """Hidden, and the same for each attempt, so that what a crash left is found again."""
        key = hashlib.sha256(self.parcel.idempotency_key.encode()).hexdigest()
        return os.path.join(self.folder, b".inboxd-" + key[:24].encode())

    def holder(self, source: int, stop: threading.Event) -> bytes | None:
        """The first of the paths that holds the content of `source` already, None where none does.

        So it is after an acknowledgement that was lost. Where every file is to be there on its own
        (`rename`), only one with its modification time counts. The file is durable when its path
        is returned.
        """
        ours = os.fstat(source)
        for path in self.paths:
            try:
                descriptor = open_regular(path)
            except OSError:
                continue
            try:
                theirs = os.fstat(descriptor)
                if not self._may_be_ours(ours, theirs):
                    continue
                if os.path.samestat(ours, theirs) or self._holds_content(descriptor, stop):
                    os.fsync(descriptor)
                    return path
            finally:
                os.close(descriptor)
        return None

    def take(self) -> bytes:
        """Give the temporary file the first name that is free; returns its path.

        Raises DeliveryError `name_taken` where there is none, `name_refused` where the file system
        knows no such name, and OSError.
        """
        for path in self.paths:
            try:
                self._rename(path)
            except (FileExistsError, IsADirectoryError):
                continue
            except OSError as error:
                if error.errno not in _NO_SUCH_NAME:
                    raise
                raise DeliveryError(
                    "name_refused",
                    f"the folder's file system takes no such name ({error.strerror}); "
                    "change the destination's `name`",
                    kind=Kind.PERMANENT,
                ) from error
            crashpoint("deliver.named")
            return path
        raise DeliveryError(
            "name_taken", "every name for this file is taken in the folder", kind=Kind.PERMANENT
        )

    def _rename(self, path: bytes) -> None:
        if self.collision == "overwrite":
            os.replace(self.temporary, path)
            unlink_if_there(self.temporary)  # stays where both were links to one file: rename(2)
        else:
            rename_new(self.temporary, path)

    def _may_be_ours(self, ours: os.stat_result, theirs: os.stat_result) -> bool:
        if theirs.st_size != self.parcel.size:
            return False
        apart = abs(ours.st_mtime_ns - theirs.st_mtime_ns)
        return self.collision != "rename" or apart < _COARSEST_TIME

    def _holds_content(self, descriptor: int, stop: threading.Event) -> bool:
        digest = hashlib.sha256()
        while data := os.read(descriptor, DEFAULT.read_block):
            if stop.is_set():
                raise StoppedError
            digest.update(data)
        return digest.hexdigest() == self.parcel.sha256
