"""requests' own adapter, which knows proxies, held to the bounds of ours.

By itself it takes the first 103 for the answer, keeps all of an endless one, waits for each trickle
as long as it comes, and hears of no stop.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from types import TracebackType
from typing import Any, Final, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from daemon import turns
from daemon.delivery.transport.answer import Answer
from daemon.delivery.transport.body import FileBody
from daemon.delivery.transport.channel import NOTICE
from daemon.delivery.transport.flow import OverdueError, Times
from daemon.delivery.transport.trust import Trust
from daemon.errors import StoppedError
from daemon.limits import Limits

_SWITCHING_PROTOCOLS: Final = 101


class StockAdapter(HTTPAdapter):
    """Makes exchanges as requests does, in which a Watch is kept on the connection."""

    def exchange(
        self,
        request: requests.PreparedRequest,
        times: Times,
        *,
        trust: Trust,
        proxies: Any,
        stop: threading.Event | None,
        limits: Limits,
    ) -> Answer:
        """Make one exchange; a body of the answer is cut at `limits.answer_body`.

        Raises StoppedError soon after `stop`, or that of the body, is set, OverdueError where the
        whole takes longer than `times` allow for its size or an answer's body longer than `read`,
        and requests' RequestException.
        """
        body: object = request.body
        if isinstance(body, FileBody):
            stop = stop or body.stop
            body.in_blocks_of(int(times.slowest * times.read))  # each has `read` seconds to go
        with turns.waiting(), _Watch(times, body, stop) as watch:
            try:
                response = self.send(
                    request,
                    stream=True,
                    timeout=(times.connect, times.read),
                    verify=trust.verify,
                    cert=trust.shown,
                    proxies=proxies,
                )
                watch.hurry(times.read)
                content = _content(response.raw, limits.answer_body)
            except requests.RequestException:
                watch.say_why()
                raise
            watch.say_why()
        return Answer(
            response.status_code,
            response.reason or "",
            {name.lower(): value for name, value in response.headers.items()},
            content,
            reusable=False,
        )

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """A manager of connections through a proxy, which makes such as can be watched."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _EncryptedPool}
        return manager


def _content(raw: Any, limit: int) -> bytes:
    """At most `limit` bytes of a body; frees the connection where that was all of it."""
    content = b""
    try:
        while len(content) < limit:
            data = raw.read(limit - len(content), decode_content=False)
            if not data:  # only now it is known whether something is missing
                break
            content += data
    except urllib3.exceptions.TimeoutError as error:
        raise requests.exceptions.ReadTimeout(error) from error
    except urllib3.exceptions.ProtocolError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise requests.exceptions.ConnectionError(error) from error
    finally:
        raw.close()
    return content


class _Watch:
    """Breaks off an exchange of this thread that is to stop, or takes too long; a context."""

    def __init__(self, times: Times, body: object, stop: threading.Event | None) -> None:
        size = len(body) if isinstance(body, FileBody | bytes) else 0
        longest = times.connect + times.transfer + size / times.slowest + times.read
        self._over_at = time.monotonic() + longest
        self._body = body if isinstance(body, FileBody) else None
        self._stop = stop
        self._connection: HTTPConnection | None = None
        self._connected: Any = None
        self._reason: StoppedError | OverdueError | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="watch", daemon=True)

    def __enter__(self) -> Self:
        _kept.watch = self
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _kept.watch = None
        self._done.set()
        self._thread.join()

    def regard(self, connection: HTTPConnection) -> None:
        """From now on it is this connection that is used; it forgets its socket before its end."""
        self._connection, self._connected = connection, connection.sock

    def hurry(self, seconds: float) -> None:
        """The rest is to be here so soon."""
        self._over_at = min(self._over_at, time.monotonic() + seconds)

    def say_why(self) -> None:
        """Raise what this broke the exchange off for, if it did."""
        if self._reason is not None:
            raise self._reason

    def _keep(self) -> None:
        while not self._done.wait(NOTICE):
            held = 0.0 if self._body is None else self._body.throttled
            if self._stop is not None and self._stop.is_set():
                self._reason = StoppedError()
            elif time.monotonic() >= self._over_at + held:
                self._reason = OverdueError("not done in time")
            else:
                continue
            self._break_off()

    def _break_off(self) -> None:
        """End the connection under who waits for it; TLS is not asked, which is not for threads."""
        connected = getattr(self._connection, "sock", None) or self._connected
        connected = getattr(connected, "socket", connected)  # TLS to a proxy, and through it
        if isinstance(connected, socket.socket):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connected, socket.SHUT_RDWR)


class _Kept(threading.local):
    """The watch over what this thread does."""

    watch: _Watch | None = None


_kept = _Kept()


def _regard(connection: HTTPConnection) -> None:
    if _kept.watch is not None:
        _kept.watch.regard(connection)


class _FinalAnswer(http.client.HTTPResponse):
    """An answer before which every interim one is skipped (RFC 9110 section 15.2), not 100 only."""

    def _read_status(self) -> tuple[str, int, str]:
        found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]  # private
        while _SWITCHING_PROTOCOLS < found[1] < 200:
            http.client.parse_headers(self.fp)
            found = super()._read_status()  # type: ignore[misc]  # private
        return found


class _Connection(HTTPConnection):
    """A connection that a watch can break off, whatever it is doing."""

    response_class = _FinalAnswer

    def connect(self) -> None:
        _regard(self)
        super().connect()

    def request(self, *args: Any, **options: Any) -> None:
        _regard(self)
        super().request(*args, **options)

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        _regard(self)
        return super().getresponse()


class _EncryptedConnection(_Connection, HTTPSConnection):
    """The same over TLS: each `super()` above comes to that of HTTPSConnection."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _EncryptedPool(HTTPSConnectionPool):
    ConnectionCls = _EncryptedConnection
