"""A cloud of Cloudinary: one form for a file, or one for each chunk of a large one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import requests

from daemon.config.destinations import CloudinaryDestinationConfig
from daemon.delivery.cloudinary import api
from daemon.delivery.cloudinary.check import check_cloud
from daemon.delivery.destination import JSON, Acknowledgement, Finding, Parcel, Progress
from daemon.delivery.hashing import hash_of
from daemon.delivery.secret import read_secret
from daemon.delivery.transport.adapter import round_trip_of
from daemon.delivery.transport.body import boundary_for, file_changed, multipart, open_parcel
from daemon.delivery.transport.client import Client
from daemon.delivery.transport.credentials import Credentials
from daemon.errors import DeliveryError, Kind, StoppedError
from daemon.files import Identity, identity

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class CloudinaryDestination:
    """Delivers to a cloud, by an unsigned preset or signed with a key.

    Raises ConfigError on construction where the secret cannot be read.
    """

    def __init__(self, name: str, config: CloudinaryDestinationConfig) -> None:
        self.name = name
        self._config = config
        self._secret: str | None = None
        if config.signed:
            where = f"destinations.{name}.api_secret"
            self._secret = read_secret(config.api_secret, where).reveal()
        self._base = f"{config.endpoint.rstrip('/')}/v1_1/{config.cloud}"
        self._url = f"{self._base}/{config.resource_type}/upload"
        secrets = (self._secret,) if self._secret else ()
        self._client = Client(
            name, config, self._url, credentials=Credentials(secrets=secrets), address="endpoint"
        )

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        """Make one attempt; errors as the seam says. A large file goes on after its last chunk."""
        if stop.is_set():
            raise StoppedError
        descriptor = open_parcel(parcel)
        try:
            attempt = _Attempt(
                self._client,
                self._config,
                self._url,
                self._secret,
                parcel,
                descriptor,
                progress,
                stop,
                identity(os.fstat(descriptor)),
            )
            response = attempt.run()
            answer = api.told(self._client.answer(response))
            if answer.get("existing") and not api.names_content(self._config):
                _require_same(answer, attempt)
        finally:
            os.close(descriptor)
        return Acknowledgement(
            bytes=parcel.size,
            location=answer.get("secure_url") or answer.get("url"),
            http_status=response.status_code,
            response=answer,
            round_trip=round_trip_of(response),
        )

    def check(self) -> list[Finding]:
        """Ask for an upload without a file, which is refused for that or for what is wrong."""
        return check_cloud(self._client, self._config, self._base, self._secret)

    def discard(self, acknowledgement: Acknowledgement) -> bool:
        """Remove one file that a benchmark delivered; tells whether it is gone."""
        answer = acknowledgement.response
        if self._secret is None or "public_id" not in answer:
            return False
        fields = api.signed(
            {"public_id": str(answer["public_id"])}, self._config, self._secret, time.time()
        )
        kind = answer.get("resource_type", "image")
        request = self._client.request("POST", f"{self._base}/{kind}/destroy", _FORM)
        response = self._client.send(request, urlencode(fields).encode())
        return self._client.answer(response).get("result") in ("ok", "not found")

    def close(self) -> None:
        """Close the kept connections."""
        self._client.close()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt at one delivery; `secret` is None where uploads are not signed."""

    client: Client
    config: CloudinaryDestinationConfig
    url: str
    secret: str | None
    parcel: Parcel
    descriptor: int
    progress: Progress
    stop: threading.Event
    opened: Identity

    def run(self) -> requests.Response:
        """Send the file in one form, or in chunks from the first that was not acknowledged."""
        size, chunk = self.parcel.size, self.config.chunk_size
        if size <= chunk:
            key = {"Idempotency-Key": self.parcel.idempotency_key}
            return self._send(key, 0, size)
        number, offset = self._recalled()
        if offset:
            self.progress(offset)
        anew = False
        while True:
            end = min(offset + chunk, size)
            try:
                response = self._send(self._chunk(number, offset, end), offset, end)
            except DeliveryError as error:
                if error.code == "file_changed":  # of no use to a later attempt
                    self._keep(number + 1, 0)
                if anew or offset == 0 or error.code != "refused_by_server":
                    raise
                # Those before it are no longer there, or the file is, and its answer was lost.
                number, offset, anew = number + 1, 0, True
                self._keep(number, offset)
                continue
            if end == size:
                return response
            offset = end
            self._keep(number, offset)

    def _send(self, headers: Mapping[str, str], start: int, end: int) -> requests.Response:
        """Post one form with a part of the file, or all of it."""
        if identity(os.fstat(self.descriptor)) != self.opened:
            raise file_changed()
        fields = api.upload_fields(self.config, self.parcel, self.secret, time.time())
        boundary = boundary_for(self.parcel)
        envelope = multipart(fields, "file", self.parcel.name, self.parcel.media_type, boundary)
        body = self.client.body(
            self.descriptor,
            self.parcel,
            envelope,
            stop=self.stop,
            progress=self.progress,
            offset=start,
            length=end - start,
        )
        request = self.client.request("POST", self.url, headers)
        request.headers["Content-Type"] = envelope.content_type
        response = self.client.send(request, body)
        if not 200 <= response.status_code < 300:
            raise _refusal(self.client, response)
        return response

    def _chunk(self, number: int, start: int, end: int) -> dict[str, str]:
        """The headers that say which part of which upload a form has."""
        return {
            "X-Unique-Upload-Id": api.upload_id(self.parcel, number),
            "Content-Range": f"bytes {start}-{end - 1}/{self.parcel.size}",
            "Idempotency-Key": f"{self.parcel.idempotency_key}-{number}-{start}",
        }

    def _recalled(self) -> tuple[int, int]:
        """How often this delivery was begun, and how many bytes of it were acknowledged."""
        state = self.parcel.resume.load()
        number, offset = state.get("begun"), state.get("acknowledged")
        if not isinstance(number, int) or not isinstance(offset, int):
            return 0, 0
        if any(state.get(name) != value for name, value in self._content().items()):
            return number + 1, 0
        return number, offset if 0 <= offset < self.parcel.size else 0

    def _keep(self, number: int, offset: int) -> None:
        self.parcel.resume.keep({**self._content(), "begun": number, "acknowledged": offset})

    def _content(self) -> dict[str, JSON]:
        """What has to be the same for chunks to belong together."""
        return {"sha256": self.parcel.sha256, "modified": self.opened.modified_ns}


def _refusal(client: Client, response: requests.Response) -> DeliveryError:
    error = client.refusal(response)
    cap = client.limits.retry_after_cap
    return api.explained(error, response.headers, now=time.time(), cap=cap)


def _require_same(answer: Mapping[str, JSON], attempt: _Attempt) -> None:
    """Refuse an asset that was there before under the name, unless it is this very file.

    Cloudinary leaves such an asset as it is and answers with it; its `etag` is an MD5.
    """
    parcel = attempt.parcel
    digest = hash_of(attempt.descriptor, parcel.size, "md5", attempt.stop).hex()
    if (answer.get("bytes"), answer.get("etag")) != (parcel.size, digest):
        raise DeliveryError(
            "name_taken", "another asset has the name; change `public_id`", kind=Kind.PERMANENT
        )
