"""What a kill leaves and the next start takes up is no disagreement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.nursery import Nursery
from tests.reliability.report import Outcome
from tests.reliability.scenarios import SCENARIOS
from tests.reliability.world import World, install_engine

_NAMED = {scenario.name: scenario for scenario in SCENARIOS}
CASES = [
    *(
        ("three files to three destinations", point)
        for point in (
            *("admit.queued", "claim.taken", "claim.renamed", "deliver.answered", "deliver.copied"),
            *("record.written", "record.renamed", "record.committed", "file.moved"),
            "file.committed",
        )
    ),
    ("pictures that are read", "read.written"),
    ("pictures that are read", "file.committed"),
    ("originals that go", "file.moved"),
    ("originals that stay", "record.durable"),
    ("a file tried again", "retry.sidecar_removed"),
    ("a file tried again", "retry.fetched"),
    ("inboxd retry", "retry.requested"),
    ("a link that is followed", "link.fetched"),
    ("a link that is followed", "link.queued"),
    ("a file given up", "record.durable"),
    ("a file that changes before it is claimed", "unclaim.committed"),
]


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """A process that forks daemons, with the stand-in engine installed."""
    folder = tmp_path_factory.mktemp("engine")
    install_engine(folder)
    with Nursery(folder) as nursery:
        yield nursery


@pytest.mark.reliability(
    "Health", "verify after a kill, without a restart", "nothing is told that a start takes up"
)
def test_a_kill_leaves_no_disagreement(tmp_path: Path, nursery: Nursery, outcome: Outcome) -> None:
    """Whoever asks before the daemon is back is not sent to mend what it mends itself."""
    told = {}
    for number, (name, point) in enumerate(CASES):
        scenario = _NAMED[name]
        folder = tmp_path / str(number)
        with World(folder, nursery, inbox=scenario.inbox, engine=scenario.engine) as world:
            scenario.prepare(world)
            scenario.act(world, f"{point}:1")
            if world.command("verify") != 0:
                told[name, point] = world.log.read_text("utf-8")[-600:]
    assert told == {}
    outcome(f"{len(CASES)} kills, nothing told")
