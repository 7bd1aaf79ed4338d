"""Reading a sidecar back, trusting nothing about it."""

from __future__ import annotations

import errno
import json
import os
from typing import Any

from daemon.errors import InboxdError
from daemon.files import display, open_regular

_FAMILY = "inboxd/sidecar/"
_NO_FILE = frozenset({errno.EINVAL, errno.ELOOP, errno.ENXIO})
"""What `open_regular` says of a folder or a pipe, a link, and a socket."""


class DamagedSidecarError(InboxdError):
    """A file that should be a sidecar is not a complete one."""


def read(path: bytes) -> dict[str, Any]:
    """The content of a sidecar, of this version of its schema or another.

    Raises FileNotFoundError where there is none, DamagedSidecarError where it is not a regular
    file, not complete JSON or not a sidecar; other OSErrors as they come.
    """
    try:
        descriptor = open_regular(path)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _damaged(path, "is a folder, a link or the like, and no file") from None
        raise
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read()
    try:
        facts = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"is not complete JSON: {error}") from None
    if not isinstance(facts, dict) or not str(facts.get("schema")).startswith(_FAMILY):
        raise _damaged(path, "is JSON, but no sidecar")
    return facts


def _damaged(path: bytes, what: str) -> DamagedSidecarError:
    return DamagedSidecarError("sidecar_damaged", f"{display(path)} {what}")
