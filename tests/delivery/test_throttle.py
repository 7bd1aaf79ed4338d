"""Bandwidth limits: one bucket for each destination and one for all, by the hour."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from daemon.config.bandwidth import Bandwidth, Window
from daemon.config.destinations import FolderDestinationConfig
from daemon.delivery.destination import Destination, Parcel
from daemon.delivery.folder.destination import FolderDestination
from daemon.delivery.pacing.throttle import UNLIMITED, Throttle, Throttles
from daemon.errors import StoppedError
from daemon.limits import KIB
from tests.delivery.parcels import http_destination, never, parcel_of, write
from tests.receiver import Receiver
from tests.waiting import PATIENCE


def test_turns_follow_each_other_at_the_rate() -> None:
    """A thousand bytes take a thousand seconds at one a second, whoever asks for them."""
    throttle = Throttle(Bandwidth(1))
    assert throttle.reserve(1000) == 0
    assert throttle.reserve(500) == pytest.approx(1000, abs=PATIENCE)
    assert throttle.reserve(1) == pytest.approx(1500, abs=PATIENCE)


def test_both_limits_must_grant() -> None:
    """The narrower of the two decides, and what one upload takes another cannot have."""
    own, shared = Throttle(Bandwidth(10**9)), Throttle(Bandwidth(100_000))
    stop = threading.Event()
    began = time.monotonic()
    for throttles in (Throttles(own, shared), Throttles(shared), Throttles(own, shared)):
        throttles.take(10_000, stop)
    assert time.monotonic() - began >= 0.19


def test_the_rate_is_that_of_the_hour() -> None:
    """A limit that begins or ends is followed from the next piece on."""
    wall = 0.0
    bandwidth = Bandwidth(None, (Window(0, 1440, 1),))
    throttle = Throttle(Bandwidth(None), lambda: wall)
    assert [throttle.reserve(10**9) for _ in range(3)] == [0.0] * 3
    limited = Throttle(bandwidth, lambda: wall)
    assert limited.reserve(1000) == 0
    assert limited.reserve(1) == pytest.approx(1000, abs=PATIENCE)


def test_no_limit_costs_no_wait() -> None:
    """Most uploads meet none."""
    assert not UNLIMITED
    assert not Throttles(None, None)
    assert UNLIMITED.take(10**12, threading.Event()) == 0
    assert UNLIMITED.piece(4096) == 4096


def test_pieces_are_small_under_a_narrow_limit() -> None:
    """So that an upload flows; never so small that each byte is asked for."""
    narrow = Throttles(Throttle(Bandwidth(10**6)), Throttle(Bandwidth(10**5)))
    assert narrow.piece(10**6) == 10**4
    assert Throttles(Throttle(Bandwidth(5))).piece(10**6) == KIB
    by_night = Bandwidth(None, (Window(0, 60, 20_000),))
    assert Throttles(Throttle(by_night)).piece(10**6) == 2000


def test_a_stop_ends_the_wait() -> None:
    """Nobody waits for the turn of a gigabyte."""
    throttles, stop = Throttles(Throttle(Bandwidth(1))), threading.Event()
    throttles.take(3600, stop)
    stop.set()
    with pytest.raises(StoppedError):
        throttles.take(1, stop)


def limited(parcel: Parcel, throttle: Throttle) -> Parcel:
    """The same parcel under a limit that it shares."""
    facts = {name: getattr(parcel, name) for name in Parcel.__slots__}
    return Parcel(**{**facts, "throttle": throttle})


def test_one_limit_holds_for_a_server_and_a_folder_together(tmp_path: Path) -> None:
    """Bytes are counted wherever they go."""
    shared = Throttle(Bandwidth(1_000_000))
    parcel = limited(parcel_of(write(tmp_path, b"x" * 150_000)), shared)
    (tmp_path / "archive").mkdir()
    folder = FolderDestinationConfig.model_validate(
        {"type": "folder", "path": tmp_path / "archive"}
    )
    with Receiver() as receiver:
        both: list[Destination] = [
            http_destination(receiver.url, bandwidth="1GB/s"),
            FolderDestination("disk", folder),
        ]
        began = time.monotonic()
        threads = [
            threading.Thread(target=each.deliver, args=(parcel, lambda _: None, never()))
            for each in both
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert time.monotonic() - began >= 0.2
        for each in both:
            each.close()
        assert receiver.contents == {parcel.sha256}
