"""Scanning by clamd over its socket, with INSTREAM (clamd(8)): files need not be readable by it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from daemon.errors import InboxdError, StoppedError
from daemon.files import environment_fault, is_environment
from daemon.validation.scanning import Block, ScannerTroubleError, Trouble

PORT = 3310
"""Where clamd listens when its address names no port."""

_LENGTH = struct.Struct("!I")
_CONNECT = 5.0
"""Seconds to get a connection, and for the answer to a mere question."""
_STOP_LOOK = 0.2
"""Seconds between two looks at the stop event."""
_LONGEST = 4096
_LONGEST_NAME = 200


class ClamdScanner:
    """A clamd behind a socket, `/run/clamav/clamd.ctl` or `host:port`.

    `timeout` in seconds bounds one file, from its first block to the answer.
    """

    def __init__(self, address: str, timeout: float) -> None:
        self._address = address
        self._timeout = timeout

    @property
    def name(self) -> str:
        """What and where it is."""
        return f"clamd at {self._address}"

    def scan(self, stop: threading.Event) -> ClamdScan:
        """Begin with one file; the connection is made when its first block is there."""
        return ClamdScan(self, self._timeout, stop)

    def version(self) -> str:
        """What clamd says of itself and its signatures; raises ScannerTroubleError."""
        if self._ask(b"zPING\0") != "PONG":
            raise ScannerTroubleError(Trouble.DOWN, f"{self.name} does not answer as clamd does")
        return self._ask(b"zVERSION\0")

    def connect(self) -> socket.socket:
        """A new connection; raises ScannerTroubleError, or EnvironmentFaultError of our own."""
        try:
            if not self._address.startswith("/"):
                host, _, port = self._address.rpartition(":")
                place = (host.strip("[]"), int(port))
                return socket.create_connection(place, _CONNECT)
            connection = socket.socket(socket.AF_UNIX)
        except OSError as error:
            if is_environment(error):
                raise environment_fault(error, f"connecting to {self.name}") from error
            raise self._down(error) from error
        try:
            connection.settimeout(_CONNECT)
            connection.connect(self._address)
        except OSError as error:
            connection.close()
            raise self._down(error) from error
        return connection

    def slow_or_down(self) -> ScannerTroubleError:
        """What it means that a file got no answer: for clamd at large, or for this file alone."""
        try:
            self._ask(b"zPING\0")
        except ScannerTroubleError as error:
            return error
        seconds = f"{self._timeout:g}"
        message = f"{self.name} had no answer within {seconds} s; raise virus_scan: timeout"
        return ScannerTroubleError(Trouble.SLOW, message)

    def _ask(self, question: bytes) -> str:
        with self.connect() as connection:
            try:
                connection.sendall(question)
                return _answer(connection, _give_up)
            except OSError as error:
                raise self._down(error) from error

    def _down(self, error: OSError) -> ScannerTroubleError:
        said = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        advice = "start it, or mend `virus_scan: clamd`"
        if isinstance(error, PermissionError):
            advice = "let the daemon's user use its socket (LocalSocketMode in clamd.conf)"
        return ScannerTroubleError(Trouble.DOWN, f"{self.name} is not there: {said}; {advice}")


class ClamdScan:
    """One INSTREAM session: chunks with their length before them, then one of no length."""

    def __init__(self, scanner: ClamdScanner, timeout: float, stop: threading.Event) -> None:
        self._scanner = scanner
        self._until = time.monotonic() + timeout
        self._stop = stop
        self._connection: socket.socket | None = None
        self._trouble: InboxdError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def feed(self, block: Block) -> None:
        """Send the next block; after trouble nothing is sent any more."""
        if self._trouble is None and len(block):
            self._send([_LENGTH.pack(len(block)), block])

    def signature(self) -> str | None:
        """What clamd found; raises as the seam says."""
        self._send([_LENGTH.pack(0)])
        if self._trouble is not None:
            raise self._trouble
        assert self._connection is not None
        try:
            return self._judged(_answer(self._connection, self._look))
        except OSError as error:
            raise self._meaning(error) from error

    def _send(self, parts: Sequence[Block]) -> None:
        """Send, and keep what goes wrong for whoever asks for the answer."""
        if self._trouble is not None:
            return
        try:
            if self._connection is None:
                self._connection = self._scanner.connect()
                self._connection.settimeout(_STOP_LOOK)
                parts = [b"zINSTREAM\0", *parts]
            self._send_all(self._connection, parts)
        except OSError as error:
            self._trouble = self._meaning(error)
        except InboxdError as error:
            self._trouble = error

    def _send_all(self, connection: socket.socket, parts: Sequence[Block]) -> None:
        left = [memoryview(part) for part in parts]
        while left:
            self._look()
            try:
                sent = connection.sendmsg(left)
            except TimeoutError:
                continue
            while left and sent >= len(left[0]):
                sent -= len(left.pop(0))
            if sent:
                left[0] = left[0][sent:]

    def _look(self) -> None:
        """Raises StoppedError when told to stop, TimeoutError when the time is up."""
        if self._stop.is_set():
            raise StoppedError
        if time.monotonic() > self._until:
            raise TimeoutError

    def _meaning(self, error: OSError) -> InboxdError:
        """What it means that the connection failed, by what clamd said before it closed it."""
        try:
            if isinstance(error, TimeoutError):
                return self._scanner.slow_or_down()
            said = ""
            if self._connection is not None:
                with contextlib.suppress(OSError):
                    said = _answer(self._connection, self._look)
            return self._trouble_in(said)
        except InboxdError as worse:
            return worse

    def _judged(self, said: str) -> str | None:
        """The signature in an answer; raises ScannerTroubleError where there is no verdict."""
        if said == "stream: OK":
            return None
        if said.endswith(" FOUND"):
            return said.removeprefix("stream: ").removesuffix(" FOUND")[:_LONGEST_NAME]
        raise self._trouble_in(said)

    def _trouble_in(self, said: str) -> ScannerTroubleError:
        name = self._scanner.name
        if not said:
            return ScannerTroubleError(Trouble.DOWN, f"{name} hung up; look at its log")
        if "size limit exceeded" in said:
            message = f"{name} takes no file of this size; raise StreamMaxLength in clamd.conf"
            return ScannerTroubleError(Trouble.SIZE, message)
        return ScannerTroubleError(Trouble.FAILED, f"{name} says: {said[:_LONGEST_NAME]}")


def _answer(connection: socket.socket, look: Callable[[], None]) -> str:
    """What clamd says up to the zero byte or its end; `look` is called at each pause.

    Raises OSError.
    """
    said = b""
    while b"\0" not in said and len(said) < _LONGEST:
        try:
            block = connection.recv(_LONGEST)
        except TimeoutError:
            look()
            continue
        if not block:
            break
        said += block
    return said.partition(b"\0")[0].decode("ascii", "backslashreplace").strip()


def _give_up() -> None:
    raise TimeoutError
