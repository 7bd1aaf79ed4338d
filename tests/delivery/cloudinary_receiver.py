"""A stand-in for Cloudinary's upload API, whose real servers tests cannot reach.

It follows what the vendor documents, as of November 2026: unsigned uploads by a preset and the few
parameters that they may have; signed ones, with SHA-1 or SHA-256 and good for an hour; chunks of
more than 5 MB by `X-Unique-Upload-Id` and `Content-Range`, the last of them last; public ids and
what `overwrite` does; `destroy`; and errors as `{"error": {"message"}}` with `X-Cld-Error`. What
the documentation leaves open (the texts of errors, how long chunks are kept) follows the vendor's
own libraries as far as they show it. It does not look into files: everything is `raw` or what its
type says.

    with CloudinaryReceiver() as receiver:
        ...  # deliver to receiver.url
"""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl

CLOUD, PRESET, KEY, SECRET = "demo", "my_photos", "123456789012345", "canary-secret-abcd"
SMALLEST_CHUNK: Final = 5 * 1024 * 1024
UNSIGNED: Final = frozenset(
    {
        "upload_preset", "callback", "public_id", "folder", "asset_folder", "tags", "context",
        "metadata", "face_coordinates", "custom_coordinates", "source", "filename_override",
        "manifest_transformation", "manifest_json", "template", "template_vars", "regions",
        "public_id_prefix",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset of the cloud."""

    public_id: str
    resource_type: str
    filename: str
    content: bytes
    version: int


@dataclass
class Chunks:
    """An upload of which not all chunks are there."""

    total: int
    content: bytearray
    ranges: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Form:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    fields: Mapping[str, str]
    size: int


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class CloudinaryReceiver:
    """A threaded server on 127.0.0.1; a context manager. `largest` is the account's, in bytes."""

    def __init__(self, *, largest: int = 100_000_000) -> None:
        self.assets: dict[tuple[str, str], Asset] = {}
        self.chunks: dict[str, Chunks] = {}
        self.forms: list[Form] = []
        self.largest = largest
        self.ahead = 0.0
        """Seconds by which its clock is ahead of ours."""
        self.usage: dict[str, Any] = {}
        """What it says of the plan to those who show a key."""
        self._instead: list[Callable[[_Handler], None] | None] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.site = self  # type: ignore[attr-defined]
        self.port = self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def contents(self) -> list[bytes]:
        """What every asset holds."""
        return [asset.content for asset in list(self.assets.values())]

    def instead(
        self, status: int, message: str | None = None, body: bytes = b"", **headers: str
    ) -> None:
        """Answer the next request so, and do nothing of what it asks."""
        if message is not None:
            body = json.dumps({"error": {"message": message}}).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self._lock:
            self._instead.append(lambda handler: handler.answer(status, body, named))

    def let_pass(self) -> None:
        """Do what the next request asks."""
        with self._lock:
            self._instead.append(None)

    def next_instead(self) -> Callable[[_Handler], None] | None:
        with self._lock:
            return self._instead.pop(0) if self._instead else None

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def act(self, path: str, headers: Mapping[str, str], form: _Fields) -> dict[str, Any]:
        """Do what a request asks; raises RefusedError."""
        match = re.fullmatch(r"/v1_1/([^/]+)/(auto|image|video|raw)/(upload|destroy)", path)
        if match is None:
            raise RefusedError(404, "Not found")
        cloud, kind, action = match.groups()
        if cloud != CLOUD:
            raise RefusedError(401, f"Invalid cloud_name {cloud}")
        self._let_in(form.fields)
        with self._lock:
            if action == "destroy":
                gone = self.assets.pop((kind, form.fields["public_id"]), None)
                return {"result": "ok" if gone else "not found"}
            if form.content is None:
                raise RefusedError(400, "Missing required parameter - file")
            content = self._whole(form.content, headers)
            if content is None:
                return {"done": False, "bytes": len(form.content), "kind": "upload"}
            return self._store(kind, form, content)

    def _let_in(self, fields: Mapping[str, str]) -> None:
        if "api_key" not in fields:
            preset = fields.get("upload_preset")
            if preset is None:
                message = "Upload preset must be specified when using unsigned upload"
                raise RefusedError(400, message)
            if preset != PRESET:
                raise RefusedError(400, "Upload preset not found")
            for name in fields.keys() - UNSIGNED:
                raise RefusedError(
                    400, f"{name} parameter is not allowed when using unsigned upload"
                )
            return
        if fields["api_key"] != KEY:
            raise RefusedError(401, f"Invalid api_key {fields['api_key']}")
        signed = {k: v for k, v in fields.items() if k not in ("api_key", "signature") and v}
        text = "&".join(f"{name}={signed[name]}" for name in sorted(signed))
        given = fields.get("signature", "")
        algorithm = {40: hashlib.sha1, 64: hashlib.sha256}.get(len(given), hashlib.sha1)
        if algorithm((text + SECRET).encode()).hexdigest() != given:
            raise RefusedError(401, f"Invalid Signature {given}. String to sign - '{text}'.")
        if abs(time.time() + self.ahead - int(fields["timestamp"])) > 3600:
            raise RefusedError(
                400, "Stale request - reported time is not within 1 hour of the server's"
            )

    def _whole(self, content: bytes, headers: Mapping[str, str]) -> bytes | None:
        """The content of an upload once it is complete."""
        number = headers.get("X-Unique-Upload-Id")
        if number is None:
            return content
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers.get("Content-Range", ""))
        if match is None or int(match[2]) - int(match[1]) + 1 != len(content):
            raise RefusedError(400, "Invalid Content-Range header")
        start, end, total = int(match[1]), int(match[2]) + 1, int(match[3])
        if end < total and len(content) <= SMALLEST_CHUNK:
            raise RefusedError(400, "All parts except the last must be larger than 5mb")
        if start and number not in self.chunks:
            raise RefusedError(400, "The first part of this upload is missing")
        held = self.chunks.setdefault(number, Chunks(total, bytearray(total)))
        held.content[start:end] = content
        held.ranges.append((start, end))
        if end < total:
            return None
        del self.chunks[number]
        reached = 0
        for first, last in sorted(held.ranges):
            reached = max(reached, last) if first <= reached else reached
        if reached < total:
            raise RefusedError(400, "Some parts of this upload are missing")
        return bytes(held.content)

    def _store(self, kind: str, form: _Fields, content: bytes) -> dict[str, Any]:
        if not content:
            raise RefusedError(400, "Empty file")
        if len(content) > self.largest:
            raise RefusedError(
                400, f"File size too large. Got {len(content)}. Maximum is {self.largest}."
            )
        fields = form.fields
        name = fields.get("public_id") or hashlib.sha1(str(time.time()).encode()).hexdigest()[:20]
        if re.search(r"[?&#\\%<>+]", name) or name != name.strip(" /") or len(name) > 255:
            raise RefusedError(400, f"public_id ({name}) is invalid")
        if fields.get("folder"):
            name = f"{fields['folder']}/{name}"
        if kind == "auto":
            top = form.media_type.partition("/")[0]
            kind = top if top in ("image", "video") else "raw"
        there = self.assets.get((kind, name))
        if there is not None and (fields.get("overwrite") == "false" or "api_key" not in fields):
            return {**told(there), "existing": True}
        made = Asset(name, kind, form.filename, content, there.version + 1 if there else 1)
        self.assets[kind, name] = made
        return told(made)


def told(asset: Asset) -> dict[str, Any]:
    """What an answer says of an asset."""
    path = f"{CLOUD}/{asset.resource_type}/upload/v{asset.version}/{asset.public_id}"
    return {
        "asset_id": hashlib.md5(asset.public_id.encode()).hexdigest(),
        "public_id": asset.public_id,
        "version": asset.version,
        "resource_type": asset.resource_type,
        "type": "upload",
        "bytes": len(asset.content),
        "etag": hashlib.md5(asset.content).hexdigest(),
        "url": f"http://res.cloudinary.com/{path}",
        "secure_url": f"https://res.cloudinary.com/{path}",
        "original_filename": asset.filename.rpartition(".")[0],
        "delete_token": "canary-delete-token",
    }


@dataclass(frozen=True)
class _Fields:
    """The fields of a form, and its file."""

    fields: Mapping[str, str]
    filename: str = ""
    media_type: str = ""
    content: bytes | None = None


def _parsed(content_type: str, body: bytes) -> _Fields:
    if not content_type.startswith("multipart/"):
        return _Fields(dict(parse_qsl(body.decode())))
    delimiter = b"--" + content_type.partition("boundary=")[2].encode()
    fields: dict[str, str] = {}
    for part in body.split(b"\r\n" + delimiter)[:-1]:
        head, _, content = part.removeprefix(delimiter).lstrip(b"\r\n").partition(b"\r\n\r\n")
        text = head.decode("utf-8", "surrogateescape")
        names = dict(re.findall(r'(\w+)="([^"]*)"', text))
        if "filename" in names:
            media_type = email.message_from_string(text, policy=email.policy.compat32)
            kind = media_type.get_content_type()
            return _Fields(fields, names["filename"], kind, content)
        fields[names["name"]] = content.decode()
    return _Fields(fields)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def do_GET(self) -> None:
        site: CloudinaryReceiver = self.server.site  # type: ignore[attr-defined]
        key = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        known = self.headers.get("Authorization") == f"Basic {key}"
        if known and self.path == f"/v1_1/{CLOUD}/usage":
            self.answer(200, json.dumps(site.usage).encode())
        else:
            self.answer(401, b"{}")

    def do_POST(self) -> None:
        site: CloudinaryReceiver = self.server.site  # type: ignore[attr-defined]
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionResetError
        form = _parsed(self.headers.get("Content-Type", ""), body)
        headers = dict(self.headers.items())
        site.forms.append(Form(self.path, headers, form.fields, len(form.content or b"")))
        instead = site.next_instead()
        if instead is not None:
            instead(self)
            return
        try:
            told = site.act(self.path, headers, form)
        except RefusedError as error:
            said = {"error": {"message": error.message}}
            shown = error.message.encode("ascii", "replace").decode()
            self.answer(error.status, json.dumps(said).encode(), {"X-Cld-Error": shown})
            return
        self.answer(200, json.dumps(told).encode())

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return
