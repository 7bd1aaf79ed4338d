"""From a sidecar back to the job that it tells of, for a ledger that has lost it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from daemon.errors import Fault, Kind
from daemon.files import Identity, display, exact, identity
from daemon.jobs.model import (
    Delivery,
    DeliveryState,
    Ending,
    Job,
    Preparation,
    ReadingState,
    State,
)
from daemon.sidecar import model
from daemon.sidecar.model import Sidecar
from daemon.sidecar.read import DamagedSidecarError

_NOTES = frozenset({"original", "text"})
"""Checks that a repair adds to a sidecar, and that validation never made."""


def job_of(facts: Mapping[str, Any], sidecar: bytes, folder: str, name: bytes) -> Job:
    """The job that the facts in a sidecar tell of, ended as they say.

    `folder` is `done` or `rejected`, `name` the original's beside it, relative to that folder.
    Raises DamagedSidecarError where something is missing or of a version that this inboxd does not
    know.
    """
    try:
        told = Sidecar.model_validate_json(json.dumps(facts))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DamagedSidecarError(
            "sidecar_damaged", f"{display(sidecar)} tells of no job: {where}: {first['msg']}"
        ) from None
    path = _path(told.file.path, name)
    return Job(
        id=told.job,
        inbox=told.inbox,
        path=path,
        name=display(path),
        state=State(told.status),
        identity=_identity(sidecar, os.path.basename(name), told.file),
        received=told.file.received.timestamp(),
        claimed=True,
        preparation=_preparation(told),
        deliveries=tuple(map(_delivery, told.deliveries)),
        reading=_reading(told),
        reading_fault=_reading_fault(told.ocr),
        ending=Ending(State(told.status), _fault(told.error), folder, name),
        timings=told.timings.model_dump(by_alias=True),
    )


def _path(shown: str, name: bytes) -> bytes:
    """The path in the inbox; where it was not UTF-8 the original still has it as it was.

    Sidecars of earlier versions have it as `display` shows it.
    """
    return name if shown in (exact(name), display(name)) else os.fsencode(shown)


def _identity(sidecar: bytes, name: bytes, facts: model.FileFacts) -> Identity:
    """That of the original where it lies; where it does not, what is left of it."""
    try:
        found = identity(os.lstat(os.path.join(os.path.dirname(sidecar), name)))
    except OSError:
        return Identity(0, 0, facts.size, int(facts.modified.timestamp()) * 1_000_000_000)
    return found


def _preparation(told: Sidecar) -> Preparation | None:
    facts = told.file
    if facts.sha256 is None and not told.checks:
        return None
    refused = told.status == "rejected"
    return Preparation(
        sha256=facts.sha256,
        media_type=facts.media_type,
        size=facts.size,
        checks=tuple(
            (each.check, each.ok, each.detail) for each in told.checks if each.check not in _NOTES
        ),
        refusal=_fault(told.error) if refused else None,
    )


def _delivery(told: model.Delivery) -> Delivery:
    return Delivery(
        destination=told.destination,
        state=DeliveryState(told.state),
        attempts=told.attempts,
        bytes=told.bytes,
        http_status=told.http_status,
        location=told.location,
        delivered_at=None if told.delivered is None else told.delivered.timestamp(),
        response=told.response,
        fault=_fault(told.error),
    )


def _reading(told: Sidecar) -> ReadingState:
    if told.ocr is None:
        return ReadingState.NONE
    return ReadingState.FAILED if isinstance(told.ocr, model.OcrFailed) else ReadingState.DONE


def _reading_fault(ocr: model.Ocr | model.OcrFailed | None) -> Fault | None:
    if not isinstance(ocr, model.OcrFailed):
        return None
    return Fault(ocr.error.code, ocr.error.message, Kind.PERMANENT)


def _fault(told: model.Fault | None) -> Fault | None:
    return None if told is None else Fault(told.code, told.message, Kind(told.kind))
