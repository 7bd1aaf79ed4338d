"""From a finished job to the bytes of its sidecar: sorted, stable, UTF-8."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from daemon.clock import iso
from daemon.errors import Fault
from daemon.files import exact
from daemon.jobs.model import Delivery, Ending, Job, ReadingState

JSON = Any
SCHEMA = "inboxd/sidecar/1"
_DEEPEST = 40
_SCALARS = frozenset({int, float, bool, type(None)})
_TIMINGS = ("deliver", "read", "settle", "total", "validate")


def describe(
    job: Job, ending: Ending, *, ocr: JSON = None, receipt: JSON = None
) -> dict[str, JSON]:
    """Everything that a sidecar says of a job that ends, as plain JSON.

    `ocr` and `receipt` are what reading found, already plain; where the reading failed its fault
    stands in their place.
    """
    if job.reading is ReadingState.FAILED and job.reading_fault is not None:
        ocr, receipt = {"error": _reading_fault(job.reading_fault)}, None
    preparation = job.preparation
    checks = preparation.checks if preparation else ()
    return {
        "checks": [{"check": check, "detail": detail, "ok": ok} for check, ok, detail in checks],
        "deliveries": [_delivery(delivery) for delivery in job.deliveries],
        "error": None if ending.fault is None else fault(ending.fault),
        "file": file_facts(
            job.path,
            size=preparation.size if preparation else job.identity.size,
            sha256=preparation.sha256 if preparation else None,
            media_type=preparation.media_type if preparation else None,
            received=job.received,
            modified=job.identity.modified_ns / 1e9,
        ),
        "inbox": job.inbox,
        "job": job.id,
        "ocr": ocr,
        "receipt": receipt,
        "schema": SCHEMA,
        "status": ending.state.value,
        "timings": {name: round(job.timings.get(name, 0.0), 3) for name in _TIMINGS},
    }


def file_facts(
    path: bytes,
    *,
    size: int,
    sha256: str | None,
    media_type: str | None,
    received: float,
    modified: float,
) -> dict[str, JSON]:
    """The `file` section; times are wall-clock seconds, `path` is relative to the inbox."""
    return {
        "media_type": media_type,
        "modified": iso(modified),
        "name": exact(os.path.basename(path)),
        "path": exact(path),
        "received": iso(received),
        "sha256": sha256,
        "size": size,
    }


def fault(found: Fault) -> dict[str, str]:
    """The `error` section."""
    return {"code": found.code, "message": found.message, "kind": found.kind.value}


def render(facts: Mapping[str, JSON]) -> bytes:
    """Plain JSON as the bytes of a sidecar: keys sorted, indented by two, a newline at the end.

    The same facts give the same bytes. Numbers that JSON cannot say become null, text that UTF-8
    cannot say is escaped, and what is nested deeper than 40 levels is left out, so that no answer
    of a server can keep a job from its end.
    """
    return to_json(_ordered(facts, 0), indent=2, inf_nan_mode="null") + b"\n"


def _ordered(value: JSON, depth: int) -> JSON:
    kind = type(value)
    if kind in _SCALARS or (kind is str and value.isascii()):
        return value
    if kind is str:
        return _writable(value)
    if depth > _DEEPEST:
        return None
    deeper = depth + 1
    if kind is dict or isinstance(value, Mapping):
        return {
            key if key.isascii() else _writable(key): _ordered(value[key], deeper)
            for key in sorted(value)
        }
    if isinstance(value, list | tuple):
        return [_ordered(item, deeper) for item in value]
    return value


def _writable(text: str) -> str:
    """Text with lone surrogates escaped, which UTF-8 cannot write."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def _delivery(delivery: Delivery) -> dict[str, JSON]:
    facts: dict[str, JSON] = {
        "attempts": delivery.attempts,
        "bytes": delivery.bytes,
        "delivered": None if delivery.delivered_at is None else iso(delivery.delivered_at),
        "destination": delivery.destination,
    }
    if delivery.fault is not None:
        facts["error"] = fault(delivery.fault)
    return facts | {
        "http_status": delivery.http_status,
        "location": delivery.location,
        "response": delivery.response,
        "state": delivery.state.value,
    }


def _reading_fault(found: Fault) -> dict[str, str]:
    return {"code": found.code, "message": found.message}
