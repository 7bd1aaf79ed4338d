"""One request and its answer on one connection."""

from __future__ import annotations

import ssl
import threading
import time
from typing import Final

import requests
from requests.exceptions import InvalidHeader

from daemon import turns
from daemon.crashpoints import crashpoint
from daemon.delivery.transport.answer import (
    Answer,
    AnswerError,
    AnswerStream,
    early_status,
    read_answer,
    short_answer,
)
from daemon.delivery.transport.body import WHOLE, FileBody, file_changed
from daemon.delivery.transport.channel import Channel, Piece
from daemon.delivery.transport.connecting import Address, Patience
from daemon.delivery.transport.faults import transfer_fault
from daemon.delivery.transport.flow import Flow, Times
from daemon.delivery.transport.headers import Headers
from daemon.errors import DeliveryError
from daemon.limits import Limits

_SAFE_TO_REPEAT: Final = frozenset({"PUT", "HEAD", "OPTIONS", "GET", "DELETE", "PROPFIND", "MKCOL"})


class StaleError(Exception):
    """A kept connection was closed by the server before it saw the request."""


class Exchange:
    """One request and its answer, on whichever connection it is given.

    Args: `times` bound it, as Flow says. `round_trip` is in seconds
    from the last byte sent to the first of the answer, None where that came before.
    Raises InvalidHeader on construction where a header has a line break in it.
    """

    def __init__(
        self,
        request: requests.PreparedRequest,
        address: Address,
        times: Times,
        limits: Limits,
        *,
        stop: threading.Event | None = None,
    ) -> None:
        body: object = request.body
        if stop is None and isinstance(body, FileBody):
            stop = body.stop
        self.connect_patience = Patience(times.connect, stop)
        self.repeated = False
        self._times = times
        self._stop = stop
        self._method = request.method or "GET"
        self._body = body if isinstance(body, FileBody | bytes) else b""
        self._origin = address.origin
        self._head = _head(request, address)
        self._limits = limits
        self.round_trip: float | None = None
        self._may_repeat = self._method in _SAFE_TO_REPEAT or "Idempotency-Key" in request.headers
        if isinstance(body, FileBody) and (body.once or len(body) > WHOLE):
            # The server may have begun to write it; two of the same name at once spoil each other.
            self._may_repeat = False

    def run(self, channel: Channel) -> Answer:
        """Send and read; raises StaleError at most once, where the request is to be repeated."""
        failure: OSError | None = None
        complete = False
        channel.begin()
        size = len(self._head) + len(self._body)
        flow = Flow(self._times, size, time.monotonic(), self._stop)
        try:
            complete = self._send(channel, flow)
        except TimeoutError as error:
            raise transfer_fault(error, str(self._origin)) from error
        except EOFError as error:
            raise file_changed() from error
        except OSError as error:
            failure = error  # the server may have answered before it broke off
        crashpoint("deliver.sent")
        answer = self._read(channel, flow, complete, failure)
        if (
            isinstance(self._body, FileBody)
            and len(self._body) > WHOLE
            and 200 <= answer.status < 300
        ):
            self._body.confirm()  # what the kernel sent was the file's until the last byte left
        return answer

    def _send(self, channel: Channel, flow: Flow) -> bool:
        """Send the request; False when a final answer, or the end, came before all was sent."""
        body = self._body
        if not isinstance(body, FileBody):
            return self._push(channel, flow, self._head + body)
        if len(body) <= WHOLE:
            whole = body.whole()
            flow.hold(body.throttled)
            if not self._push(channel, flow, self._head + whole):
                return False
            body.sent()
            return True
        if not self._push(channel, flow, self._head):
            return False
        held = 0.0
        with turns.waiting():  # copying blocks needs no turn, it runs beside Python
            for block in body.pieces() if channel.sends_pieces else body:
                if body.throttled > held:
                    flow.hold(body.throttled - held)
                    held = body.throttled
                if not self._push(channel, flow, block):
                    return False
                if channel.heard() and self._is_over(channel):
                    return False
        return True

    def _push(self, channel: Channel, flow: Flow, data: bytes | memoryview | Piece) -> bool:
        sent = channel.send(data, flow)
        while not sent:
            if self._is_over(channel):
                return False
            sent = channel.resume(flow)
        return True

    def _is_over(self, channel: Channel) -> bool:
        """Whether what was heard while sending ends it; after an early 2xx the sending goes on."""
        status = early_status(channel.received)
        if status is None:
            return channel.ended or len(channel.received) > self._limits.answer_head
        return channel.ended or not 200 <= status < 300

    def _read(
        self, channel: Channel, flow: Flow, complete: bool, failure: OSError | None
    ) -> Answer:
        asked = time.monotonic()
        flow.asked(asked)
        measured = complete and not channel.received
        first = b""
        try:
            first = channel.receive(flow)
            if measured:
                # Not now: this thread may have had to wait for its turn to compute.
                heard = flow.left_at if flow.left_at > asked else time.monotonic()
                self.round_trip = heard - asked
            answer = short_answer(first, self._method, self._limits) or self._read_on(
                channel, flow, first
            )
        except (OSError, AnswerError) as error:
            if not first:
                self._say_stale(channel, error)
                if not (complete or isinstance(error, ssl.SSLError)):
                    broken = failure or ConnectionResetError()
                    raise transfer_fault(broken, str(self._origin)) from error
            raise transfer_fault(error, str(self._origin)) from error
        if complete:
            return answer
        if 200 <= answer.status < 300:
            raise DeliveryError(
                "answered_early", f"{self._origin} ended the exchange before it had the whole file"
            )
        return Answer(answer.status, answer.reason, answer.headers, answer.body, reusable=False)

    def _read_on(self, channel: Channel, flow: Flow, first: bytes) -> Answer:
        """Read an answer that is longer than its first bytes, or not as plain."""

        def receive() -> bytes:
            channel.acknowledge()
            return channel.receive(flow)

        stream = AnswerStream(receive if first else bytes, self._limits, first)
        return read_answer(stream, self._method, self._limits)

    def _say_stale(self, channel: Channel, error: Exception) -> None:
        broke = not isinstance(error, TimeoutError)
        if broke and channel.used and self._may_repeat and not self.repeated:
            self.repeated = True
            raise StaleError from error


def _head(request: requests.PreparedRequest, address: Address) -> bytes:
    """The request line and the headers; raises InvalidHeader where a value would break out."""
    headers = request.headers
    pairs = headers.pairs() if isinstance(headers, Headers) else list(headers.items())
    lines = [f"{request.method} {address.target} HTTP/1.1", f"Host: {address.host}"]
    lines += [f"{name}: {value}" for name, value in pairs]
    lines.append("\r\n")
    head = "\r\n".join(lines)
    if head.count("\r") != len(lines) or head.count("\n") != len(lines):
        broken = (name for name, value in pairs if "\r" in value or "\n" in value)
        raise InvalidHeader(f"the header {next(broken, 'Host')} has a line break in it")
    return head.encode("latin-1", "replace")
