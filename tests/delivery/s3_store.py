"""A store that speaks the S3 protocol and does as a test tells it; keeps sizes, never contents.

with Store() as store:
    store.fails("CompleteMultipartUpload", 200, "InternalError")
    ...  # deliver to store.url
    assert store.operations[-1] == "AbortMultipartUpload"
"""

from __future__ import annotations

import html
import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.s3.destination import S3Destination
from tests.delivery.parcels import PATIENT
from tests.exchange import Exchange, Received, Reply
from tests.receiver import Receiver

_MULTIPART = {
    "POST": "CompleteMultipartUpload",
    "PUT": "UploadPart",
    "GET": "ListParts",
    "DELETE": "AbortMultipartUpload",
}


@dataclass
class Kept:
    """An object, or an upload on its way to become one."""

    key: str
    headers: Mapping[str, str]
    parts: dict[int, int] = field(default_factory=dict)
    size: int = 0
    etag: str = '"etag"'


def error(status: int, code: str, more: str = "", **headers: str) -> Reply:
    """An answer with one of S3's errors."""
    document = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>because</Message>"

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        body = b"" if exchange.method == "HEAD" else f"{document}{more}</Error>".encode()
        exchange.answer(status, {k.replace("_", "-"): v for k, v in headers.items()}, body)

    return reply


