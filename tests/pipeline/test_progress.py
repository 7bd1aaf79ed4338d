"""What is told of a delivery under way: percent, rate and time left, as they are now."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.pipeline.progress import ProgressTable, Transfer
from tests.waiting import StoppedClock

MB = 1_000_000


class Upload:
    """A transfer of 100 MB that a test moves on."""

    def __init__(self, total: int = 100 * MB) -> None:
        self.clock = StoppedClock()
        self.table = ProgressTable(self.clock)
        self.transfer: Transfer = self.table.begin("job", "box", "r.bin", "server", total)

    def go(self, seconds: float, rate: float, start: int | None = None) -> dict[str, Any]:
        """Send for so long at a rate, in steps of a tenth of a second; returns what is told."""
        sent = float(self.transfer.sent if start is None else start)
        for _ in range(round(seconds * 10)):
            self.clock.time += 0.1
            sent += rate / 10
            self.transfer.reached(round(sent), self.clock.time)
        return self.told()

    def told(self) -> dict[str, Any]:
        (told,) = self.table.tell()
        return told


@pytest.fixture
def upload() -> Upload:
    return Upload()


def test_a_steady_upload(upload: Upload) -> None:
    """Percent, rate and time left agree with each other."""
    told = upload.go(10, 5 * MB)
    assert told["percent"] == 50.0
    assert told["rate"] == pytest.approx(5 * MB, rel=0.01)
    assert told["seconds_left"] == pytest.approx(10, rel=0.02)
    assert told["again_in"] is None


def test_a_rate_that_changes_is_followed(upload: Upload) -> None:
    """What was an hour ago says nothing about the time that is left."""
    upload.go(5, 10 * MB)
    told = upload.go(15, 1 * MB)
    assert told["rate"] == pytest.approx(MB, rel=0.6)
    told = upload.go(10, 1 * MB)
    assert told["rate"] == pytest.approx(MB, rel=0.1)


def test_what_an_earlier_attempt_sent_makes_no_speed(upload: Upload) -> None:
    """A resumed upload begins at half of the file, which nobody sent in a tenth of a second."""
    told = upload.go(2, 2 * MB, start=50 * MB)
    assert told["percent"] == 54.0
    assert told["rate"] == pytest.approx(2 * MB, rel=0.1)


def test_what_stands_still_gets_slower(upload: Upload) -> None:
    """A stalled upload does not shine with the rate that it had."""
    upload.go(5, 4 * MB)
    upload.clock.time += 30
    assert upload.told()["rate"] < 0.05 * MB


def test_what_stands_still_is_stalled(upload: Upload) -> None:
    """After a while no time left is told, but for how long nothing moved; then it goes on."""
    upload.go(5, 4 * MB)
    upload.clock.time += 4
    assert upload.told()["stalled_for"] is None
    upload.clock.time += 8
    told = upload.told()
    assert (told["stalled_for"], told["rate"], told["seconds_left"]) == (12.0, 0, None)
    told = upload.go(3, 4 * MB)
    assert told["stalled_for"] is None
    assert told["seconds_left"] > 0


def test_a_server_that_takes_nothing_at_all_is_stalled(upload: Upload) -> None:
    """Also where not a byte was sent yet, in a first attempt and in a second."""
    upload.clock.time += 7
    assert upload.told()["stalled_for"] == 7.0
    upload.transfer.failed(upload.clock.time + 30)
    upload.clock.time += 29
    assert (upload.told()["stalled_for"], upload.told()["again_in"]) == (None, 1.0)
    upload.clock.time += 10
    assert (upload.told()["stalled_for"], upload.told()["again_in"]) == (9.0, None)


def test_an_answer_that_is_awaited_is_no_stall(upload: Upload) -> None:
    """All is sent; what the server does with it may take its time."""
    upload.go(10, 10 * MB)
    upload.clock.time += 60
    told = upload.told()
    assert (told["percent"], told["stalled_for"], told["seconds_left"]) == (100.0, None, 0.0)


@given(
    st.lists(
        st.tuples(st.floats(0, 30), st.integers(-(10**6), 10**7) | st.none()),
        max_size=40,
    )
)
def test_whatever_happens_what_is_told_can_be_believed(
    steps: list[tuple[float, int | None]],
) -> None:
    """No rate below zero or above what was ever sent at once, no time left that is no number."""
    upload = Upload()
    sent = 0
    for seconds, more in steps:
        upload.clock.time += seconds
        if more is None:
            sent = 0
            upload.transfer.failed(upload.clock.time + 1)
        else:
            sent = min(max(sent + more, 0), upload.transfer.total)
            upload.transfer.reached(sent, upload.clock.time)
        told = upload.told()
        assert 0 <= told["percent"] <= 100
        assert 0 <= told["rate"] <= 10**7 / 0.25
        left = told["seconds_left"]
        assert left is None or 0 <= left < math.inf
        assert told["stalled_for"] is None or left is None


def test_too_early_to_say(upload: Upload) -> None:
    """No rate and no time left are better than wrong ones."""
    told = upload.told()
    assert (told["percent"], told["rate"], told["seconds_left"]) == (0.0, 0, None)


def test_a_wait_for_the_next_attempt(upload: Upload) -> None:
    """It is told when that begins, and the rate begins anew."""
    upload.go(5, 4 * MB)
    upload.transfer.failed(upload.clock.time + 30)
    upload.clock.time += 10
    told = upload.told()
    assert (told["bytes"], told["rate"], told["again_in"]) == (0, 0, 20.0)
    told = upload.go(2, 1 * MB)
    assert told["again_in"] is None
    assert told["rate"] == pytest.approx(MB, rel=0.1)


def test_an_empty_file_is_sent_at_once() -> None:
    """Nothing of nothing is all of it."""
    assert Upload(0).told()["percent"] == 100.0


def test_what_has_ended_is_not_told(upload: Upload) -> None:
    """Only what is under way is."""
    upload.table.end(upload.transfer)
    assert upload.table.tell() == []
