"""Promise 5 in a whole daemon: one bad file and all the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from daemon.jobs.model import State
from daemon.observing.events import Event
from tests.running import QUICK, Daemon
from tests.validation import samples
from tests.waiting import wait_until


def test_a_file_that_keeps_its_parser_busy_holds_up_no_other(tmp_path: Path) -> None:
    """While one picture is being decoded without end, those that come after it are done."""
    limits = replace(QUICK, prove_timeout=60.0, drain_timeout=0.1)
    with Daemon(tmp_path, inbox='accept: ["image/*"]', limits=limits) as daemon:
        daemon.drop("endless.jpg", samples.endless_scans_jpeg(450, (5000, 5000)))
        wait_until(lambda: daemon.log.of(Event.JOB_CLAIMED), "the bad one to be taken")
        for number in range(5):
            daemon.drop(f"{number}.png", samples.png_of(8, 8 + number))
        daemon.wait_for(State.DONE, 5)
        (endless,) = daemon.jobs(State.RUNNING)
        assert endless.name == "endless.jpg"
        assert (daemon.work / endless.id).exists()
