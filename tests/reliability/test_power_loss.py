"""Promises 1 to 4, 6 and 7 when the power is cut before any change of the disk.

The ledger is taken to be as its last commit left it, which SQLite answers for: write-ahead log,
synchronous=FULL.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from daemon.jobs.changes import TakenUp
from tests.reliability import LONG_RUN
from tests.reliability.disk import Disk, PowerCutError
from tests.reliability.report import Outcome
from tests.reliability.simulation import Clock, Engine, Server, configure

CONTENTS = (b"a small file", b"a larger file" * 900)
LOSSES = [(1.0, 1.0, 0), (0.0, 1.0, 0), (0.5, 0.5, 1)]
"""The chance of a name to be lost, that of content, and a seed."""
if LONG_RUN:
    LOSSES += [(1.0, 0.0, 0), *((0.5, 0.5, seed) for seed in range(2, 40))]


@dataclass(frozen=True, slots=True)
class History:
    """What happens until the power is cut, on an inbox configured so."""

    name: str
    inbox: str = "deliver: [server]"
    subfolder: str = ""
    synced: bool = True
    """Whether who dropped the files had them synced."""
    before: Callable[[Engine, Server], None] | None = None

    def __str__(self) -> str:
        return self.name


def _refuse(engine: Engine, server: Server) -> None:
    """Files are refused for good, then taken up again."""
    server.down = "refuses"
    engine.finish()
    server.down = ""
    engine.store.write([TakenUp(job.id) for job in engine.jobs()])


HISTORIES = (
    History("delivered"),
    History("only filed", inbox="deliver: []"),
    History("in a folder of the inbox", "deliver: [server]\nrecursive: true", "below/deeper"),
    History("originals that go", inbox="deliver: [server]\noriginals: delete"),
    History("originals that stay", inbox="deliver: [server]\noriginals: keep"),
    History("tried again from rejected/", before=_refuse),
    History("dropped and never synced", synced=False),
)


class PowerLoss:
    """One history in `folder`, cut before one change, and what came after."""

    def __init__(self, folder: Path, history: History) -> None:
        self._folder = folder
        self._history = history
        configure(folder, history.inbox)
        self.disk = Disk(os.fsencode(folder / "disk"))
        self.server = Server()
        self.clock = Clock()
        self._inbox = folder / "disk" / "inbox" / history.subfolder
        self._inbox.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(CONTENTS):
            (self._inbox / f"{number}.bin").write_bytes(content)
        self.disk.keep(os.fsencode(self._inbox))
        if not history.synced:
            self.disk.unsync()

    def cut(self, change: int, names: float, contents: float, seed: int) -> bool:
        """Run until a change, cut, start again and finish; tells whether there was that change."""
        with self.disk.installed():
            with self._engine() as engine:
                was_cut = self._live(engine, change)
            self.disk.cut_at = None
            if was_cut:
                self.disk.lose_power(random.Random(seed), names=names, contents=contents)
            with self._engine() as engine:
                engine.start()
                engine.finish()
                assert engine.disagreements() == []
                self._look(engine)
        return was_cut

    def _engine(self) -> Engine:
        return Engine(self._folder, self.disk, self.server, self.clock)

    def _live(self, engine: Engine, change: int) -> bool:
        try:
            if self._history.before is not None:
                engine.start()
                self._history.before(engine, self.server)
                engine.decide()
                self.disk.cut_at = self.disk.changes + change
                engine.nudge()
            else:
                self.disk.cut_at = change
                engine.start()
            engine.finish()
        except PowerCutError:
            return True
        return False

    def _look(self, engine: Engine) -> None:
        """Every file is at its end, once, with its sidecar, and was delivered under one key."""
        disk = self._folder / "disk"
        ends = list(_files(disk / "done")) + list(_files(disk / "rejected"))
        assert list(_files(disk / "work")) == []
        originals = [path for path in ends if path.suffix != ".json"]
        keeps = "keep" in self._history.inbox
        if keeps:
            originals = list(_files(disk / "inbox"))
        else:
            assert list(_files(disk / "inbox")) == []
        for path in (path for path in ends if path.suffix == ".json"):
            facts = json.loads(path.read_bytes())
            original = next((o for o in originals if o.name == facts["file"]["name"]), None)
            if original is not None and facts["file"]["sha256"] is not None:
                assert sha256(original.read_bytes()).hexdigest() == facts["file"]["sha256"]
        assert all(len(keys) == 1 for keys in self.server.keys.values()), self.server.keys
        if not self._history.synced:
            return  # who does not sync may lose what was not taken yet; nothing else
        assert engine.unhappy() == []
        assert len([path for path in ends if path.suffix == ".json"]) == len(CONTENTS)
        left = () if "delete" in self._history.inbox else sorted(CONTENTS)
        assert sorted(path.read_bytes() for path in originals) == sorted(left)
        if "server" in self._history.inbox:
            assert set(self.server.keys) == set(CONTENTS)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


@pytest.mark.reliability(
    "Power loss", "{history}", "each file at its end, delivered under one key, sidecar whole"
)
@pytest.mark.parametrize("history", HISTORIES, ids=str)
def test_a_power_cut_loses_nothing(history: History, fast_disk: Path, outcome: Outcome) -> None:
    """Before each change in turn, with all, none or some of what was not synced lost."""
    changes = 0
    for names, contents, seed in LOSSES:
        changes = 0
        while PowerLoss(fast_disk / f"{names}-{contents}-{seed}-{changes}", history).cut(
            changes, names, contents, seed
        ):
            changes += 1
    outcome(f"cut before each of {changes} changes, {len(LOSSES)} ways to lose what is not synced")
