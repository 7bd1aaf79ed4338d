"""Log events as people and programs read them."""

from __future__ import annotations

import io
import json

from daemon.clock import SystemClock
from daemon.observing.events import Event
from daemon.observing.log import StructuredLog


class Stopped(SystemClock):
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def monotonic(self) -> float:
        return self.at


def _lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json() -> None:
    """With its name, its level, the time in UTC, and the fields that apply."""
    stream = io.StringIO()
    StructuredLog(stream=stream).emit(Event.JOB_DONE, job="j", file="r.jpg", destination=None)
    (line,) = _lines(stream)
    assert line["event"] == "job.done"
    assert line["level"] == "info"
    assert str(line["timestamp"]).endswith("Z")
    assert line["file"] == "r.jpg"
    assert "destination" not in line


def test_hostile_text_stays_inside_its_line() -> None:
    """A newline or an escape sequence in a field cannot forge a line or colour a terminal."""
    stream = io.StringIO()
    StructuredLog(stream=stream).emit(Event.JOB_QUEUED, file='a\n{"event": "job.done"}\x1b[31m')
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_secrets_by_name_and_endless_text_are_cut() -> None:
    """Whoever logs them."""
    stream = io.StringIO()
    log = StructuredLog(stream=stream)
    log.emit(Event.JOB_FAILED, token="canary", Authorization="canary", message="x" * 10_000)
    assert "canary" not in stream.getvalue()
    assert len(stream.getvalue()) < 3000


def test_repeats_about_trouble_are_held_back_and_counted() -> None:
    """A server that is down for a day does not fill the disk with one sentence."""
    stream, clock = io.StringIO(), Stopped()
    log = StructuredLog(stream=stream, clock=clock)
    for _ in range(50):
        log.emit(Event.DELIVERY_ATTEMPT_FAILED, destination="a", code="timeout")
    log.emit(Event.DELIVERY_ATTEMPT_FAILED, destination="b", code="timeout")
    assert len(_lines(stream)) == 6
    clock.at += 61
    log.emit(Event.DELIVERY_ATTEMPT_FAILED, destination="a", code="timeout")
    assert _lines(stream)[-1]["repeats_held_back"] == 45


def test_events_about_files_are_never_held_back() -> None:
    """Each file's end is in the log."""
    stream = io.StringIO()
    log = StructuredLog(stream=stream)
    for number in range(50):
        log.emit(Event.JOB_DONE, job=str(number))
    assert len(_lines(stream)) == 50


def test_a_level_leaves_out_what_is_below_it() -> None:
    """`log.level: error` is for those who watch metrics instead."""
    stream = io.StringIO()
    log = StructuredLog(stream=stream, level="error")
    log.emit(Event.JOB_DONE)
    log.emit(Event.JOB_FAILED)
    assert [line["event"] for line in _lines(stream)] == ["job.failed"]


def test_a_stream_that_cannot_be_written_stops_nothing() -> None:
    """The disk of the log is full, or its reader went away."""

    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    StructuredLog(stream=Broken()).emit(Event.JOB_DONE)


def test_the_console_form_is_for_eyes() -> None:
    """The same facts without the braces."""
    stream = io.StringIO()
    StructuredLog(form="console", stream=stream).emit(Event.JOB_DONE, file="r.jpg")
    assert "job.done" in stream.getvalue()
    assert "file=r.jpg" in stream.getvalue()
