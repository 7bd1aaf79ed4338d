"""Structured log events on stderr: one JSON object a line, repeats limited, secrets kept out."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
from collections.abc import MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol, TextIO, cast

import structlog

from daemon.clock import Clock, SystemClock
from daemon.observing.events import Event

_SECRET_KEYS = frozenset(
    {"authorization", "token", "password", "secret", "cookie", "api_key", "apikey", "credential"}
)
_FIELD_LIMIT = 2000
_REPEATS = 5
_REPEAT_WINDOW = 60.0
_REMEMBERED = 512

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_WARNINGS = frozenset(
    {
        Event.LEDGER_REBUILT,
        Event.INBOX_MISSING,
        Event.INBOX_OVERFLOW,
        Event.JOB_REJECTED,
        Event.JOB_PARKED,
        Event.DELIVERY_ATTEMPT_FAILED,
        Event.DELIVERY_PAUSED,
        Event.READING_FAILED,
        Event.DAEMON_UNSAFE,
        Event.VIRUS_SCAN_SKIPPED,
    }
)
_ERRORS = frozenset({Event.JOB_FAILED, Event.ENVIRONMENT_PAUSED})

_LIMITED = frozenset(
    {
        Event.INBOX_MISSING,
        Event.INBOX_OVERFLOW,
        Event.DELIVERY_ATTEMPT_FAILED,
        Event.DELIVERY_PAUSED,
        Event.VIRUS_SCAN_SKIPPED,
        Event.ENVIRONMENT_PAUSED,
        Event.ENVIRONMENT_RESUMED,
    }
)


def quiet_libraries() -> None:
    """Keep what libraries log and warn off stderr, where each line is an event of ours."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.captureWarnings(capture=True)


class EventLog(Protocol):
    """Takes events; the service's is a structlog logger, a test's is a list."""

    def emit(self, event: Event, **fields: object) -> None:
        """Log one event with its fields."""
        ...


class StructuredLog:
    """Events to a stream, as JSON or for a console.

    Of an event about trouble, the first few in a minute about the same subject are written; the
    next one after that says how many were held back.
    """

    def __init__(
        self,
        *,
        form: str = "json",
        level: str = "info",
        stream: TextIO | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._limiter = _RepeatLimiter(clock or SystemClock())
        renderer: Any = (
            structlog.processors.JSONRenderer(serializer=_as_json)
            if form == "json"
            else structlog.dev.ConsoleRenderer(colors=False)
        )
        self._logger = structlog.wrap_logger(
            structlog.WriteLogger(cast("TextIO", _SteadyStream(stream or sys.stderr))),
            processors=[
                _complete,
                renderer,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(_LEVELS.get(level, logging.INFO)),
            cache_logger_on_first_use=True,
        ).bind()

    def emit(self, event: Event, **fields: object) -> None:
        """Log one event with its fields; a field that is None is left out."""
        known = {key: value for key, value in fields.items() if value is not None}
        if event in _LIMITED:
            held = self._limiter.held_back(event, known)
            if held is None:
                return
            if held:
                known["repeats_held_back"] = held
        if event in _ERRORS or known.get("ok") is False:
            self._logger.error(event.value, **known)
        elif event in _WARNINGS:
            self._logger.warning(event.value, **known)
        else:
            self._logger.info(event.value, **known)


class _SteadyStream:
    """A stream whose trouble (a full disk, a reader that left) never stops the work it tells of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class _RepeatLimiter:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[tuple[object, ...], list[float]] = {}

    def held_back(self, event: Event, fields: dict[str, object]) -> int | None:
        """None: hold this one back. Otherwise how many before it were."""
        key = (event, fields.get("destination"), fields.get("inbox"), fields.get("code"))
        now = self._clock.monotonic()
        with self._lock:
            if len(self._seen) > _REMEMBERED:
                self._seen.clear()
            began, written, held = self._seen.get(key, (now, 0.0, 0.0))
            if now - began >= _REPEAT_WINDOW:
                self._seen[key] = [now, 1.0, 0.0]
                return int(held)
            if written < _REPEATS:
                self._seen[key] = [began, written + 1, held]
                return 0
            self._seen[key] = [began, written, held + 1]
            return None


_encoder = json.JSONEncoder(ensure_ascii=True, default=str)


def _as_json(event: MutableMapping[str, Any], **_: object) -> str:
    return _encoder.encode(event)


def _complete(
    _logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add level and time; secrets by their key and overlong text never reach the stream."""
    for key, value in event.items():
        if type(value) is str and len(value) > _FIELD_LIMIT:
            event[key] = value[:_FIELD_LIMIT] + "..."
        if _is_secret(key):
            event[key] = "[redacted]"
    event["level"] = method
    event["timestamp"] = f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"
    return event


@lru_cache(maxsize=256)
def _is_secret(key: str) -> bool:
    return key.lower() in _SECRET_KEYS