class Store:
    """One bucket, in the path; a context manager. `page` parts are listed at once."""

    def __init__(self, *, page: int = 1000, tls: bool = False) -> None:
        self.page = page
        self.objects: dict[str, Kept] = {}
        self.uploads: dict[str, Kept] = {}
        self.operations: list[str] = []
        self._replies: dict[str, list[Reply]] = {}
        self._numbers = itertools.count(1)
        self._lock = Lock()
        self._opened: list[S3Destination] = []
        self.receiver = Receiver(otherwise=self._reply, head=self._reply, hashing=False, tls=tls)

    @property
    def url(self) -> str:
        return self.receiver.url

    @property
    def requests(self) -> list[Received]:
        return self.receiver.requests

    def destination(self, **options: object) -> S3Destination:
        """An S3 destination for this store, which is patient, with a key that we make up."""
        os.environ.setdefault("TEST_ACCESS", "AK0123456789")
        os.environ.setdefault("TEST_SECRET", "SK0123456789abcdef")
        section = {
            "type": "s3",
            "bucket": "receipts",
            "endpoint": self.url,
            "path_style": True,
            "key": "{name}",
            "access_key_env": "TEST_ACCESS",
            "secret_key_env": "TEST_SECRET",
            "timeout": PATIENT,
            **options,
        }
        made = S3Destination("bucket", S3DestinationConfig.model_validate(section))
        self._opened.append(made)
        return made

    def next(self, operation: str, *replies: Reply) -> None:
        """Let the next requests for an operation meet these replies."""
        self._replies.setdefault(operation, []).extend(replies)

    def fails(self, operation: str, status: int, code: str, more: str = "", **headers: str) -> None:
        """Let the next request for an operation meet an error."""
        self.next(operation, error(status, code, more, **headers))

    def loses(self, operation: str) -> None:
        """Let the store do the next request for an operation, and nobody hear of it."""

        def reply(exchange: Exchange) -> None:
            exchange.read_body()
            self._done(operation, exchange)
            exchange.close()

        self.next(operation, reply)

    def count(self, operation: str) -> int:
        return self.operations.count(operation)

    def __enter__(self) -> Self:
        self.receiver.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for destination in self._opened:
            destination.close()
        self.receiver.close()

    def _reply(self, exchange: Exchange) -> None:
        operation = _operation(exchange)
        with self._lock:
            self.operations.append(operation)
            waiting = self._replies.get(operation)
            reply = waiting.pop(0) if waiting else None
        if reply is not None:
            reply(exchange)
            return
        exchange.read_body()
        status, headers, body = self._done(operation, exchange)
        if exchange.method == "HEAD":
            lines = [f"HTTP/1.1 {status} Because"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            exchange.send("\r\n".join([*lines, "", ""]).encode())
        else:
            exchange.answer(status, headers, body)

    def _done(self, operation: str, exchange: Exchange) -> tuple[int, dict[str, str], bytes]:
        """Do what a request asks for; gives status, headers and body of the answer."""
        with self._lock:
            key = unquote(urlsplit(exchange.path).path).partition("/")[2].partition("/")[2]
            query = parse_qs(urlsplit(exchange.path).query, keep_blank_values=True)
            return self._do(operation, key, {k: v[0] for k, v in query.items()}, exchange)

    def _do(
        self, operation: str, key: str, query: dict[str, str], exchange: Exchange
    ) -> tuple[int, dict[str, str], bytes]:
        if "uploadId" in query:
            upload = self.uploads.get(query["uploadId"])
            if upload is None:
                return 404, {}, b"<Error><Code>NoSuchUpload</Code></Error>"
            return self._go_on(operation, key, query, exchange, upload)
        match operation:
            case "PutObject":
                taken = self._taken(key, exchange)
                if not taken:
                    self.objects[key] = Kept(key, exchange.headers, size=exchange.length)
                return taken or (200, {"ETag": '"etag"'}, b"")
            case "HeadObject":
                there = self.objects.get(key)
                return (200, _described(there), b"") if there else (404, {}, b"")
            case "DeleteObject":
                self.objects.pop(key, None)
                return 204, {}, b""
            case "CreateMultipartUpload":
                name = f"id/{next(self._numbers)}&+"
                self.uploads[name] = Kept(key, exchange.headers)
                return 200, {}, f"<X><UploadId>{html.escape(name)}</UploadId></X>".encode()
            case "ListMultipartUploads":
                listed = "".join(
                    f"<Upload><Key>{html.escape(kept.key)}</Key><UploadId>{html.escape(name)}"
                    "</UploadId><Initiated>2126-11-20T08:00:00.000Z</Initiated></Upload>"
                    for name, kept in self.uploads.items()
                )
                return 200, {}, f"<X>{listed}</X>".encode()
            case _:
                return 200, {}, b"<ListBucketResult></ListBucketResult>"

    def _go_on(
        self, operation: str, key: str, query: dict[str, str], exchange: Exchange, upload: Kept
    ) -> tuple[int, dict[str, str], bytes]:
        match operation:
            case "UploadPart":
                upload.parts[int(query["partNumber"])] = exchange.length
                return 200, {"ETag": f'"{query["partNumber"]}"'}, b""
            case "ListParts":
                return 200, {}, self._parts(upload, int(query["part-number-marker"]))
            case "CompleteMultipartUpload":
                taken = self._taken(key, exchange)
                if not taken:
                    upload.size = sum(upload.parts.values())
                    self.objects[key] = upload
                    del self.uploads[query["uploadId"]]
                root = "CompleteMultipartUploadResult"
                return taken or (200, {}, f"<{root}><ETag>&#34;e-2&#34;</ETag></{root}>".encode())
            case _:
                del self.uploads[query["uploadId"]]
                return 204, {}, b""

    def _taken(self, key: str, exchange: Exchange) -> tuple[int, dict[str, str], bytes] | None:
        if "if-none-match" not in exchange.headers or key not in self.objects:
            return None
        return 412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"

    def _parts(self, upload: Kept, after: int) -> bytes:
        later = [number for number in sorted(upload.parts) if number > after]
        page = later[: self.page]
        listed = "".join(
            f"<Part><PartNumber>{n}</PartNumber><ETag>&quot;{n}&quot;</ETag>"
            f"<Size>{upload.parts[n]}</Size></Part>"
            for n in page
        )
        marker = f"<NextPartNumberMarker>{page[-1]}</NextPartNumberMarker>" if page else ""
        more = "true" if len(later) > len(page) else "false"
        root = "ListPartsResult"
        return f"<{root}>{marker}<IsTruncated>{more}</IsTruncated>{listed}</{root}>".encode()


def _described(there: Kept) -> dict[str, str]:
    metadata = {n: v for n, v in there.headers.items() if n.startswith("x-amz-meta-")}
    return {"Content-Length": str(there.size), "ETag": there.etag, **metadata}


def _operation(exchange: Exchange) -> str:
    parts = urlsplit(exchange.path)
    query = parse_qs(parts.query, keep_blank_values=True)
    if "uploadId" in query:
        return _MULTIPART[exchange.method]
    if "uploads" in query:
        return "CreateMultipartUpload" if exchange.method == "POST" else "ListMultipartUploads"
    if "list-type" in query:
        return "ListObjectsV2"
    return {"PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}[exchange.method]
