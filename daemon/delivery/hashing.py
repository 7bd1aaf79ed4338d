"""Hashes of a file that a server goes by and that nobody has taken yet."""

from __future__ import annotations

import hashlib
import os
import threading

from daemon.delivery.transport.body import file_changed
from daemon.errors import StoppedError
from daemon.files import environment_fault
from daemon.limits import MIB


def hash_of(
    descriptor: int, size: int, algorithm: str, stop: threading.Event, *, offset: int = 0
) -> bytes:
    """The hash of `size` bytes of an open file, from `offset` on.

    Raises StoppedError soon after `stop` is set, DeliveryError `file_changed` where the file is
    shorter, EnvironmentFaultError where our disk cannot be read.
    """
    found = hashlib.new(algorithm, usedforsecurity=False)
    end = offset + size
    while offset < end:
        if stop.is_set():
            raise StoppedError
        try:
            data = os.pread(descriptor, min(MIB, end - offset), offset)
        except OSError as error:
            raise environment_fault(error, "reading the file to deliver it") from error
        if not data:
            raise file_changed()
        found.update(data)
        offset += len(data)
    return found.digest()
