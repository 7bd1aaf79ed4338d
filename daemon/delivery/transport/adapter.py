"""A transport adapter for requests: kept connections, one write for small files, early answers."""

from __future__ import annotations

import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar

from daemon.delivery.transport.answer import Answer
from daemon.delivery.transport.body import FileBody
from daemon.delivery.transport.channel import Channel
from daemon.delivery.transport.connecting import Origin, address_of, connect
from daemon.delivery.transport.exchange import Exchange, StaleError
from daemon.delivery.transport.faults import connect_fault, transfer_fault
from daemon.delivery.transport.flow import OverdueError, Times
from daemon.delivery.transport.headers import Headers
from daemon.delivery.transport.stock import StockAdapter
from daemon.delivery.transport.trust import Trust
from daemon.limits import DEFAULT, Limits

_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_ALL_AUTHORITIES: Final = Trust()
_MISDIRECTED: Final = 421
"""Another connection may lead to a server that answers (RFC 9110 section 15.5.20)."""


class UploadSession(requests.Session):
    """A session that takes nothing from the environment, keeps no cookies, follows no redirect."""

    def __init__(self, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self._adapter = adapter
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Make the one exchange: a file goes where the configuration says or nowhere.

        What else requests would do here (cookies, hooks, history) is none of an upload's business
        and would cost a small file as much as its sending.
        """
        response = self._adapter.send(request, **kwargs)
        response.content  # noqa: B018  # takes the body in, which frees the connection
        return response


class UploadResponse(requests.Response):
    """An answer that is here as a whole, made without what it takes to read one on demand."""

    def __init__(
        self, request: requests.PreparedRequest, answer: Answer, content: bytes, elapsed: timedelta
    ) -> None:
        # To make a cookie jar and the rest for each answer costs as much as to send 4 KB.
        self.request = request
        self.url = request.url or ""
        self.status_code = answer.status
        self.reason = answer.reason
        self.headers = Headers.of_lower(answer.headers)
        self.elapsed = elapsed
        self.encoding = None
        self.history = []
        self.raw = None
        self._content = content
        self._content_consumed = True
        self._next = None

    @cached_property
    def cookies(self) -> RequestsCookieJar:  # type: ignore[override]  # an attribute there
        """None are kept."""
        return RequestsCookieJar()

    def close(self) -> None:
        """Nothing is open."""


class UploadAdapter(HTTPAdapter):
    """Sends a FileBody over connections of its own; leaves unusual requests to requests' adapter.

    Raises DeliveryError with a code for each way in which a connection fails, StoppedError soon
    after the `stop` of the body, or the one given with it, is set. Certificates are verified, and
    ours is shown, as `trust` says, whatever else is asked for.
    """

    def __init__(
        self, *, kept: int = 8, limits: Limits = DEFAULT, trust: Trust = _ALL_AUTHORITIES
    ) -> None:
        super().__init__(pool_connections=1, pool_maxsize=kept)
        self._stock = StockAdapter(pool_connections=1, pool_maxsize=kept)
        self._kept = kept
        self._limits = limits
        self._trust = trust
        self._context: ssl.SSLContext | None = None
        self._idle: dict[Origin, list[Channel]] = {}
        self._lock = threading.Lock()

    def send(  # noqa: PLR0917  # the signature is that of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> requests.Response:
        """Make one exchange; `timeout` is (connect, read) in seconds, `stop` ends the waiting."""
        if not isinstance(timeout, Times):
            verify, cert = self._trust.verify, self._trust.shown
            return super().send(request, stream, timeout, verify, cert, proxies)
        address = address_of(request.url or "")
        if proxies or _is_unusual(request.body):
            return self._send_as_requests_does(request, timeout, proxies, stop, address.origin)
        exchange = Exchange(request, address, timeout, self._limits, stop=stop)
        answer = self._exchange(exchange, address.origin)
        return _response(request, answer, exchange.round_trip, self._limits.answer_body)

    def _send_as_requests_does(
        self,
        request: requests.PreparedRequest,
        times: Times,
        proxies: Mapping[str, str] | None,
        stop: threading.Event | None,
        origin: Origin,
    ) -> requests.Response:
        try:
            answer = self._stock.exchange(
                request,
                times,
                trust=self._trust,
                proxies=proxies or {},
                stop=stop,
                limits=self._limits,
            )
        except OverdueError as error:
            raise transfer_fault(error, str(origin)) from error
        return _response(request, answer, None, self._limits.answer_body)

    def _exchange(self, exchange: Exchange, origin: Origin) -> Answer:
        while True:
            channel = self._take(exchange, origin)
            kept = False
            try:
                answer = exchange.run(channel)
                kept = answer.reusable and answer.status != _MISDIRECTED
            except StaleError:
                continue
            finally:
                if kept:
                    self._keep(channel, origin)
                else:
                    channel.close()
            return answer

    def _take(self, exchange: Exchange, origin: Origin) -> Channel:
        """The connection used last that is still good, or a new one."""
        idle = self._idle.get(origin)
        while idle and not exchange.repeated:
            try:
                channel = idle.pop()
            except IndexError:
                break
            fresh = time.monotonic() - channel.idle_since < self._limits.keep_idle
            if fresh and channel.idle():
                channel.used = True
                return channel
            channel.close()
        context = self._encryption() if origin.scheme == "https" else None
        try:
            return connect(origin, context, exchange.connect_patience)
        except OSError as error:
            raise connect_fault(error, str(origin)) from error

    def _keep(self, channel: Channel, origin: Origin) -> None:
        channel.idle_since = time.monotonic()
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            if len(idle) < self._kept:
                idle.append(channel)
                return
        channel.close()

    def _encryption(self) -> ssl.SSLContext:
        """The context of all our connections, made with the first."""
        with self._lock:
            if self._context is None:
                self._context = self._trust.context()
            return self._context

    def close(self) -> None:
        """Close all kept connections; may be called twice."""
        with self._lock:
            self._kept = 0
            for idle in self._idle.values():
                while idle:
                    idle.pop().close()
        self._stock.close()
        super().close()


def _is_unusual(body: object) -> bool:
    return not (body is None or isinstance(body, bytes | FileBody))


def round_trip_of(response: requests.Response) -> float | None:
    """Seconds from the last byte of a request to its answer, None where that was not measured."""
    return response.elapsed.total_seconds() or None


def _response(
    request: requests.PreparedRequest, answer: Answer, round_trip: float | None, longest: int
) -> requests.Response:
    content = _unpacked(answer, longest) if "content-encoding" in answer.headers else answer.body
    return UploadResponse(request, answer, content, timedelta(seconds=round_trip or 0.0))


def _unpacked(answer: Answer, longest: int) -> bytes:
    """The body of an answer; at most `longest` bytes of what a server packed though not asked to.

    What is damaged or packed in another way stays as it is.
    """
    if answer.headers.get("content-encoding", "").lower() not in _PACKED:
        return answer.body
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(answer.body, longest)
    except zlib.error:
        return answer.body
