"""Which names in an inbox are ours: include and exclude patterns, and what is never taken."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

CANARY_NAME = b".inboxd-canary"
_NEVER = re.compile(rb"\.inboxd-.*|\.nfs[0-9a-f]{16,}", re.DOTALL)
"""Our own files, and what an NFS client leaves of a file that was removed while open."""


def _compiled(patterns: Iterable[str]) -> re.Pattern[str] | None:
    translated = [fnmatch.translate(pattern) for pattern in patterns]
    return re.compile("|".join(translated)) if translated else None


class Selection:
    """The include and exclude patterns of one inbox, on single names.

    Patterns are those of fnmatch and case sensitive. A name that is not UTF-8 is matched with each
    odd byte as one character, so `*` and `?` still apply to it.
    """

    def __init__(self, include: Iterable[str], exclude: Iterable[str]) -> None:
        self._include = _compiled(include)
        self._exclude = _compiled(exclude)

    def excludes(self, name: bytes) -> bool:
        """Whether a file or folder of this name is left alone whatever else holds."""
        if name.startswith(b".") and _NEVER.fullmatch(name):
            return True
        return self._exclude is not None and bool(
            self._exclude.match(name.decode("utf-8", "surrogateescape"))
        )

    def takes(self, path: bytes) -> bool:
        """Whether the file at this path, relative to the inbox, is ours.

        Exclude patterns hold for its name and for each folder on the way, include patterns for its
        name.
        """
        folders, _, name = path.rpartition(b"/")
        if self._include is None or self.excludes(name):
            return False
        if folders and any(map(self.excludes, folders.split(b"/"))):
            return False
        return bool(self._include.match(name.decode("utf-8", "surrogateescape")))
