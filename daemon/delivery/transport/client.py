"""Requests to one server: kept connections, trust, headers, and what its answers mean."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import requests

from daemon import __version__
from daemon.config.destinations import ServerDestinationConfig
from daemon.delivery import verdict
from daemon.delivery.destination import JSON, Finding, Parcel, Progress
from daemon.delivery.pacing.throttle import UNLIMITED, Throttle, Throttles
from daemon.delivery.reach import findings_of_answer, findings_of_fault
from daemon.delivery.transport.adapter import UploadAdapter, UploadSession
from daemon.delivery.transport.body import WHOLE, Envelope, FileBody
from daemon.delivery.transport.credentials import Credentials, private_texts
from daemon.delivery.transport.digest import DigestProof
from daemon.delivery.transport.faults import certificate_wanted, stock_fault
from daemon.delivery.transport.flow import times_of
from daemon.delivery.transport.headers import Headers
from daemon.delivery.transport.trust import trust_of
from daemon.errors import DeliveryError, EnvironmentFaultError
from daemon.limits import DEFAULT, Limits

_NO_CREDENTIALS: Final = Credentials()


class Client:
    """Makes the requests of one destination; used by several threads at once.

    Args: `url` is any address of the server; `headers` go with every request; `address` and
    `method` are the keys of the configuration to name in advice, as `verdict.refusal` says. Raises
    ConfigError on construction where the certificates to trust cannot be read.
    """

    def __init__(
        self,
        name: str,
        config: ServerDestinationConfig,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        credentials: Credentials = _NO_CREDENTIALS,
        limits: Limits = DEFAULT,
        address: str = "url",
        method: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.limits = limits
        self._keys = address, method
        self._trust = trust_of(name, config, parts.scheme)
        self._times = times_of(config.timeout)
        self._throttle = Throttle(config.bandwidth) if config.bandwidth else None
        self._proxies = {parts.scheme: config.proxy} if config.proxy else {}
        self._secrets = (*credentials.spellings(), *private_texts(headers or {}, url))
        self._proof = credentials.proof
        self._session = UploadSession(
            UploadAdapter(kept=config.concurrency.max, limits=limits, trust=self._trust)
        )
        prepared = requests.Request(
            "GET",
            self.origin,
            headers={
                "User-Agent": f"inboxd/{__version__}",
                "Accept": "application/json, */*;q=0.1",
                "Accept-Encoding": "identity",
                **(headers or {}),
                **credentials.headers,
            },
        ).prepare()
        self._headers = Headers(prepared.headers)

    def is_at(self, url: str) -> bool:
        """Whether an address is one of this server."""
        return url.startswith(f"{self.origin}/")

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None
    ) -> requests.PreparedRequest:
        """A request with the headers that all have, and those given; it has no body yet."""
        request = requests.PreparedRequest()
        request.method, request.url, request.headers = method, url, self._headers.copy()
        if headers:
            request.headers.update(headers)
        return request

    def body(
        self,
        descriptor: int,
        parcel: Parcel,
        envelope: Envelope,
        *,
        stop: threading.Event,
        progress: Progress,
        offset: int = 0,
        length: int | None = None,
        once: bool = False,
    ) -> FileBody:
        """A parcel's file, or `length` bytes of it from `offset`, as the body of a request."""
        limited = self._throttle is not None or parcel.throttle is not None
        return FileBody(
            descriptor,
            parcel.size,
            envelope,
            stop=stop,
            progress=progress,
            throttle=Throttles(self._throttle, parcel.throttle) if limited else UNLIMITED,
            block=self.limits.read_block,
            offset=offset,
            length=length,
            once=once,
        )

    def send(
        self,
        request: requests.PreparedRequest,
        body: FileBody | bytes | None = None,
        *,
        stop: threading.Event | None = None,
    ) -> requests.Response:
        """Make one exchange; the answer may be of any status.

        Raises DeliveryError with a code for each way in which a connection fails, StoppedError soon
        after `stop`, or that of the body, is set, EnvironmentFaultError.
        """
        if body is not None:
            request.headers["Content-Length"] = str(len(body))
            request.body = body  # type: ignore[assignment]  # an iterable with a length
        if self._proof is not None:
            return self._prove(self._proof, request, stop)
        return self._exchange(request, stop)

    def _exchange(
        self, request: requests.PreparedRequest, stop: threading.Event | None
    ) -> requests.Response:
        try:
            return self._session.send(
                request, timeout=self._times, proxies=self._proxies, stop=stop
            )
        except requests.RequestException as error:
            raise stock_fault(error, self.origin) from error

    def _prove(
        self, proof: DigestProof, request: requests.PreparedRequest, stop: threading.Event | None
    ) -> requests.Response:
        """An exchange with digest authentication; a large body is not sent just to be asked."""
        body: object = request.body
        if isinstance(body, FileBody) and len(body) > WHOLE and not proof.is_fresh:
            asked = self._prove(proof, self.request("HEAD", request.url or ""), body.stop)
            if asked.status_code == 401:
                return asked
        answered = proof.sign(request)
        response = self._exchange(request, stop)
        if proof.heard(response, answered):
            answered = proof.sign(request)
            response = self._exchange(request, stop)
            proof.heard(response, answered)
        return response

    def answer(self, response: requests.Response) -> dict[str, JSON]:
        """The JSON object in an answer, {} for anything else, with our own secrets taken out."""
        answer = self.json(response)
        return answer if isinstance(answer, dict) else {}

    def json(self, response: requests.Response) -> dict[str, JSON] | list[JSON] | None:
        """The JSON object or list in an answer, None for anything else, without our own secrets."""
        return verdict.json_value(self.without_secrets(response.content))

    def refusal(self, response: requests.Response) -> DeliveryError:
        """The error for an answer other than 2xx, with what it said in JSON."""
        if verdict.wants_certificate(response.status_code, response.content):
            return certificate_wanted(self.origin)
        address, method = self._keys
        error = verdict.refusal(
            response.status_code,
            response.headers,
            response.url,
            now=time.time(),
            cap=self.limits.retry_after_cap,
            address=address,
            method=method,
        )
        error.response = self.answer(response)
        return error

    def without_secrets(self, content: bytes) -> bytes:
        """An answer that may be kept, though a server repeated what it was sent."""
        for secret in self._secrets:
            content = content.replace(secret, b"[redacted]")
        return content

    def check(self, request: requests.PreparedRequest) -> list[Finding]:
        """What a request without a body finds out about the server; never raises."""
        try:
            response = self.send(request)
            if response.status_code == 400:  # the answer to a HEAD does not say why
                reason = self.send(self.request("GET", request.url or ""))
                if verdict.wants_certificate(reason.status_code, reason.content):
                    return findings_of_fault(self.origin, certificate_wanted(self.origin))
        except (DeliveryError, EnvironmentFaultError) as error:
            return findings_of_fault(self.origin, error)
        return findings_of_answer(self.origin, response, verified=self._trust.verify is not False)

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()
