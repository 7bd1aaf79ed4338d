"""What a child may ask of its parent while it answers: what it is not let do itself."""

from __future__ import annotations

import socket
from collections.abc import Callable

from daemon.children.frames import JSON, LENGTH, encode, receive
from daemon.errors import InboxdError, Kind

Answerer = Callable[[JSON], JSON]
"""Answers the questions of a child in its parent; may raise InboxdError, which the child gets."""

QUESTION = "question"

_connections: list[socket.socket] = []
"""The parent of this process, where it is a child."""


def ask_over(connection: socket.socket) -> None:
    """Have the questions of this process go to the parent at the other end of a socket."""
    _connections[:] = [connection]


def ask(question: JSON) -> JSON:
    """What the parent says to a question, while it waits for this child's answer.

    Raises InboxdError as the parent did, and OSError when the parent is gone.
    """
    [connection] = _connections
    body = encode({QUESTION: question})
    connection.sendall(LENGTH.pack(len(body)))
    connection.sendall(body)
    frame = receive(connection)
    if frame is None:
        raise ConnectionResetError("the parent hung up")
    reply = frame[0]
    assert isinstance(reply, dict)
    failed = reply.get("failed")
    if isinstance(failed, dict):
        raise InboxdError(
            str(failed["code"]), str(failed["message"]), kind=Kind(str(failed["kind"]))
        )
    return reply.get("answer")


def reply_to(question: JSON, answerer: Answerer | None) -> JSON:
    """The frame that goes back to a child which asked; a fault is an answer too."""
    try:
        if answerer is None:
            raise InboxdError("internal_error", "this child has nobody to ask")
        return {"answer": answerer(question)}
    except InboxdError as error:
        if error.code == "stopped":
            raise
        return {"failed": {**error.fault.facts}}
