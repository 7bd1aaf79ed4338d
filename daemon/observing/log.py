"""Structured log events on stderr: one JSON object a line, repeats limited, secrets kept out."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol, TextIO

from daemon.clock import Clock, SystemClock
from daemon.observing.events import Event

_SECRET_KEYS = frozenset(
    {"authorization", "token", "password", "secret", "cookie", "api_key", "apikey", "credential"}
)
_FIELD_LIMIT = 2000
_REPEATS = 5
_REPEAT_WINDOW = 60.0
_REMEMBERED = 512

_encoder = json.JSONEncoder(ensure_ascii=True, default=str)

Render = Callable[[dict[str, Any]], str]
"""Makes a line of an event."""

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
    """Takes events; the service's writes them to a stream, a test's is a list."""

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
        self._least = _LEVELS.get(level, logging.INFO)
        self._render: Render = _encoder.encode if form == "json" else _console()
        self._stream = stream or sys.stderr
        self._writing = threading.Lock()

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
            level = "error"
        elif event in _WARNINGS:
            level = "warning"
        else:
            level = "info"
        if _LEVELS[level] >= self._least:
            self._write(self._render(_completed(event, level, known)) + "\n")

    def _write(self, line: str) -> None:
        """Trouble of the stream (a full disk, a reader that left) never stops the work."""
        with self._writing, contextlib.suppress(OSError, ValueError):
            self._stream.write(line)
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


def _console() -> Render:
    """Lines for people."""
    import structlog  # noqa: PLC0415  # slow, and JSON needs nothing of it

    renderer = structlog.dev.ConsoleRenderer(colors=False)
    return lambda event: renderer(None, "", event)


def _completed(event: Event, level: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Add name, level and time; secrets by their key and overlong text never reach the stream."""
    for key, value in fields.items():
        if type(value) is str and len(value) > _FIELD_LIMIT:
            fields[key] = value[:_FIELD_LIMIT] + "..."
        if _is_secret(key):
            fields[key] = "[redacted]"
    fields["event"] = event.value
    fields["level"] = level
    fields["timestamp"] = datetime.now(UTC).isoformat()[: -len("+00:00")] + "Z"
    return fields


@lru_cache(maxsize=256)
def _is_secret(key: str) -> bool:
    return key.lower() in _SECRET_KEYS
