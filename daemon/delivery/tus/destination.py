"""A server for resumable uploads by tus 1.0."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import requests

from daemon.config import template
from daemon.config.destinations import TusDestinationConfig
from daemon.delivery.destination import (
    JSON,
    Acknowledgement,
    Finding,
    Parcel,
    Progress,
    Resume,
)
from daemon.delivery.hashing import hash_of
from daemon.delivery.naming import facts_of
from daemon.delivery.reach import all_well, failure, let_in, unknown
from daemon.delivery.transport.adapter import round_trip_of
from daemon.delivery.transport.body import Envelope, FileBody, file_changed, open_parcel
from daemon.delivery.tus import protocol
from daemon.delivery.tus.protocol import Upload
from daemon.delivery.tus.server import TusServer
from daemon.errors import DeliveryError, InboxdError, StoppedError
from daemon.files import Identity, identity

_CUT: Final = frozenset({"connection_reset", "no_answer"})
_SETBACKS: Final = 2
"""How often, within one attempt, a server may lose an upload or go back in it."""


class TusDestination:
    """Delivers by tus; what the server has is asked for, never assumed, and not sent again.

    The upload's address is kept before the first byte is sent. Raises ConfigError on construction
    where a secret or a certificate cannot be read.
    """

    def __init__(self, name: str, config: TusDestinationConfig) -> None:
        self.name = name
        self._config = config
        self._server = TusServer(name, config)

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        """Make one attempt; errors as the seam says."""
        if stop.is_set():
            raise StoppedError
        descriptor = open_parcel(parcel)
        try:
            opened = identity(os.fstat(descriptor))
            attempt = _Attempt(
                self._config, self._server, parcel, descriptor, progress, stop, opened
            )
            return attempt.run()
        except DeliveryError as error:
            if error.code == "file_changed":  # what was sent is of no use to a later attempt
                with contextlib.suppress(InboxdError):
                    self.abandon(parcel.resume)
            raise
        finally:
            os.close(descriptor)

    def abandon(self, resume: Resume) -> None:
        """Terminate an upload that was begun, where the server offers that, and forget it."""
        upload = resume.load().get("upload")
        if isinstance(upload, str):
            resume.keep({})
            self._server.terminate(Upload(upload), threading.Event())

    def discard(self, acknowledgement: Acknowledgement) -> bool:
        """Remove one file that a benchmark delivered; tells whether it is gone."""
        return self._server.terminate(Upload(acknowledgement.location or ""), threading.Event())

    def check(self) -> list[Finding]:
        """Ask what the server can do, and begin an upload that is taken away again if it can."""
        findings = self._server.check()
        if not all_well(findings):
            return findings
        never = threading.Event()
        try:
            offer = self._server.offer(never)
        except InboxdError as error:
            return [*findings, failure(error)]
        said = ", ".join(sorted(offer.versions | offer.extensions)) or "nothing"
        if "creation" not in offer.extensions or not offer.speaks_ours:
            message = f"uploads by tus {protocol.VERSION} are not on offer: the server names {said}"
            return [*findings, Finding("place", False, f"{message}; check `url`")]
        place = Finding("place", True, f"it speaks tus: {said}")
        if "termination" not in offer.extensions:  # what would be begun would stay
            return [*findings, *unknown("auth"), place, *unknown("rights", "quota")]
        rights = self._check_rights(never)
        if rights.subject == "auth":
            return [*findings, rights]
        found = [*findings, let_in(), place, rights]
        return [*found, *unknown("quota")] if rights.ok else found

    def close(self) -> None:
        """Close the kept connections."""
        self._server.close()

    def _check_rights(self, never: threading.Event) -> Finding:
        """Begin an upload of one byte and take it away; nothing of it is ever complete."""
        try:
            upload, _ = self._server.create({"Upload-Length": "1"}, None, never)
            gone = self._server.terminate(upload, never)
        except InboxdError as error:
            return failure(error, "rights")
        left = "taken away again" if gone else "could not be taken away again, and will expire"
        return Finding("rights", True, f"files can be written: an upload was begun, and {left}")


@dataclass(slots=True)
class _Attempt:
    """One attempt at one delivery.

    `status`, `response` and `round_trip` are of the last answer that counts; `cut` tells that the
    connection was lost once, after which the attempt went on where the server was.
    """

    config: TusDestinationConfig
    server: TusServer
    parcel: Parcel
    descriptor: int
    progress: Progress
    stop: threading.Event
    opened: Identity
    cut: bool = False
    status: int | None = None
    response: Mapping[str, JSON] = field(default_factory=dict)
    round_trip: float | None = None

    def run(self) -> Acknowledgement:
        """Go on with the upload that was begun, or begin one, until the server has all of it."""
        size = self.parcel.size
        upload, offset = self._taken_up() or self._begun()
        if offset:
            self.progress(offset)
        setbacks = 0
        while offset < size:
            reached = self._append_or_look(upload, offset)
            if reached is None or reached <= offset:
                setbacks += 1
                if setbacks > _SETBACKS:
                    raise protocol.broken("loses what it is sent", self.status)
            if reached is None:
                upload, offset = self._begun()
            else:
                offset = reached
        self.progress(size)
        return Acknowledgement(
            bytes=size,
            location=upload.url,
            http_status=self.status,
            response=self.response,
            round_trip=self.round_trip,
        )

    def _taken_up(self) -> tuple[Upload, int] | None:
        """The upload of an earlier attempt and how much of it the server has."""
        upload = protocol.recall(self.parcel.resume.load(), self._content(), time.time())
        if upload is None:
            return None
        try:
            offset = self.server.offset(upload, self.parcel.size, self.stop)
        except DeliveryError as error:
            if error.code == "location_elsewhere":  # the configuration has changed since
                return None
            raise
        return None if offset is None else (upload, offset)

    def _begun(self) -> tuple[Upload, int]:
        """A new upload, on record before any of it is sent, and how much of it is there."""
        parcel = self.parcel
        self._fits()
        facts = facts_of(parcel)
        pairs = {key: template.render(text, facts) for key, text in self.config.metadata.items()}
        headers = {
            "Upload-Length": str(parcel.size),
            "Idempotency-Key": parcel.idempotency_key,
        }
        if pairs:
            headers["Upload-Metadata"] = protocol.metadata(pairs)
        body = self._body(0) if self._in_one_request() else None
        if body is not None:
            headers["Content-Type"] = protocol.CONTENT_TYPE
        upload, response = self.server.create(headers, body, self.stop)
        parcel.resume.keep(upload.remembered(self._content()))
        self._heard(response)
        offset = 0 if body is None else protocol.number(response.headers.get("Upload-Offset"))
        if offset is None or offset > parcel.size:
            offset = self.server.offset(upload, parcel.size, self.stop)
        if offset is None:
            raise protocol.broken("does not know the upload that it has begun", self.status)
        return upload, offset

    def _append_or_look(self, upload: Upload, offset: int) -> int | None:
        """The same as `_append`; the first time that the connection breaks, the server is asked."""
        try:
            return self._append(upload, offset)
        except DeliveryError as error:
            if error.code not in _CUT or self.cut:
                raise
            self.cut = True
            return self.server.offset(upload, self.parcel.size, self.stop)

    def _append(self, upload: Upload, offset: int) -> int | None:
        """Send all that remains; returns how much the server has then, None where it lost it."""
        headers = {"Upload-Offset": str(offset)}
        if offset == 0 and (checksum := self._checksum()):
            headers["Upload-Checksum"] = checksum
        response = self.server.append(upload, headers, self._body(offset))
        if response is None:
            return None
        self._heard(response)
        reached = protocol.number(response.headers.get("Upload-Offset"))
        if response.status_code == 409 or reached is None or reached > self.parcel.size:
            return self.server.offset(upload, self.parcel.size, self.stop)
        expires = protocol.expiry(response.headers)
        if reached < self.parcel.size and expires is not None:
            self.parcel.resume.keep(Upload(upload.url, expires).remembered(self._content()))
        return reached

    def _body(self, offset: int) -> FileBody:
        if identity(os.fstat(self.descriptor)) != self.opened:
            raise file_changed()
        return self.server.home.body(
            self.descriptor,
            self.parcel,
            Envelope(),
            stop=self.stop,
            progress=self.progress,
            offset=offset,
        )

    def _fits(self) -> None:
        """Refuse, before anything is sent, what the server says that it will not take."""
        offer = self.server.offer(self.stop)
        if not offer.speaks_ours:
            raise protocol.other_version(offer)
        if offer.largest is not None and self.parcel.size > offer.largest:
            raise protocol.too_large(offer.largest)

    def _in_one_request(self) -> bool:
        offered = "creation-with-upload" in self.server.offer(self.stop).extensions
        return offered and 0 < self.parcel.size <= self.config.one_request_up_to

    def _checksum(self) -> str | None:
        """The checksum of the whole file, where the server verifies one that we have."""
        algorithm = self.server.offer(self.stop).checksum(self.parcel.size)
        if algorithm is None:
            return None
        if algorithm == "sha256" and self.parcel.sha256:
            return protocol.checksum(algorithm, bytes.fromhex(self.parcel.sha256))
        found = hash_of(self.descriptor, self.parcel.size, algorithm, self.stop)
        return protocol.checksum(algorithm, found)

    def _content(self) -> dict[str, JSON]:
        """What has to be the same for an upload to be gone on with."""
        modified = self.opened.modified_ns
        return {"size": self.parcel.size, "sha256": self.parcel.sha256, "modified": modified}

    def _heard(self, response: requests.Response) -> None:
        self.status = response.status_code
        self.response = self.server.home.answer(response)
        self.round_trip = round_trip_of(response)
