"""The requests of the S3 API that a delivery is made of, signed, with their answers judged."""

from __future__ import annotations

import hashlib
import html
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol
from urllib.parse import quote

import requests

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.s3 import answers
from daemon.delivery.s3.answers import Kept
from daemon.delivery.s3.bucket import Bucket
from daemon.delivery.s3.faults import refusal
from daemon.delivery.transport.adapter import round_trip_of
from daemon.delivery.transport.body import FileBody
from daemon.delivery.transport.client import Client
from daemon.delivery.verdict import is_page
from daemon.errors import DeliveryError
from daemon.limits import MIB, Limits

UNSIGNED: Final = "UNSIGNED-PAYLOAD"
"""In place of a body's digest: the signature covers all but the body."""
_PAGE: Final = 1000
_LISTED: Final = MIB
"""Bytes of an answer; a page of a thousand parts has some 300 KB."""
_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_LONGEST: Final = 1024
"""Characters of a version's name (Amazon S3 User Guide, "Retaining multiple versions")."""
_NO_VERSION: Final = "null"
"""What a bucket without versions says where it says anything."""
_UNKNOWN: Final = frozenset({"NoSuchUpload", "NoSuchKey"})
"""How stores say that an upload is not, or no longer, under way."""


class Signs(Protocol):
    """Proves to a store whose requests they are."""

    def sign(self, request: requests.PreparedRequest, payload: str) -> None:
        """Add the proof to the headers; `payload` is the body's sha256, or UNSIGNED."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """The texts that no answer may bring to a log or a sidecar."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the store describes it; `headers` are those of the answer.

    `round_trip` is in seconds, from its last byte to the answer, None where it went otherwise.
    """

    etag: str
    version: str | None
    status: int
    headers: Mapping[str, str]
    round_trip: float | None = None

    @property
    def facts(self) -> dict[str, str]:
        """What of it is worth keeping."""
        facts = {"etag": self.etag.strip('"'), "version_id": self.version or ""}
        return {n: text[:_LONGEST] for n, text in facts.items() if text and text.isprintable()}


class ObjectRequests:
    """Makes requests to one bucket; used by several threads at once.

    Each method raises DeliveryError with the meaning of S3's own code, and what `Client.send` does.
    """

    def __init__(
        self, name: str, config: S3DestinationConfig, signer: Signs, limits: Limits
    ) -> None:
        self.bucket = Bucket(config)
        self._signer = signer
        self._cap = limits.retry_after_cap
        self._kept = _kept_headers(config)
        self.client = Client(
            name, config, self.bucket.url, limits=replace(limits, answer_body=_LISTED)
        )

    def put(
        self,
        key: str,
        body: FileBody,
        sha256: str,
        headers: Mapping[str, str],
        stop: threading.Event,
    ) -> Stored:
        """PutObject; `sha256` of the body in hexadecimal, "" where it is not known."""
        named = {**self._kept, **headers}
        response = self.send(
            "PUT", key, "", body=body, payload=sha256 or UNSIGNED, headers=named, stop=stop
        )
        self._expect(response)
        if is_page(response.status_code, response.content):
            raise DeliveryError(
                "protocol_broken", "a page answered that is no store's; see `endpoint`"
            )
        return replace(_stored(response), round_trip=round_trip_of(response))

    def head(self, key: str, stop: threading.Event) -> Stored | None:
        """HeadObject, None where there is no such object."""
        response = self.send("HEAD", key, "", stop=stop)
        if response.status_code == 404:
            return None
        self._expect(response)
        return _stored(response)

    def create(self, key: str, headers: Mapping[str, str], stop: threading.Event | None) -> str:
        """CreateMultipartUpload; returns the upload's id."""
        named = {**self._kept, **headers}
        response = self.send("POST", key, "uploads", body=b"", headers=named, stop=stop)
        self._expect(response)
        return answers.upload_id(response)

    def upload_part(
        self, key: str, upload: str, number: int, body: FileBody, stop: threading.Event
    ) -> str:
        """UploadPart; returns the part's ETag."""
        query = f"partNumber={number}&uploadId={_encoded(upload)}"
        response = self.send("PUT", key, query, body=body, payload=UNSIGNED, stop=stop)
        self._expect(response)
        etag = response.headers.get("ETag", "")
        if not etag:
            raise DeliveryError("answer_broken", "the store took a part and gave no ETag for it")
        return etag

    def list_parts(self, key: str, upload: str, stop: threading.Event) -> dict[int, Kept] | None:
        """ListParts, all pages of it, by number; None where the store knows no such upload."""
        found: dict[int, Kept] = {}
        after: int | None = 0
        while after is not None:
            query = f"max-parts={_PAGE}&part-number-marker={after}&uploadId={_encoded(upload)}"
            response = self.send("GET", key, query, stop=stop)
            if answers.error_code(response) in _UNKNOWN:
                return None
            self._expect(response)
            page = answers.listing(response)
            found.update((part.number, part) for part in page.parts)
            after = page.after if page.after is None or page.after > after else None
        return found

    def complete(
        self,
        key: str,
        upload: str,
        parts: Sequence[tuple[int, str]],
        headers: Mapping[str, str],
        stop: threading.Event,
    ) -> Stored:
        """CompleteMultipartUpload of parts by number and ETag.

        The answer may be an error though its status is 200: the store says so before it begins.
        """
        body = _part_list(parts)
        query = f"uploadId={_encoded(upload)}"
        named = {"Content-Type": "application/xml", **headers}
        digest = hashlib.sha256(body).hexdigest()
        response = self.send(
            "POST", key, query, body=body, payload=digest, headers=named, stop=stop
        )
        self._expect(response)
        return replace(_stored(response), etag=answers.completed_etag(response))

    def abort(self, key: str, upload: str) -> None:
        """AbortMultipartUpload; an upload that is not there is as good as one taken away."""
        response = self.send("DELETE", key, f"uploadId={_encoded(upload)}")
        if response.status_code != 404:
            self._expect(response)

    def delete(self, key: str) -> None:
        """DeleteObject."""
        self._expect(self.send("DELETE", key, ""))

    def unfinished(self, key: str, since: float, stop: threading.Event | None) -> list[str]:
        """The ids of uploads to a key that were begun at or after `since` (Unix time)."""
        query = f"uploads=&prefix={_encoded(key)}"
        response = self.send("GET", "", query, stop=stop)
        self._expect(response)
        return answers.uploads_of(key, since, response)

    def list_nothing(self) -> requests.Response:
        """ListObjectsV2 without asking for a single object: whether the bucket is there for us."""
        return self.send("GET", "", "list-type=2&max-keys=0")

    def send(
        self,
        method: str,
        key: str,
        query: str,
        *,
        body: FileBody | bytes | None = None,
        payload: str = _NOTHING,
        headers: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> requests.Response:
        """Sign a request, make it, and return its answer, whatever it is.

        Args: `payload` is the sha256 of the body in hexadecimal, or UNSIGNED.
        """
        url = self.bucket.object_url(key)
        request = self.client.request(method, f"{url}?{query}" if query else url, headers)
        self._signer.sign(request, payload)
        return self.client.send(request, body, stop=stop)

    def refusal(self, response: requests.Response) -> DeliveryError:
        """The error for an answer that is none of those wished for."""
        return refusal(response, hidden=self._signer.secrets(), cap=self._cap)

    def _expect(self, response: requests.Response) -> None:
        if not 200 <= response.status_code < 300 or answers.error_code(response):
            raise self.refusal(response)


def _kept_headers(config: S3DestinationConfig) -> dict[str, str]:
    """How objects are to be kept, as headers of PutObject and CreateMultipartUpload."""
    wishes = {
        "x-amz-storage-class": config.storage_class,
        "x-amz-server-side-encryption": config.server_side_encryption,
        "x-amz-server-side-encryption-aws-kms-key-id": config.kms_key,
    }
    return {name: value for name, value in wishes.items() if value}


def _stored(response: requests.Response) -> Stored:
    version = response.headers.get("x-amz-version-id")
    return Stored(
        response.headers.get("ETag", ""),
        None if version == _NO_VERSION else version,
        response.status_code,
        response.headers,
    )


def _part_list(parts: Sequence[tuple[int, str]]) -> bytes:
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{html.escape(etag)}</ETag></Part>"
        for number, etag in parts
    )
    name = "CompleteMultipartUpload"
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<{name} xmlns="{space}">{listed}</{name}>'.encode()


def _encoded(text: str) -> str:
    return quote(text, safe="")
