"""A large file in parts: begun, gone on with where it was cut, completed, or taken back."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from threading import Event
from typing import Final

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.destination import Parcel, Progress, Resume
from daemon.delivery.s3.answers import Kept
from daemon.delivery.s3.operations import ObjectRequests, Stored
from daemon.delivery.s3.parts import UnderWay, cut, part_size_for, still_missing
from daemon.delivery.s3.sending import PartSender
from daemon.delivery.transport.body import file_changed
from daemon.errors import DeliveryError, Kind
from daemon.files import identity
from daemon.limits import Limits

_CLOCKS_APART: Final = 900.0
"""Seconds by which our clock and the store's differ at most; beyond that it takes no request."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was begun; `begun` is in seconds since 1970, `id` "" until it is known.

    It is kept durably before the store hears of it, so that after a crash it goes on, or is taken
    away.
    """

    bucket: str
    key: str
    size: int
    modified_ns: int
    part_size: int
    begun: float
    id: str = ""

    def continues(self, key: str, descriptor: int) -> bool:
        """Whether it goes on with this key and this very file: parts of two never mix."""
        status = os.fstat(descriptor)
        file = (key, status.st_size, status.st_mtime_ns)
        return bool(self.id) and (self.key, self.size, self.modified_ns) == file


class MultipartUploads:
    """Uploads of files in parts to one bucket; used by several threads."""

    def __init__(
        self, requests: ObjectRequests, config: S3DestinationConfig, limits: Limits
    ) -> None:
        self._requests = requests
        self._bucket = requests.bucket.url
        self._part_size = config.part_size
        self._workers = config.part_workers
        self._most = config.resend_at_most
        self._step = limits.read_block

    def remembered(self, resume: Resume) -> Upload | None:
        """The upload to this bucket that a delivery has begun, None for none."""
        try:
            upload = Upload(**resume.load())
        except TypeError:  # nothing, or what another type of destination kept under this name
            return None
        return upload if upload.bucket == self._bucket else None

    def begin(
        self, parcel: Parcel, key: str, descriptor: int, headers: Mapping[str, str], stop: Event
    ) -> Upload:
        """Begin an upload and remember it."""
        upload = Upload(
            self._bucket,
            key,
            parcel.size,
            os.fstat(descriptor).st_mtime_ns,
            part_size_for(parcel.size, self._part_size),
            time.time(),
        )
        parcel.resume.keep(asdict(upload))
        upload = replace(upload, id=self._requests.create(key, headers, stop))
        parcel.resume.keep(asdict(upload))
        return upload

    def send(
        self,
        upload: Upload,
        kept: Mapping[int, Kept],
        parcel: Parcel,
        descriptor: int,
        *,
        headers: Mapping[str, str],
        progress: Progress,
        stop: Event,
    ) -> Stored:
        """Send what the store has not `kept` yet, and have it put the parts together.

        Raises as `Destination.deliver` does.
        """
        opened = identity(os.fstat(descriptor))
        parts = cut(upload.size, upload.part_size)
        missing = still_missing(parts, kept)
        had = upload.size - sum(part.size for part in missing)
        if had:
            progress(had)
        under_way = UnderWay(self._most, self._step, had, progress)
        sender = PartSender(
            self._requests, upload.key, upload.id, parcel, descriptor, under_way, stop
        )
        sent = sender.send(missing, self._workers_for(upload.part_size, len(missing)))
        if identity(os.fstat(descriptor)) != opened:
            raise file_changed()
        etags = [(part.number, sent.get(part.number) or kept[part.number].etag) for part in parts]
        return self._requests.complete(upload.key, upload.id, etags, headers, stop)

    def take_back(self, upload: Upload, resume: Resume) -> None:
        """Have the store throw away an upload, and forget it; raises DeliveryError."""
        for each in self._ids_of(upload):
            self._requests.abort(upload.key, each)
        resume.keep({})

    def _ids_of(self, upload: Upload) -> list[str]:
        """The upload's id; where the answer that named it was lost, those that it can be."""
        if upload.id:
            return [upload.id]
        since = upload.begun - _CLOCKS_APART
        try:
            return self._requests.unfinished(upload.key, since, None)
        except DeliveryError as error:
            if error.kind is Kind.TRANSIENT:
                raise
            return []  # we may not look; the store throws away in the end what nobody finishes

    def _workers_for(self, part_size: int, parts: int) -> int:
        """Threads that find something to do: parts that fit into what may be under way, begun."""
        return max(1, min(self._workers, parts, -(-self._most // part_size)))
