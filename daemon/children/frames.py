"""How parent and child talk: JSON with its length before it, and a descriptor beside the length.

The descriptor travels as SCM_RIGHTS (unix(7)) with the four bytes of the length.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

LENGTH = struct.Struct("!I")
CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


def encode(value: JSON) -> bytes:
    """A value as the bytes of a frame's body; raises TypeError or ValueError if it is not JSON."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def decode(body: bytes | bytearray) -> JSON:
    """The value in a frame's body; raises ValueError if it is not JSON."""
    value: JSON = json.loads(body)
    return value


def receive(connection: socket.socket) -> tuple[JSON, int | None] | None:
    """The next frame on a blocking socket and the descriptor that came with it.

    None when the other side has hung up.
    """
    head, descriptors, _flags, _address = socket.recv_fds(connection, LENGTH.size, 1, CLOSE_ON_EXEC)
    descriptor = descriptors[0] if descriptors else None
    body = _receive_exactly(connection, LENGTH.size - len(head)) if head else None
    if body is None:
        _close(descriptor)
        return None
    (length,) = LENGTH.unpack(head + body)
    body = _receive_exactly(connection, length)
    if body is None:
        _close(descriptor)
        return None
    return decode(body), descriptor


def _receive_exactly(connection: socket.socket, count: int) -> bytearray | None:
    """So many bytes, or None when the other side hung up before the last of them."""
    body = bytearray(count)
    view = memoryview(body)
    while view:
        received = connection.recv_into(view)
        if not received:
            return None
        view = view[received:]
    return body


def _close(descriptor: int | None) -> None:
    """Close what came with a frame that is of no use."""
    if descriptor is not None:
        os.close(descriptor)
