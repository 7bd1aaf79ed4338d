"""The requests of tus 1.0, each made once, with what its answer says."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Final

import requests

from daemon.config.destinations import TusDestinationConfig
from daemon.delivery.destination import Finding
from daemon.delivery.transport.body import FileBody
from daemon.delivery.transport.client import Client
from daemon.delivery.transport.credentials import credentials_of
from daemon.delivery.tus import protocol
from daemon.delivery.tus.protocol import Offer, Upload
from daemon.errors import DeliveryError, Kind

_VERSION: Final = {"Tus-Resumable": protocol.VERSION}
_OFFER_LASTS: Final = 3600.0
_NO_OFFER: Final = frozenset({400, 401, 403, 404, 405, 501})
"""Answers to OPTIONS of servers that say nothing about themselves, and may take uploads."""
_NOT_THERE: Final = frozenset({404, 410})
_MAY_NOT_BE_THERE: Final = frozenset({403, 404, 410})
"""Answers to HEAD that mean that there is no such upload, or no longer."""


class TusServer:
    """A tus server, and those other servers on which it may put uploads; used by several threads.

    Our headers and credentials go to the server of `config.url` alone. Its methods raise
    DeliveryError, StoppedError soon after `stop` is set, and EnvironmentFaultError. Raises
    ConfigError on construction where a secret or a certificate cannot be read.
    """

    def __init__(self, name: str, config: TusDestinationConfig) -> None:
        self._url = config.url
        self.home = Client(
            name,
            config,
            config.url,
            headers={**config.headers, **_VERSION},
            credentials=credentials_of(config.auth, f"destinations.{name}.auth"),
        )
        nameless = config.model_copy(update={"client_certificate": None})
        self._clients = {
            protocol.origin(url): Client(name, nameless, url, headers=_VERSION)
            for url in config.upload_origins
        }
        self._clients[protocol.origin(config.url)] = self.home
        self._offer: tuple[float, Offer] | None = None

    def offer(self, stop: threading.Event) -> Offer:
        """What the server can do; asked for once an hour."""
        known = self._offer
        if known is None or known[0] < time.monotonic():
            response = self.home.send(self._options(), stop=stop)
            if not (200 <= response.status_code < 300 or response.status_code in _NO_OFFER):
                raise self.home.refusal(response)
            lasts = time.monotonic() + _OFFER_LASTS
            known = self._offer = (lasts, Offer.of(response.headers))
        return known[1]

    def create(
        self, headers: Mapping[str, str], body: FileBody | None, stop: threading.Event
    ) -> tuple[Upload, requests.Response]:
        """Begin an upload, with its content where there is a `body`.

        Raises DeliveryError `location_elsewhere` where it would lie on another server.
        """
        request = self.home.request("POST", self._url, headers)
        response = self.home.send(request, b"" if body is None else body, stop=stop)
        if not 200 <= response.status_code < 300:
            raise self._refusal(self.home, response)
        where = protocol.place(response.headers, response.url)
        if where is None:
            raise protocol.broken("does not say where the upload is", response.status_code)
        self.client_of(where)
        return Upload(where, protocol.expiry(response.headers)), response

    def offset(self, upload: Upload, size: int, stop: threading.Event) -> int | None:
        """How much of `size` bytes an upload has, None where it is gone or is another."""
        client = self.client_of(upload.url)
        response = client.send(client.request("HEAD", upload.url), stop=stop)
        if response.status_code in _MAY_NOT_BE_THERE:
            return None
        if not 200 <= response.status_code < 300:
            raise self._refusal(client, response)
        offset = protocol.number(response.headers.get("Upload-Offset"))
        if offset is None:
            raise protocol.broken("does not say how much it has", response.status_code)
        length = protocol.number(response.headers.get("Upload-Length"))
        return None if offset > size or length not in (None, size) else offset

    def append(
        self, upload: Upload, headers: Mapping[str, str], body: FileBody
    ) -> requests.Response | None:
        """Send content to an upload; None where it is gone.

        The answer is one of success, or 409: then `offset` tells where the server wants to go on.
        """
        client = self.client_of(upload.url)
        request = client.request("PATCH", upload.url, headers)
        request.headers["Content-Type"] = protocol.CONTENT_TYPE
        response = client.send(request, body)
        if response.status_code in _NOT_THERE:
            return None
        if response.status_code == 409 or 200 <= response.status_code < 300:
            return response
        raise self._refusal(client, response)

    def terminate(self, upload: Upload, stop: threading.Event) -> bool:
        """Take an upload away; tells whether it is gone. False too where that is not on offer."""
        if "termination" not in self.offer(stop).extensions:
            return False
        client = self.client_of(upload.url)
        response = client.send(client.request("DELETE", upload.url), stop=stop)
        return response.status_code in _NOT_THERE or 200 <= response.status_code < 300

    def check(self) -> list[Finding]:
        """What a request for the server's offer finds out about the way there; never raises."""
        return self.home.check(self._options())

    def client_of(self, url: str) -> Client:
        """Who talks to the server of an upload; raises DeliveryError `location_elsewhere`."""
        client = self._clients.get(protocol.origin(url))
        if client is None:
            raise DeliveryError(
                "location_elsewhere",
                f"the upload would lie on {protocol.origin(url)}; "
                "if that is right, add it to `upload_origins`",
                kind=Kind.PERMANENT,
            )
        return client

    def close(self) -> None:
        """Close the kept connections."""
        for client in self._clients.values():
            client.close()

    def _options(self) -> requests.PreparedRequest:
        request = self.home.request("OPTIONS", self._url)
        del request.headers["Tus-Resumable"]
        return request

    @staticmethod
    def _refusal(client: Client, response: requests.Response) -> DeliveryError:
        error = client.refusal(response)
        meant = protocol.refusal(response.status_code)
        if meant is None:
            return error
        meant.response, meant.retry_after = error.response, error.retry_after
        return meant
