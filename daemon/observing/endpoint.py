"""/metrics, /healthz and /readyz on a loopback port."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from daemon.errors import EnvironmentFaultError, InboxdError
from daemon.observing.health import Health

_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format."""


class Endpoint:
    """A small HTTP server in a thread; `address` is where it listens."""

    def __init__(
        self, listen: str, metrics: Callable[[], bytes], health: Callable[[], Health]
    ) -> None:
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        server = _ServerOfIPv6 if ":" in host else _Server
        try:
            self._server = server((host, int(port)), _handler(metrics, health))
        except OSError as error:
            raise EnvironmentFaultError(
                "metrics_address",
                f"metrics.listen: {listen} cannot be used: {error.strerror}; choose another port",
            ) from error
        self._server.daemon_threads = True
        bound = f"[{self._host}]" if ":" in self._host else self._host
        self.address = f"{bound}:{self._server.server_port}"
        self._open = True
        self._thread = threading.Thread(target=self._serve, name="metrics", daemon=True)
        self._thread.start()

    @property
    def _host(self) -> str:
        return str(self._server.server_address[0])

    def _serve(self) -> None:
        # serve_forever() wakes up to look whether it should stop; this sleeps until a request.
        while self._open:
            self._server.handle_request()

    def close(self) -> None:
        """Stop listening."""
        self._open = False
        with contextlib.suppress(OSError):
            socket.create_connection((self._host, self._server.server_port), timeout=1).close()
        self._thread.join(1)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell what is wrong with us; a client that hung up is no event of the daemon."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _ServerOfIPv6(_Server):
    address_family = socket.AF_INET6


def _handler(
    metrics: Callable[[], bytes], health: Callable[[], Health]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._tell_metrics()
            elif path in ("/healthz", "/readyz"):
                state = health()
                good = state.healthy if path == "/healthz" else state.ready
                body = json.dumps({"ok": good, "reasons": state.reasons}).encode()
                status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, "application/json", body)
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics /healthz /readyz\n")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _tell_metrics(self) -> None:
            try:
                self._answer(HTTPStatus.OK, _METRICS, metrics())
            except InboxdError as error:
                reason = f"{error.code}: {error.message}\n".encode()
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", reason)

        def _answer(self, status: HTTPStatus, media_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Requests to the endpoint are not events of the daemon."""

    return Handler
