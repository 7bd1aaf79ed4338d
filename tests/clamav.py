"""A clamd for tests: the real one with signatures of our own, and one that does as it is told."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.waiting import wait_until

# Put together here, so that no scanner takes this file for what it describes.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-" + rb"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""The harmless file that every scanner finds by agreement (eicar.org, 2003)."""
MARKED = b"inboxd-marker-" + b"of-a-virus"
"""What one of our signatures finds anywhere in a file."""
WANTED = b"a file whose " + b"hash is wanted"
"""A file that one of our signatures finds by its hash."""


class RealClamd:
    """Debian's clamd in the foreground with three signatures of our own; a context manager.

    The socket lies in `folder`, as `socket`; `largest` is its StreamMaxLength in bytes.
    """

    def __init__(self, folder: Path, *, largest: int = 50_000_000) -> None:
        self.socket = folder / "clamd.ctl"
        self._folder = folder
        self._largest = largest
        self._process: subprocess.Popen[bytes] | None = None
        database = folder / "signatures"
        database.mkdir(exist_ok=True)
        (database / "own.hdb").write_text(
            f"{hashlib.md5(EICAR, usedforsecurity=False).hexdigest()}:{len(EICAR)}:Eicar-Test\n"
        )
        (database / "own.hsb").write_text(
            f"{hashlib.sha256(WANTED).hexdigest()}:{len(WANTED)}:Own-Hash\n"
        )
        (database / "own.ndb").write_text(f"Own-Marker:0:*:{MARKED.hex()}\n")

    def start(self) -> None:
        """Start it and wait until it listens."""
        configuration = self._folder / "clamd.conf"
        configuration.write_text(
            "Foreground yes\n"
            f"DatabaseDirectory {self._folder}/signatures\n"
            f"LocalSocket {self.socket}\n"
            f"TemporaryDirectory {self._folder}\n"
            f"StreamMaxLength {self._largest}\n"
            f"LogFile {self._folder}/clamd.log\n"
        )
        self._process = subprocess.Popen(
            ["/usr/sbin/clamd", f"--config-file={configuration}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, "clamd to listen")

    def stop(self) -> None:
        """End it, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.socket.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
            asking.connect(os.fspath(self.socket))
            asking.sendall(b"zPING\0")
            return asking.recv(16) == b"PONG\0"
        return False


Behaviour = Callable[[socket.socket], None]


class ScriptedClamd:
    """A thread that speaks clamd's words; `stream` says how it treats a file.

    It listens on the socket `path`, or on a free port of loopback. It answers PING and VERSION
    unless `deaf`; `seen` has what every file consisted of.
    """

    def __init__(
        self, stream: Behaviour | None = None, *, deaf: bool = False, path: Path | None = None
    ) -> None:
        self.seen: list[bytes] = []
        self.stream = stream or self._find
        self.deaf = deaf
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        else:
            self._listener = socket.create_server(os.fspath(path), family=socket.AF_UNIX)
            self.address = os.fspath(path)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="scripted clamd", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            word = b""
            while not word.endswith(b"\0"):
                word += _exactly(connection, 1)
            if word == b"zINSTREAM\0":
                self.stream(connection)
            elif self.deaf:
                self._closing.wait(60)
            else:
                connection.sendall(b"PONG\0" if word == b"zPING\0" else b"ClamAV 9.9.9/1/Today\0")

    def _find(self, connection: socket.socket) -> None:
        content = received(connection)
        self.seen.append(content)
        found = b"Own-Marker FOUND" if MARKED in content else b"OK"
        connection.sendall(b"stream: " + found + b"\0")

    def hold(self, connection: socket.socket) -> None:
        """Take a file and say nothing."""
        received(connection)
        self._closing.wait(60)


def received(connection: socket.socket) -> bytes:
    """All chunks of a stream up to the one of no length."""
    content = b""
    while length := struct.unpack("!I", _exactly(connection, 4))[0]:
        content += _exactly(connection, length)
    return content


def saying(answer: bytes) -> Behaviour:
    """Take a file and answer with a word of one's own."""

    def behave(connection: socket.socket) -> None:
        received(connection)
        connection.sendall(answer)

    return behave


def refusing_size(connection: socket.socket) -> None:
    """Say at the first chunk that it is too much, and hang up, as clamd does."""
    _exactly(connection, 8)
    connection.sendall(b"INSTREAM size limit exceeded. ERROR\0")


def hanging_up(connection: socket.socket) -> None:
    """Close the connection in the middle of a file."""
    _exactly(connection, 8)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        block = connection.recv(count - len(data))
        if not block:
            raise ConnectionResetError
        data += block
    return data
