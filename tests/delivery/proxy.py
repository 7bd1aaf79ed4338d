"""A proxy that stands between an adapter and a real server and makes trouble when told to.

with Proxy(port) as proxy:
    proxy.at(2, cut(1000))  # the second request from now on loses its connection
    ...  # deliver to proxy.url
    assert proxy.requests[0].method == "MKCOL"
"""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.receiver import CERTIFICATE, KEY

BLOCK = 64 * 1024
PATIENCE = 60.0


@dataclass(slots=True)
class Passed:
    """One request as it came by; `sent` bytes of its body were passed on."""

    method: str
    target: str
    headers: Mapping[str, str]
    length: int
    sent: int = 0
    status: int | None = None
    answer: bytes = b""


class HungUpError(Exception):
    """One of the two sides is gone, or is to be."""


class Passing:
    """One request on its way, as a fault sees it."""

    def __init__(self, client: _Side, server: _Side, request: Passed, head: bytes) -> None:
        self.request = request
        self._client = client
        self._server = server
        self._head = head

    def forward(self, at_most: int | None = None, rate: int | None = None) -> bool:
        """Pass the head and the body, or `at_most` bytes of it, to the server; at `rate` a second.

        False when the server answered before the end.
        """
        if self._head:
            self._server.send(self._head)
            self._head = b""
        end = self.request.length if at_most is None else min(at_most, self.request.length)
        while self.request.sent < end:
            if self._server.has_spoken():
                return False
            data = self._client.receive(min(BLOCK, end - self.request.sent))
            self._server.send(data)
            self.request.sent += len(data)
            if rate:
                time.sleep(len(data) / rate)
        return True

    def fetch(self) -> http.client.HTTPResponse:
        """Read the server's whole answer."""
        response = http.client.HTTPResponse(self._server.socket, method=self.request.method)
        try:
            response.begin()
            self.request.answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise HungUpError from error
        self.request.status = response.status
        return response

    def reply(self, response: http.client.HTTPResponse) -> None:
        """Pass an answer on."""
        lines = [f"HTTP/1.1 {response.status} {response.reason}"]
        framing = {"transfer-encoding", "connection"}
        lines += [f"{n}: {v}" for n, v in response.getheaders() if n.lower() not in framing]
        if response.getheader("Content-Length") is None and self.request.method != "HEAD":
            lines.append(f"Content-Length: {len(self.request.answer)}")
        if response.will_close:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self._client.send(head + self.request.answer)
        if response.will_close:
            self.end()

    def say(self, data: bytes) -> None:
        """Send bytes of our own to the client."""
        self._client.send(data)

    def end(self) -> None:
        """Close both connections in good order."""
        self._client.finish()
        raise HungUpError

    def reset(self) -> None:
        """Break the client's connection off; the server still gets what was sent, then the end.

        The client hears of it once the server is done, or its next attempt would race with this
        one at a busy server.
        """
        self._server.half_close()
        self._server.await_word()
        self._client.break_off()
        raise HungUpError

    def hold(self) -> None:
        """Do nothing more until the client hangs up."""
        hangup = select.poll()
        hangup.register(self._client.socket, select.POLLRDHUP)
        hangup.poll(PATIENCE * 1000)
        raise HungUpError


Fault = Callable[[Passing], None]


def passed_on(passing: Passing) -> None:
    """No fault: the request goes to the server, the answer to the client."""
    complete = passing.forward()
    passing.reply(passing.fetch())
    if not complete:
        passing.end()


def cut(after: int) -> Fault:
    """Break the connection off once the server has so many bytes of the body."""

    def fault(passing: Passing) -> None:
        passing.forward(after)
        passing.reset()

    return fault


def swallow(passing: Passing) -> None:
    """Let the server do it all, and the client hear nothing of it."""
    passing.forward()
    passing.fetch()
    passing.end()


def silence(passing: Passing) -> None:
    """Let the server do it all, and the client wait."""
    passing.forward()
    passing.fetch()
    passing.hold()


def slow(rate: int) -> Fault:
    """Pass the body on at so many bytes a second."""

    def fault(passing: Passing) -> None:
        passing.forward(rate=rate)
        passing.reply(passing.fetch())

    return fault


