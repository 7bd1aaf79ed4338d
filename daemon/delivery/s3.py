"""A bucket of Amazon S3, or of a store that speaks its protocol."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from threading import Event

from daemon.config import template
from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.body import Envelope, file_changed, open_parcel
from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress, Resume
from daemon.delivery.naming import facts_of
from daemon.delivery.s3_answers import Kept
from daemon.delivery.s3_bucket import key_of, metadata_value
from daemon.delivery.s3_check import check_bucket
from daemon.delivery.s3_existing import CHECKSUM, checksum, is_same, marks
from daemon.delivery.s3_multipart import MultipartUploads, Upload
from daemon.delivery.s3_requests import ObjectRequests, Signs, Stored
from daemon.errors import ConfigError, DeliveryError, Kind, Problem, StoppedError
from daemon.limits import DEFAULT, Limits


class S3Destination:
    """Delivers objects: small files in one request, large ones in parts that are resumed.

    Raises ConfigError on construction where botocore is not installed or a secret cannot be read.
    """

    def __init__(self, name: str, config: S3DestinationConfig, *, limits: Limits = DEFAULT) -> None:
        self.name = name
        self._config = config
        self._limits = limits
        self._requests = ObjectRequests(name, config, _signer(name, config), limits)
        self._uploads = MultipartUploads(self._requests, config, limits)
        self._once = {"If-None-Match": "*"} if config.create_once else {}

    def deliver(self, parcel: Parcel, progress: Progress, stop: Event) -> Acknowledgement:
        """Make one attempt; errors as the seam says."""
        if stop.is_set():
            raise StoppedError
        key = key_of(self._config.key, parcel)
        descriptor = open_parcel(parcel)
        try:
            if os.fstat(descriptor).st_size != parcel.size:
                raise file_changed()
            if parcel.size < self._config.multipart_threshold:
                stored = self._in_one(parcel, key, descriptor, progress, stop)
            else:
                stored = self._in_parts(parcel, key, descriptor, progress, stop)
        finally:
            os.close(descriptor)
        return Acknowledgement(
            bytes=parcel.size,
            location=self._requests.bucket.object_url(key),
            http_status=stored.status,
            response=stored.facts,
        )

    def check(self) -> list[Finding]:
        """Look for the bucket, begin an upload and take it back; leaves nothing there."""
        return check_bucket(self._requests, self._config)

    def abandon(self, resume: Resume) -> None:
        """Have the store throw away the parts of an upload that nobody will finish."""
        upload = self._uploads.remembered(resume)
        if upload is not None:
            self._uploads.take_back(upload, resume)

    def close(self) -> None:
        """Close the kept connections."""
        self._requests.client.close()

    def _in_one(
        self, parcel: Parcel, key: str, descriptor: int, progress: Progress, stop: Event
    ) -> Stored:
        """Make one request of it."""
        headers = {**self._described(parcel), **self._once}
        if parcel.sha256:
            headers[CHECKSUM] = checksum(parcel.sha256)
        body = self._requests.client.body(
            descriptor, parcel, Envelope(), stop=stop, progress=progress
        )
        try:
            return self._requests.put(key, body, parcel.sha256, headers, stop)
        except DeliveryError as error:
            same = self._same(parcel, key, descriptor, 0, stop) if _is_taken(error) else None
            if same is None:
                raise
            return same

    def _in_parts(
        self, parcel: Parcel, key: str, descriptor: int, progress: Progress, stop: Event
    ) -> Stored:
        """Go on with the upload that was begun, or begin one."""
        upload, kept = self._begun(parcel, key, stop)
        if kept is None:
            same = self._same(parcel, key, descriptor, upload.part_size, stop)
            if same is not None:  # the answer that said so was lost
                progress(parcel.size)
                return same
            parcel.resume.keep({})
            raise DeliveryError(
                "upload_lost", "the store no longer knows the upload; it begins anew"
            )
        try:
            return self._uploads.send(
                upload, kept, parcel, descriptor, headers=self._once, progress=progress, stop=stop
            )
        except DeliveryError as error:
            self._clean_up(upload, parcel, error)
            same = None
            if _is_taken(error):
                same = self._same(parcel, key, descriptor, upload.part_size, stop)
            if same is None:
                raise
            return same

    def _begun(
        self, parcel: Parcel, key: str, stop: Event
    ) -> tuple[Upload, Mapping[int, Kept] | None]:
        """The upload to go on with and what the store has of it, None where it knows nothing."""
        upload = self._uploads.remembered(parcel.resume)
        if upload is not None:
            if upload.id and (upload.key, upload.size) == (key, parcel.size):
                return upload, self._requests.list_parts(key, upload.id, stop)
            self._uploads.take_back(upload, parcel.resume)
        return self._uploads.begin(parcel, key, self._described(parcel), stop), {}

    def _clean_up(self, upload: Upload, parcel: Parcel, error: DeliveryError) -> None:
        """Leave no parts behind that no attempt will use."""
        with contextlib.suppress(DeliveryError):
            if error.kind is Kind.PERMANENT:
                self._uploads.take_back(upload, parcel.resume)
            elif error.code == "upload_lost":  # the next attempt looks whether it was completed
                self._requests.abort(upload.key, upload.id)

    def _same(
        self, parcel: Parcel, key: str, descriptor: int, part_size: int, stop: Event
    ) -> Stored | None:
        """The object that has this key, where it is the parcel and we may see that."""
        try:
            stored = self._requests.head(key, stop)
        except DeliveryError as error:
            if error.kind is Kind.TRANSIENT:
                raise
            return None
        if stored is None:
            return None
        same = is_same(stored, parcel, descriptor, part_size, self._limits)
        return stored if same else None

    def _described(self, parcel: Parcel) -> dict[str, str]:
        """The headers that say what an object is."""
        facts = facts_of(parcel)
        metadata = {
            f"x-amz-meta-{name.lower()}": metadata_value(template.render(text, facts))
            for name, text in self._config.metadata.items()
        }
        return {"Content-Type": parcel.media_type, **metadata, **marks(parcel)}


def _is_taken(error: DeliveryError) -> bool:
    return error.code == "name_taken"


def _signer(name: str, config: S3DestinationConfig) -> Signs:
    where = f"destinations.{name}"
    try:
        from daemon.delivery.s3_signing import Signer  # noqa: PLC0415  # an extra, may be missing
    except ImportError as error:
        message = "type s3 needs botocore, which is not installed: pip install 'inboxd[s3]'"
        raise ConfigError([Problem(where, message)]) from error
    return Signer(config, where)
