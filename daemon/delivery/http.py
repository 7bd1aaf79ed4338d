"""An HTTP server that takes a multipart POST or a raw PUT."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import requests

from daemon.config import answer_path, template
from daemon.config.destinations import HttpDestinationConfig
from daemon.delivery import verdict
from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress
from daemon.delivery.naming import Facts, facts_of, header_of, url_of
from daemon.delivery.reach import all_well, unknown
from daemon.delivery.transport.adapter import round_trip_of
from daemon.delivery.transport.body import Envelope, boundary_for, multipart, open_parcel
from daemon.delivery.transport.client import Client
from daemon.delivery.transport.credentials import credentials_of, private_fields
from daemon.errors import DeliveryError, StoppedError
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
        self._varying = {name: text for name, text in config.headers.items() if _varies(text)}
        self._url = config.url
        if config.method == "PUT" and config.url.endswith("/"):
            self._url += "{name}"
        known = credentials_of(config.auth, f"destinations.{name}.auth")
        self._client = Client(
            name,
            config,
            config.url,
            headers={name: text for name, text in config.headers.items() if not _varies(text)},
            credentials=replace(known, secrets=(*known.secrets, *private_fields(config.data))),
            limits=limits,
            method="method",
        )

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        """Make one attempt; errors as the seam says."""
        if stop.is_set():
            raise StoppedError
        descriptor = open_parcel(parcel)
        try:
            facts = facts_of(parcel)
            envelope = self._envelope(parcel, facts)
            body = self._client.body(descriptor, parcel, envelope, stop=stop, progress=progress)
            request = self._request(self._config.method, facts)
            request.headers["Content-Type"] = envelope.content_type
            request.headers["Idempotency-Key"] = parcel.idempotency_key
            if self._config.digest:
                request.headers.update(_digest_fields(parcel.sha256))
            response = self._client.send(request, body)
        finally:
            os.close(descriptor)
        return self._judge(response, parcel)

    def check(self) -> list[Finding]:
        """Connect and ask for the headers at the address, which delivers nothing."""
        sample: dict[str, str | datetime] = dict.fromkeys(template.FIELDS, "inboxd-check")
        request = self._request("HEAD", {**sample, "received": datetime.now(UTC)})
        findings = self._client.check(request)
        return [*findings, *unknown("auth", "rights", "quota")] if all_well(findings) else findings

    def discard(self, acknowledgement: Acknowledgement) -> bool:
        """Remove one file that a benchmark delivered; tells whether it is gone.

        Where a PUT went, or the server says that a POST created it (RFC 9110 section 15.3.2), a
        DELETE can take it away. An address that all files share is left alone.
        """
        url = acknowledgement.location or ""
        created = acknowledgement.http_status == 201 if self._config.method == "POST" else True
        if not created or not self._names_files() or not self._client.is_at(url):
            return False
        status = self._client.send(self._client.request("DELETE", url)).status_code
        return 200 <= status < 300 or status == 410

    def close(self) -> None:
        """Close the kept connections."""
        self._client.close()

    def _request(self, method: str, facts: Facts) -> requests.PreparedRequest:
        varying = {name: header_of(text, facts) for name, text in self._varying.items()}
        return self._client.request(method, url_of(self._url, facts), varying)

    def _envelope(self, parcel: Parcel, facts: Facts) -> Envelope:
        if self._config.method == "PUT":
            return Envelope(content_type=parcel.media_type)
        fields = {name: template.render(text, facts) for name, text in self._config.data.items()}
        return multipart(
            fields, self._config.field, parcel.name, parcel.media_type, boundary_for(parcel)
        )

    def _judge(self, response: requests.Response, parcel: Parcel) -> Acknowledgement:
        if not 200 <= response.status_code < 300:
            raise self._client.refusal(response)
        answer = self._client.json(response)
        where = self._lifted(answer, response)
        return Acknowledgement(
            bytes=parcel.size,
            location=where or self._location(response) or self._put(response),
            http_status=response.status_code,
            response=answer if isinstance(answer, dict) else {},
            round_trip=round_trip_of(response),
        )

    def _lifted(self, answer: object, response: requests.Response) -> str | None:
        """What stands at the configured path of an answer, None where there is nothing.

        Where an answer is to say that, a page for people is that of a login or of a gateway.
        """
        path = self._config.location
        where = answer_path.lift(answer, path) if path else None
        if path and where is None and verdict.is_page(response.status_code, response.content):
            raise DeliveryError(
                "protocol_broken",
                "a page for people answered, not the JSON in which `location` looks; check `url`",
            )
        return where

    def _names_files(self) -> bool:
        return self._config.method == "POST" or template.tells_files_apart(self._url)

    def _location(self, response: requests.Response) -> str | None:
        """Where the server says that the file is, without the secrets that it repeats."""
        where = verdict.location(response.headers, response.url)
        return where and self._client.without_secrets(where.encode()).decode()

    def _put(self, response: requests.Response) -> str | None:
        """Where a PUT went is where its file is; a query may hold a secret."""
        return response.url.partition("?")[0] if self._config.method == "PUT" else None


def _varies(text: str) -> bool:
    """Whether a header is filled in for each file, if only to undouble its braces."""
    return "{" in text or "}" in text


def _digest_fields(sha256: str) -> Mapping[str, str]:
    """What is sent, and what it is a representation of, are both the plain file (RFC 9530)."""
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    return {"Content-Digest": f"sha-256=:{digest}:", "Repr-Digest": f"sha-256=:{digest}:"}
