"""A bucket of Amazon S3, or of a store that speaks its protocol."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event
from typing import Final

from daemon.config import template
from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress, Resume
from daemon.delivery.naming import facts_of
from daemon.delivery.s3.answers import Kept
from daemon.delivery.s3.bucket import key_of, metadata_value
from daemon.delivery.s3.check import check_bucket
from daemon.delivery.s3.existing import CHECKSUM, checksum, is_same, marks
from daemon.delivery.s3.faults import LOST, TAKEN
from daemon.delivery.s3.multipart import MultipartUploads, Upload
from daemon.delivery.s3.operations import ObjectRequests, Signs, Stored
from daemon.delivery.s3.parts import part_size_for
from daemon.delivery.transport.body import Envelope, file_changed, open_parcel
from daemon.errors import ConfigError, DeliveryError, Kind, Problem, StoppedError
from daemon.limits import DEFAULT, Limits

_ONCE: Final = {"If-None-Match": "*"}
_NOT_KNOWN: Final = 501


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt to put a parcel under a key."""

    parcel: Parcel
    key: str
    descriptor: int
    progress: Progress
    stop: Event


class S3Destination:
    """Delivers objects: small files in one request, large ones in parts that are resumed.

    Raises ConfigError on construction where botocore is not installed or a secret cannot be read.
    """

    def __init__(self, name: str, config: S3DestinationConfig, *, limits: Limits = DEFAULT) -> None:
        self.name = name
        self._config = config
        self._requests = ObjectRequests(name, config, _signer(name, config), limits)
        self._uploads = MultipartUploads(self._requests, config, limits)
        self._once: Mapping[str, str] = _ONCE if _creates_once(config) else {}

    def deliver(self, parcel: Parcel, progress: Progress, stop: Event) -> Acknowledgement:
        """Make one attempt; errors as the seam says."""
        if stop.is_set():
            raise StoppedError
        key = key_of(self._config.key, parcel)
        descriptor = open_parcel(parcel)
        try:
            if os.fstat(descriptor).st_size != parcel.size:
                raise file_changed()
            stored = self._put(_Attempt(parcel, key, descriptor, progress, stop))
        finally:
            os.close(descriptor)
        return Acknowledgement(
            bytes=parcel.size,
            location=self._requests.bucket.object_url(key),
            http_status=stored.status,
            response=stored.facts,
            round_trip=stored.round_trip,
        )

    def check(self) -> list[Finding]:
        """Look for the bucket, begin an upload and take it back; leaves nothing there."""
        return check_bucket(self._requests, self._config)

    def abandon(self, resume: Resume) -> None:
        """Have the store throw away the parts of an upload that nobody will finish."""
        upload = self._uploads.remembered(resume)
        if upload is not None:
            self._uploads.take_back(upload, resume)

    def discard(self, acknowledgement: Acknowledgement) -> bool:
        """Remove one file that a benchmark delivered; tells whether it is gone."""
        key = self._requests.bucket.key_at(acknowledgement.location or "")
        self._requests.delete(key)
        return True

    def close(self) -> None:
        """Close the kept connections."""
        self._requests.client.close()

    def _put(self, attempt: _Attempt) -> Stored:
        there = self._look_first(attempt)
        if there is not None:
            return there
        if attempt.parcel.size < self._config.multipart_threshold:
            return self._in_one(attempt, self._once)
        return self._in_parts(attempt, self._once)

    def _look_first(self, attempt: _Attempt) -> Stored | None:
        """The object that is there already, where it is the parcel and may not be replaced.

        Amazon's own store needs no such look; others let `If-None-Match` pass without heeding it.
        Raises DeliveryError where other content has the name.
        """
        if not self._config.create_once or self._config.endpoint is None:
            return None
        there = self._there(attempt)
        if there is not None and not self._is_parcel(there, attempt):
            raise DeliveryError("name_taken", f"{TAKEN}; change `key`", kind=Kind.PERMANENT)
        return there

    def _in_one(self, attempt: _Attempt, once: Mapping[str, str]) -> Stored:
        """Make one request of it."""
        parcel = attempt.parcel
        headers = {**self._described(parcel), **once}
        if parcel.sha256:
            headers[CHECKSUM] = checksum(parcel.sha256)
        body = self._requests.client.body(
            attempt.descriptor, parcel, Envelope(), stop=attempt.stop, progress=attempt.progress
        )
        try:
            return self._requests.put(attempt.key, body, parcel.sha256, headers, attempt.stop)
        except DeliveryError as error:
            there = self._taken_by_itself(error, attempt)
            if there is None and once and self._may_replace(error):
                return self._in_one(attempt, {})
            if there is None:
                raise
            return there

    def _in_parts(self, attempt: _Attempt, once: Mapping[str, str]) -> Stored:
        """Go on with the upload that was begun, or begin one."""
        parcel = attempt.parcel
        upload, kept = self._begun(attempt)
        if kept is None:
            there = self._there(attempt)
            if there is not None and self._is_parcel(there, attempt, upload.part_size):
                return there  # the answer that said so was lost
            parcel.resume.keep({})
            raise DeliveryError("upload_lost", LOST)
        try:
            return self._uploads.send(
                upload,
                kept,
                parcel,
                attempt.descriptor,
                headers=once,
                progress=attempt.progress,
                stop=attempt.stop,
            )
        except DeliveryError as error:
            there = self._taken_by_itself(error, attempt, upload.part_size)
            if there is None and once and self._may_replace(error):
                return self._in_parts(attempt, {})
            self._clean_up(upload, parcel, error)
            if there is None:
                raise
            return there

    def _begun(self, attempt: _Attempt) -> tuple[Upload, Mapping[int, Kept] | None]:
        """The upload to go on with and what the store has of it, None where it knows nothing."""
        parcel, key = attempt.parcel, attempt.key
        upload = self._uploads.remembered(parcel.resume)
        if upload is not None:
            if upload.continues(key, attempt.descriptor):
                return upload, self._requests.list_parts(key, upload.id, attempt.stop)
            self._uploads.take_back(upload, parcel.resume)
        described = self._described(parcel)
        return self._uploads.begin(parcel, key, attempt.descriptor, described, attempt.stop), {}

    def _clean_up(self, upload: Upload, parcel: Parcel, error: DeliveryError) -> None:
        """Leave no parts behind that no attempt will use."""
        with contextlib.suppress(DeliveryError):
            if error.kind is Kind.PERMANENT:
                self._uploads.take_back(upload, parcel.resume)
            elif error.code == "upload_lost":  # the next attempt looks whether it was completed
                self._requests.abort(upload.key, upload.id)

    def _taken_by_itself(
        self, error: DeliveryError, attempt: _Attempt, part_size: int | None = None
    ) -> Stored | None:
        """The parcel, where it is what took the name of itself."""
        if error.code == "name_taken":
            there = self._there(attempt)
            if there is not None and self._is_parcel(there, attempt, part_size):
                return there
        return None

    def _may_replace(self, error: DeliveryError) -> bool:
        """Whether what was asked for of our own accord is gone without.

        Where a key names the content no other can be lost by it; and some stores know no
        `If-None-Match` and say so (501).
        """
        if self._config.create_once is not None:
            return False
        if error.http_status == _NOT_KNOWN:
            self._once = {}
        return error.http_status == _NOT_KNOWN or error.code == "name_taken"

    def _there(self, attempt: _Attempt) -> Stored | None:
        """The object that has this key, None where there is none or we may not look."""
        try:
            return self._requests.head(attempt.key, attempt.stop)
        except DeliveryError as error:
            if error.kind is Kind.TRANSIENT:
                raise
            return None

    def _is_parcel(self, there: Stored, attempt: _Attempt, part_size: int | None = None) -> bool:
        """Whether an object is what is to be delivered; tells the progress of it if so."""
        parcel = attempt.parcel
        part_size = part_size or part_size_for(parcel.size, self._config.part_size)
        same = is_same(there, parcel, attempt.descriptor, part_size, attempt.stop)
        if same:
            attempt.progress(parcel.size)
        return same

    def _described(self, parcel: Parcel) -> dict[str, str]:
        """The headers that say what an object is."""
        facts = facts_of(parcel)
        metadata = {
            f"x-amz-meta-{name.lower()}": metadata_value(template.render(text, facts))
            for name, text in self._config.metadata.items()
        }
        return {"Content-Type": parcel.media_type, **metadata, **marks(parcel)}


def _creates_once(config: S3DestinationConfig) -> bool:
    """As configured; else where a name can only be that of this very file."""
    if config.create_once is None:
        return template.tells_contents_apart(config.key)
    return config.create_once


def _signer(name: str, config: S3DestinationConfig) -> Signs:
    where = f"destinations.{name}"
    try:
        from daemon.delivery.s3.signing import Signer  # noqa: PLC0415  # an extra, may be missing
    except ImportError as error:
        message = "type s3 needs botocore, which is not installed: pip install 'inboxd[s3]'"
        raise ConfigError([Problem(where, message)]) from error
    return Signer(config, where)
