"""An HTTP server that takes a multipart POST or a raw PUT."""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests

from daemon import __version__
from daemon.config import answer_path, template
from daemon.config.auth import BasicAuth, BearerAuth, HeaderAuth, NoAuth
from daemon.config.destinations import HttpDestinationConfig
from daemon.delivery import verdict
from daemon.delivery.body import Envelope, FileBody, boundary_for, multipart, open_parcel
from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress
from daemon.delivery.faults import stock_fault
from daemon.delivery.naming import Facts, facts_of, url_of
from daemon.delivery.reach import findings_of_answer, findings_of_fault
from daemon.delivery.secret import read_secret
from daemon.delivery.throttle import Throttle
from daemon.delivery.transport import UploadAdapter, UploadSession
from daemon.errors import ConfigError, DeliveryError, EnvironmentFaultError, Problem, StoppedError
from daemon.limits import DEFAULT, Limits


class HttpDestination:
    """Delivers by HTTP; connections are kept and shared by the threads that deliver.

    Raises ConfigError on construction where the secret cannot be read.
    """

    def __init__(
        self, name: str, config: HttpDestinationConfig, *, limits: Limits = DEFAULT
    ) -> None:
        self.name = name
        self._config = config
        self._limits = limits
        self._url = config.url
        if config.method == "PUT" and config.url.endswith("/"):
            self._url += "{name}"
        parts = urlsplit(config.url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._verify = config.verify if isinstance(config.verify, bool) else str(config.verify)
        self._timeout = (config.timeout.connect, config.timeout.read)
        self._throttle = Throttle(config.bandwidth) if config.bandwidth else None
        self._adapter = UploadAdapter(kept=config.concurrency.max, limits=limits)
        self._session = UploadSession(self._adapter)
        if parts.scheme == "https":
            self._trust(f"destinations.{name}.verify")
        credentials = _credentials(config.auth, f"destinations.{name}.auth")
        self._secrets = credentials.spellings()
        headers = {
            "User-Agent": f"inboxd/{__version__}",
            "Accept": "application/json, */*;q=0.1",
            "Accept-Encoding": "identity",
            **config.headers,
            **credentials.headers,
        }
        prepared = requests.Request(config.method, self._origin, headers=headers).prepare()
        prepared.headers.pop("Content-Length", None)
        self._headers = prepared.headers

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        """Make one attempt; errors as the seam says."""
        if stop.is_set():
            raise StoppedError
        descriptor = open_parcel(parcel)
        try:
            facts = facts_of(parcel)
            envelope = self._envelope(parcel, facts)
            body = FileBody(
                descriptor,
                parcel.size,
                envelope,
                stop=stop,
                progress=progress,
                throttle=self._throttle,
                block=self._limits.read_block,
            )
            request = self._request(self._config.method, url_of(self._url, facts))
            request.headers["Content-Type"] = envelope.content_type
            request.headers["Content-Length"] = str(len(body))
            request.headers["Idempotency-Key"] = parcel.idempotency_key
            request.body = body  # type: ignore[assignment]  # an iterable with a length
            response = self._send(request)
        finally:
            os.close(descriptor)
        return self._judge(response, parcel)

    def check(self) -> list[Finding]:
        """Connect and ask for the headers at the address, which delivers nothing."""
        sample: dict[str, str | datetime] = dict.fromkeys(template.FIELDS, "inboxd-check")
        url = url_of(self._url, {**sample, "received": datetime.now(UTC)})
        request = self._request("HEAD", url)
        try:
            response = self._send(request)
        except (DeliveryError, EnvironmentFaultError) as error:
            return findings_of_fault(self._origin, error)
        return findings_of_answer(self._origin, response, verified=self._verify is not False)

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def _trust(self, where: str) -> None:
        try:
            self._adapter.trust(self._verify)
        except OSError as error:
            message = f"{self._verify} holds no certificates that can be read: {error.strerror}"
            raise ConfigError([Problem(where, message)]) from error

    def _request(self, method: str, url: str) -> requests.PreparedRequest:
        """A request with the headers that all have, prepared once."""
        request = requests.PreparedRequest()
        request.method, request.url, request.headers = method, url, self._headers.copy()
        return request

    def _envelope(self, parcel: Parcel, facts: Facts) -> Envelope:
        if self._config.method == "PUT":
            return Envelope(content_type=parcel.media_type)
        fields = {name: template.render(text, facts) for name, text in self._config.data.items()}
        return multipart(
            fields, self._config.field, parcel.name, parcel.media_type, boundary_for(parcel)
        )

    def _send(self, request: requests.PreparedRequest) -> requests.Response:
        try:
            return self._session.send(
                request,
                timeout=self._timeout,
                verify=self._verify,
                proxies={},
            )
        except requests.RequestException as error:
            raise stock_fault(error, self._origin) from error

    def _without_secrets(self, content: bytes) -> bytes:
        """An answer that may be kept, though a server repeated what it was sent."""
        for secret in self._secrets:
            content = content.replace(secret, b"[redacted]")
        return content

    def _judge(self, response: requests.Response, parcel: Parcel) -> Acknowledgement:
        status = response.status_code
        url = response.url
        answer = verdict.json_object(self._without_secrets(response.content))
        if not 200 <= status < 300:
            error = verdict.refusal(
                status,
                response.headers,
                url,
                now=time.time(),
                cap=self._limits.retry_after_cap,
            )
            error.response = answer
            raise error
        path = self._config.location
        where = answer_path.lift(answer, path) if path else None
        return Acknowledgement(
            bytes=parcel.size,
            location=where or verdict.location(response.headers, url),
            http_status=status,
            response=answer,
        )


@dataclass(frozen=True, slots=True)
class _Credentials:
    """The header that carries the secret, and the texts that give it away."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def spellings(self) -> tuple[bytes, ...]:
        """The secrets as a server may repeat them, plain or inside a JSON text."""
        plain = [text.encode() for text in self.secrets]
        return tuple({*plain, *(json.dumps(text)[1:-1].encode() for text in self.secrets)})


def _credentials(auth: NoAuth | BearerAuth | BasicAuth | HeaderAuth, where: str) -> _Credentials:
    if isinstance(auth, NoAuth):
        return _Credentials()
    text = read_secret(auth.secret, where).reveal()
    if isinstance(auth, BasicAuth):
        pair = base64.b64encode(f"{auth.username}:{text}".encode()).decode()
        return _Credentials({"Authorization": f"Basic {pair}"}, (text, pair))
    if not text.isascii():
        raise ConfigError([Problem(where, "a token must be plain ASCII text")])
    if isinstance(auth, BearerAuth):
        return _Credentials({"Authorization": f"Bearer {text}"}, (text,))
    return _Credentials({auth.name: text}, (text,))
