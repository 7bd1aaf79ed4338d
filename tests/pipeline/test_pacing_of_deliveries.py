"""The daemon finds out how much a destination takes at once, says so, and remembers it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from daemon.jobs.model import State
from daemon.observing.events import Event
from tests.crowding import Crowding
from tests.receiver import Receiver, ok, status
from tests.running import QUICK, Daemon, http
from tests.waiting import wait_until

DELIVER = "deliver: [server]"


def test_the_number_is_found_shown_and_kept_over_a_restart(tmp_path: Path) -> None:
    """No file pays for the search with an attempt; the next start begins with what was found."""
    server = Crowding(3, 0.05)  # long beside what a busy machine adds
    with Receiver(otherwise=server.reply) as receiver:
        rest = "workers: 12\n" + http(receiver.url, "    concurrency: {max: 12}\n")
        daemon = Daemon(tmp_path, inbox=DELIVER, rest=rest)
        for number in range(120):
            daemon.drop(f"{number}.bin", b"%d" % number)
        with daemon:
            jobs = daemon.wait_for(State.DONE, 120)
            assert {job.deliveries[0].attempts for job in jobs} == {1}
            lane = daemon.service._pipeline.lanes()["server"]
            assert lane["limit"] == 3
            assert lane["max"] == 12
        refused = server.refused
        assert refused
        with daemon:
            assert daemon.service._pipeline.lanes()["server"]["limit"] == 3
            for number in range(40):
                daemon.drop(f"again-{number}.bin", b"again %d" % number)
            daemon.wait_for(State.DONE, 160)
        assert server.refused <= refused + 1


def test_a_server_that_asks_for_a_rest_gets_it_from_every_file(tmp_path: Path) -> None:
    """One 429 with Retry-After, not one for each file that waits."""
    with Receiver(status(429, Retry_After="1"), otherwise=ok()) as receiver:
        extra = "    concurrency: {max: 1}\n"
        rest = http(receiver.url, extra).replace("max: 50ms", "max: 5s")
        with Daemon(tmp_path, inbox=DELIVER, rest=rest) as daemon:
            for number in range(10):
                daemon.drop(f"{number}.bin", b"%d" % number)
            daemon.wait_for(State.DONE, 10)
            assert len(daemon.log.of(Event.DELIVERY_ATTEMPT_FAILED)) == 1
        assert len(receiver.requests) == 11


def test_a_stop_does_not_wait_for_the_end_of_a_rest(tmp_path: Path) -> None:
    """What waits goes back to the queue and is delivered by the next daemon."""
    with Receiver(status(429, Retry_After="60"), otherwise=ok()) as receiver:
        extra = "    concurrency: {max: 1}\n"
        rest = http(receiver.url, extra).replace("max: 50ms", "max: 60s")
        daemon = Daemon(tmp_path, inbox=DELIVER, rest=rest)
        with daemon:
            for number in range(5):
                daemon.drop(f"{number}.bin", b"%d" % number)
            wait_until(
                lambda: daemon.service._pipeline.lanes()["server"]["paused_for"], "the pause"
            )
            began = time.monotonic()
        assert time.monotonic() - began < 30
        assert len(receiver.requests) == 1
        with daemon:
            daemon.wait_for(State.DONE, 5)


def test_one_limit_on_bandwidth_holds_for_all_destinations(tmp_path: Path) -> None:
    """What goes to a disk counts beside what goes to a server."""
    (tmp_path / "archive").mkdir()
    with Receiver() as receiver:
        rest = "bandwidth: 200KB/s\n" + http(receiver.url)
        rest += "  disk: {type: folder, path: archive}\n"
        with Daemon(tmp_path, inbox="deliver: [server, disk]", rest=rest) as daemon:
            began = time.monotonic()
            for number in range(2):
                daemon.drop(f"{number}.bin", bytes([number]) * 50_000)
            daemon.wait_for(State.DONE, 2)
        assert time.monotonic() - began >= 0.7


def test_what_waits_at_a_reload_goes_where_the_new_configuration_says(tmp_path: Path) -> None:
    """What waits for its turn does, and so does what waits for its next attempt."""
    extra = "    concurrency: {max: 1, adaptive: false}\n"
    with Receiver(status(429, Retry_After="20")) as old, Receiver() as new:
        rest = http(old.url, extra).replace("max: 50ms", "max: 30s")
        with Daemon(tmp_path, inbox=DELIVER, rest=rest) as daemon:
            for number in range(4):
                daemon.drop(f"{number}.bin", b"%d" % number)
            wait_until(lambda: len(old.requests) == 1, "the first request")
            wait_until(
                lambda: daemon.service._pipeline.lanes()["server"]["waiting"] == 3, "the others"
            )
            daemon.configure(DELIVER, http(new.url, extra))
            daemon.service.signalled(1)
            jobs = daemon.wait_for(State.DONE, 4)
            assert sorted(job.deliveries[0].attempts for job in jobs) == [1, 1, 1, 2]
            assert len(new.requests) == 4
            assert len(old.requests) == 1


def test_a_reload_mends_a_destination_that_was_down(tmp_path: Path) -> None:
    """Files that were parked for long because of a mistake in the address go at once."""
    slow = "retry: {attempts: 1, initial: 60s, max: 600s}"
    usual = "retry: {attempts: 3, initial: 10ms, max: 50ms, give_up_after: 1h}"
    with Receiver() as new:
        rest = http("http://127.0.0.1:1/").replace(usual, slow)
        limits = replace(QUICK, park_max=600.0)
        with Daemon(tmp_path, inbox=DELIVER, rest=rest, limits=limits) as daemon:
            for number in range(3):
                daemon.drop(f"{number}.bin", b"%d" % number)
            daemon.wait_for(State.PARKED, 3)
            daemon.configure(DELIVER, http(new.url))
            daemon.service.signalled(1)
            daemon.wait_for(State.DONE, 3)
