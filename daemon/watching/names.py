"""Which names in an inbox are ours: include and exclude patterns, and what is never taken."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterable

CANARY_NAME = b".inboxd-canary"
_NEVER = re.compile(rb"\.inboxd-.*|\.nfs[0-9a-f]{16,}", re.DOTALL)
"""Our own files, and what an NFS client leaves of a file that was removed while open."""


def _compiled(patterns: Iterable[str]) -> re.Pattern[str] | None:
    translated = [fnmatch.translate(pattern) for pattern in patterns]
    return re.compile("|".join(translated)) if translated else None


def _of_names(patterns: Iterable[str]) -> re.Pattern[str] | None:
    return _compiled(pattern for pattern in patterns if "/" not in pattern)


def _of_paths(patterns: Iterable[str]) -> re.Pattern[str] | None:
    """The patterns with a slash; one that ends in a slash means all that lies below."""
    return _compiled(
        f"{pattern}*" if pattern.endswith("/") else pattern
        for pattern in patterns
        if "/" in pattern
    )


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


class Selection:
    """The include and exclude patterns of one inbox.

    Patterns are those of fnmatch and case sensitive. One without a slash is about single names, one
    with a slash about the path from the inbox, in which `*` stands for slashes too. A name that is
    not UTF-8 is matched with each odd byte as one character, so `*` and `?` still apply to it.
    """

    def __init__(self, include: Collection[str], exclude: Collection[str]) -> None:
        self._include = _of_names(include)
        self._include_paths = _of_paths(include)
        self._exclude = _of_names(exclude)
        self._exclude_paths = _of_paths(exclude)

    def excludes(self, name: bytes) -> bool:
        """Whether a file or folder of this name is left alone whatever else holds."""
        if name.startswith(b".") and _NEVER.fullmatch(name):
            return True
        return self._exclude is not None and bool(self._exclude.match(_text(name)))

    def takes(self, path: bytes) -> bool:
        """Whether the file at this path, relative to the inbox, is ours.

        Exclude patterns hold for its name and for each folder on the way, include patterns for its
        name; those with a slash for its path.
        """
        folders, _, name = path.rpartition(b"/")
        if self.excludes(name) or (folders and any(map(self.excludes, folders.split(b"/")))):
            return False
        if self._exclude_paths is not None and self._exclude_paths.match(_text(path)):
            return False
        if self._include is not None and self._include.match(_text(name)):
            return True
        return self._include_paths is not None and bool(self._include_paths.match(_text(path)))
