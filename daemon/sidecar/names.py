"""What an original and its sidecar are called where they end; nothing here looks at a disk."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator

from daemon.files import display

SUFFIX = b".json"
_LONGEST = 255  # NAME_MAX of Linux
_TAIL = 12
_NOT_PLAIN = re.compile(rb'[\x00-\x1f<>:"|?*\\]|[. ]+$')
_DEVICES = re.compile(rb"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""What Windows takes for a device, whatever its ending."""


def sidecar_name(name: bytes, job: str) -> bytes:
    """The sidecar's name for an original's: `<name>.json`.

    A name that is not UTF-8 is escaped, one that is too long is cut; both then carry the last
    twelve digits of the job's id, so that two of them cannot meet.
    """
    if len(name) + len(SUFFIX) <= _LONGEST and _is_text(name):
        return name + SUFFIX
    tail = b"~" + _digits(job)[-_TAIL:] + SUFFIX
    return _cut(display(name).encode(), _LONGEST - len(tail)) + tail


def target_name(name: bytes, job: str, taken: Callable[[bytes], bool]) -> bytes:
    """The name under which an original is filed: its own, or one with the job's tail.

    `taken` tells whether a name exists in the folder; a name is free when it and its sidecar's
    are. The tail goes before the extension: `scan~1a2b3c4d5e6f.pdf`.
    """
    for candidate in _candidates(name, job):
        if not taken(candidate) and not taken(sidecar_name(candidate, job)):
            return candidate
    raise AssertionError("the candidates never end")


def plain_name(name: bytes) -> bytes:
    """The name for disks that take no colon and the like, as FAT, exFAT and NTFS: `10_30.pdf`."""
    plain = _NOT_PLAIN.sub(b"_", display(name).encode())
    if _DEVICES.match(plain):
        plain = b"_" + plain
    return _cut(plain, _LONGEST)


def numbered(name: bytes, number: int) -> bytes:
    """A folder's name with a number, for one whose name a file has: `2024~2`."""
    tail = b"~%d" % number
    return _cut(name, _LONGEST - len(tail)) + tail


def _candidates(name: bytes, job: str) -> Iterator[bytes]:
    yield name
    digits = _digits(job)
    yield _with_tail(name, digits[-_TAIL:])
    yield _with_tail(name, digits)
    for count in itertools.count(2):
        yield _with_tail(name, digits + b"-%d" % count)


def _with_tail(name: bytes, tail: bytes) -> bytes:
    stem, extension = os.path.splitext(name)
    if len(extension) > 32:
        stem, extension = name, b""
    room = _LONGEST - len(b"~" + tail + extension + SUFFIX)
    return _cut(stem, room) + b"~" + tail + extension


def _digits(job: str) -> bytes:
    return job.replace("-", "").encode()


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _cut(name: bytes, length: int) -> bytes:
    """The beginning of a name, without half a character at its end."""
    if len(name) <= length:
        return name
    cut = name[:length]
    return cut.decode(errors="ignore").encode() if _is_text(name) else cut
