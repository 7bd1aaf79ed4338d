"""Where one file goes on a share, and what is remembered of attempts to bring it there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Final

from daemon.delivery.destination import JSON, Parcel, Resume
from daemon.delivery.naming import relative_path, segment, with_tail

_TAIL: Final = 8
_MOST_LEFT: Final = 20
"""Temporary files that are remembered, so that the memory stays small."""


class Place:
    """The URLs of one file: its folders from the top, its names by preference, a temporary one.

    Each attempt has a temporary name of its own, since a server may be busy with the one before
    for longer than we are. It follows from the idempotency key and the attempts noted, so that
    what a crash left is written over. `is_begun` tells that it may be there.
    """

    def __init__(self, root: str, pattern: str, parcel: Parcel, attempts: int) -> None:
        *parents, name = relative_path(pattern, parcel)
        folder = root
        self.folders: list[str] = []
        for parent in parents:
            folder += _segment(parent) + "/"
            self.folders.append(folder)
        names = [name, with_tail(name, parcel.job[-_TAIL:]), with_tail(name, parcel.job)]
        self.names = [folder + _segment(name) for name in names]
        key = hashlib.sha256(parcel.idempotency_key.encode()).hexdigest()
        self.is_begun = False
        self._beginning = f"{folder}.inboxd-{key[:24]}"
        self.temporary = f"{self._beginning}-{attempts}" if attempts else self._beginning

    def holds(self, url: str) -> bool:
        """Whether a temporary name is one of this file, as the configuration is now."""
        return url.startswith(self._beginning)


class Memory:
    """What earlier attempts at one delivery left on the server.

    `whole` is a temporary file that is complete, `tag` its entity tag; `left` are others.
    """

    def __init__(self, resume: Resume) -> None:
        self._resume = resume
        self._state: Mapping[str, JSON] = resume.load()

    @property
    def attempts(self) -> int:
        """How many temporary files were left behind."""
        return int(self._state.get("attempts", 0))

    @property
    def whole(self) -> str | None:
        """The URL of a temporary file that is complete."""
        return self._state.get("whole")

    @property
    def tag(self) -> str | None:
        """Its entity tag, where the server gives one."""
        return self._state.get("tag")

    @property
    def left(self) -> list[str]:
        """Temporary files that nobody needs."""
        return list(self._state.get("left", []))

    @property
    def urls(self) -> list[str]:
        """All temporary files."""
        return [*self.left, *([self.whole] if self.whole else [])]

    def keep_whole(self, url: str, tag: str | None) -> None:
        """Note that a temporary file is complete."""
        self._keep({**self._state, "whole": url, "tag": tag})

    def keep_left(self, url: str) -> None:
        """Note that a temporary file may be there, and that the next attempt takes another."""
        left = [*self.left, url][-_MOST_LEFT:]
        self._keep({**self._state, "attempts": self.attempts + 1, "left": left})

    def forget(self) -> None:
        """Note that nothing is left."""
        self._keep({})

    def _keep(self, state: Mapping[str, JSON]) -> None:
        self._state = state
        self._resume.keep(state)


def _segment(name: bytes) -> str:
    return segment(os.fsdecode(name))
