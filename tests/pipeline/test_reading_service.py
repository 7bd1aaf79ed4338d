"""A daemon whose pages are read by a service: what it cannot do now is done later."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

from daemon.clock import SystemClock
from daemon.demo.samples import draw_samples
from daemon.errors import Fault, Kind
from daemon.jobs.model import ReadingState, State
from daemon.limits import DEFAULT, Limits
from daemon.observing.events import Event
from daemon.pipeline.respite import PostponedError, Respite
from daemon.reading.engine import make_engine
from tests.reading.ocrspace_service import KEY, LIMIT, serving
from tests.receiver import Receiver
from tests.running import QUICK, Daemon, http
from tests.waiting import wait_until

SOON = replace(DEFAULT, read_again=0.2)


def _daemon(folder: Path, rest: str, url: str, limits: Limits = SOON) -> Daemon:
    (folder / "key").write_text(f"{KEY}\n")
    ocr = f"ocr: {{engine: ocrspace, endpoint: '{url}', key_file: '{folder}/key', processes: 1}}\n"
    inbox = "deliver: [server]\nread: receipt"
    return Daemon(folder, inbox=inbox, rest=rest + ocr, limits=limits)


def test_a_rate_limit_delays_a_reading_and_loses_none(tmp_path: Path) -> None:
    """The file is delivered at once, waits for the service, and is read in the end."""
    sample = next(s for s in draw_samples() if s.name.endswith(".png"))
    assert sample.facts is not None
    with serving(make_engine("rapid")) as service, Receiver() as receiver:
        service.next.extend([(403, "text/plain", LIMIT), (503, "text/html", "busy"), None])
        with _daemon(tmp_path, http(receiver.url), service.url) as daemon:
            daemon.drop(sample.name, sample.data)
            (job,) = daemon.wait_for(State.DONE)
        facts = daemon.sidecar("done", sample.name)
    assert job.reading is ReadingState.DONE
    assert facts["ocr"]["engine"] == "ocrspace"
    assert facts["receipt"]["total"]["value"] == str(sample.facts.total)
    assert len(service.requests) >= 4
    parked = " ".join(str(entry) for entry in daemon.log.of(Event.JOB_PARKED))
    assert "ocr_rate_limited" in parked
    assert "ocr_unavailable" in parked
    assert len(receiver.requests) == 1
    assert KEY not in repr(daemon.log.entries)


def test_a_key_that_is_refused_leaves_the_job_done_without_text(tmp_path: Path) -> None:
    """Another try would be refused too; the sidecar says why there is no text."""
    sample = next(s for s in draw_samples() if s.name.endswith(".png"))
    with serving(make_engine("rapid")) as service, Receiver() as receiver:
        service.next.append((403, "text/plain", "The API key is invalid"))
        with _daemon(tmp_path, http(receiver.url), service.url) as daemon:
            daemon.drop(sample.name, sample.data)
            daemon.wait_for(State.DONE)
            wait_until((daemon.done / f"{sample.name}.json").exists, "the sidecar")
        facts = daemon.sidecar("done", sample.name)
    assert facts["ocr"]["error"]["code"] == "ocr_key_refused"
    assert facts["receipt"] is None


def test_a_delivery_does_not_wait_for_a_service_that_rests(tmp_path: Path) -> None:
    """The server comes back long before the service is asked again, and gets the file then."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    sample = next(s for s in draw_samples() if s.name.endswith(".png"))
    limits = replace(QUICK, read_again=600.0)
    with serving(make_engine("rapid")) as service:
        service.next.extend([(403, "text/plain", LIMIT)] * 9)
        rest = http(f"http://127.0.0.1:{port}/")
        with _daemon(tmp_path, rest, service.url, limits) as daemon:
            daemon.drop(sample.name, sample.data)
            wait_until(lambda: service.requests, "the service to be asked")
            wait_until(lambda: daemon.log.of(Event.JOB_PARKED), "a parked job")
            with Receiver(port=port) as receiver:
                wait_until(lambda: receiver.contents, "the delivery")
            assert not daemon.log.of(Event.READING_FAILED)
            assert len(service.requests) == 1


class _Clock(SystemClock):
    """Stands still until it is told."""

    time = 1000.0

    def monotonic(self) -> float:
        return self.time


def test_a_service_is_left_alone_for_longer_each_time() -> None:
    """The pause doubles up to a bound, and a success ends it."""
    fault = Fault("ocr_rate_limited", "not now", Kind.TRANSIENT)
    clock = _Clock()
    respite = Respite(clock, DEFAULT)
    pauses = []
    for _ in range(9):
        respite.check()
        pauses.append(respite.refused(fault).pause)
        assert respite.refused(fault).pause == pauses[-1]  # one that was under way beside it
        try:
            respite.check()
        except PostponedError as error:
            clock.time += error.pause
    assert pauses == [15, 30, 60, 120, 240, 480, 900, 900, 900]
    respite.taken()
    assert respite.refused(fault).pause == 15