def answer(status: int, then: str = "close", **headers: str) -> Fault:
    """Answer in the server's place before the body is read, then `close`, `reset` or `hold`.

    `Retry_After="7"` sets that header. The server never hears of the request.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def fault(passing: Passing) -> None:
        lines = [f"HTTP/1.1 {status} Because", "Content-Length: 0", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in named.items()]
        passing.say("\r\n".join([*lines, "", ""]).encode("latin-1"))
        passing.request.status = status
        {"close": passing.end, "reset": passing.reset, "hold": passing.hold}[then]()

    return fault


class Proxy:
    """Listens on 127.0.0.1 in front of the server at `port` there; a context manager.

    Args: `tls` speaks it on both sides, to the client as `localhost`, and trusts the server.
    """

    def __init__(self, port: int, *, tls: bool = False) -> None:
        self.requests: list[Passed] = []
        self.always: Fault = passed_on
        self._target = port
        self._tls = tls
        self._faults: dict[int, Fault] = {}
        self._at_first: tuple[Callable[[Passed], bool], Fault] | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)

    @property
    def url(self) -> str:
        """Its address, ending in a slash."""
        return f"https://localhost:{self.port}/" if self._tls else f"http://127.0.0.1:{self.port}/"

    def at(self, number: int, fault: Fault) -> None:
        """Make the `number`th request from now on, counted from 1, meet a fault."""
        with self._lock:
            self._faults[len(self.requests) + number] = fault

    def at_body(self, size: int, fault: Fault) -> None:
        """Make the next request with a body of at least so many bytes meet a fault."""
        with self._lock:
            self._at_first = (lambda request: request.length >= size), fault

    def at_method(self, method: str, fault: Fault) -> None:
        """Make the next request with this method meet a fault."""
        with self._lock:
            self._at_first = (lambda request: request.method == method), fault

    def forget(self) -> None:
        """Begin anew: no requests came by, no faults wait."""
        with self._lock:
            self.requests.clear()
            self._faults.clear()
            self._at_first = None
            self.always = passed_on

    def took(self, request: Passed) -> Fault:
        """Note a request and say what becomes of it."""
        with self._lock:
            self.requests.append(request)
            if self._at_first is not None and self._at_first[0](request):
                (_, fault), self._at_first = self._at_first, None
                return fault
            return self._faults.pop(len(self.requests), self.always)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and end all connections; may be called twice."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connected in self._open:
                with contextlib.suppress(OSError):
                    connected.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._serve, args=(accepted,), name="proxying", daemon=True
            ).start()

    def _serve(self, accepted: socket.socket) -> None:
        with self._lock:
            self._open.add(accepted)
        client = server = None
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = _Side(self._as_server(accepted))
            server = _Side(self._to_server())
            while True:
                self._pass(client, server)
        except (OSError, HungUpError):
            pass
        finally:
            with self._lock:
                self._open.discard(accepted)
            for side in (client, server):
                if side is not None:
                    side.socket.close()
            accepted.close()

    def _pass(self, client: _Side, server: _Side) -> None:
        head = client.head()
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = [line.partition(":") for line in lines if line]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        request = Passed(method, target, headers, int(headers.get("content-length", "0")))
        self.took(request)(Passing(client, server, request, head))

    def _as_server(self, accepted: socket.socket) -> socket.socket:
        if not self._tls:
            return accepted
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, KEY)
        return context.wrap_socket(accepted, server_side=True)

    def _to_server(self) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", self._target), PATIENCE)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._tls:
            return connected
        context = ssl.create_default_context(cafile=str(CERTIFICATE))
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # whose servers speak only when asked
        return context.wrap_socket(connected, server_hostname="localhost")


class _Side:
    """One of the two connections of a request."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._pending = b""
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)

    def head(self) -> bytes:
        """Everything up to and with the empty line that ends a request's head."""
        while b"\r\n\r\n" not in self._pending:
            self._pending += self._more(BLOCK)
        head, end, self._pending = self._pending.partition(b"\r\n\r\n")
        return head + end

    def receive(self, size: int) -> bytes:
        """Up to `size` bytes, at least one."""
        if self._pending:
            data, self._pending = self._pending[:size], self._pending[size:]
            return data
        return self._more(size)

    def has_spoken(self) -> bool:
        """Whether something arrived, an end too."""
        return bool(self._poll.poll(0))

    def send(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise HungUpError from error

    def await_word(self) -> None:
        """Wait until something arrives, an end too, but no longer than any client would."""
        self._poll.poll(1000)

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def finish(self) -> None:
        """End the connection so that what was sent still arrives."""
        self.half_close()
        with contextlib.suppress(OSError):
            self.socket.settimeout(5)
            while self.socket.recv(BLOCK):
                pass

    def break_off(self) -> None:
        """Have the connection end with a RST once it is closed."""
        now = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)

    def _more(self, size: int) -> bytes:
        data = self.socket.recv(size)
        if not data:
            raise HungUpError
        return data
