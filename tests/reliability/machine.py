"""Random histories of the whole engine, and the promises at every moment of them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from daemon.crashpoints import POINTS
from daemon.errors import EnvironmentFaultError
from daemon.jobs.changes import CancelRequested, TakenUp
from tests.reliability.disk import Disk, PowerCutError
from tests.reliability.simulation import Clock, Engine, Server, configure, crashing

NAMES = st.sampled_from(("a.bin", "b.bin", "c.bin"))
FAULTS = st.sampled_from((errno.ENOSPC, errno.EIO, errno.EROFS, errno.EMFILE))
YEAR = 365 * 86400.0
_ELSEWHERE = ("child", "copy", "read", "reload", "stop", "cancel")
ENGINE_POINTS = st.sampled_from(sorted(p for p in POINTS if p.split(".")[0] not in _ELSEWHERE))


class EngineMachine(RuleBasedStateMachine):
    """A person, a server, a disk and a clock around one daemon after the other."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        where = memory if memory.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(dir=where, prefix="inboxd-test-"))
        configure(self.folder)
        self.inbox = self.folder / "disk" / "inbox"
        self.disk = Disk(os.fsencode(self.folder / "disk"))
        self.server = Server()
        self.clock = Clock()
        self.owed: set[bytes] = set()
        """What was dropped, and not taken back before the daemon had it."""
        self.away: Path | None = None
        self._number = 0
        self._installed = self.disk.installed()
        self._installed.__enter__()
        self.engine: Engine | None = None

    @initialize()
    def begin(self) -> None:
        """The daemon starts."""
        self._restart()

    # -- a person ------------------------------------------------------------------------------

    @precondition(lambda self: self.away is None)
    @rule(name=NAMES, size=st.integers(1, 3000))
    def drop(self, name: str, size: int) -> None:
        """Write a file, over one that is there if there is one."""
        if not self._is_free(name):
            return
        self._take_back(name)
        (self.inbox / name).write_bytes(self._new(size))
        self.disk.keep(os.fsencode(self.inbox / name))

    @precondition(lambda self: self.away is None)
    @rule(name=NAMES)
    def replace(self, name: str) -> None:
        """Rename another file over one."""
        if not self._is_free(name):
            return
        self._take_back(name)
        other = self.folder / "other"
        other.write_bytes(self._new(10))
        self.disk.forget(os.fsencode(self.inbox / name))
        other.rename(self.inbox / name)
        self.disk.keep(os.fsencode(self.inbox / name))

    @precondition(lambda self: self.away is None)
    @rule(name=NAMES)
    def append(self, name: str) -> None:
        """Write more to a file that is there."""
        path = self.inbox / name
        if path.exists():
            if not self._is_free(name):
                return
            self._take_back(name)
            path.write_bytes(path.read_bytes() + self._new(5, path.read_bytes()))
            self.disk.keep(os.fsencode(path))

    @precondition(lambda self: self.away is None)
    @rule(name=NAMES, other=NAMES)
    def rename(self, name: str, other: str) -> None:
        """Give a file another name."""
        path = self.inbox / name
        if path.exists() and name != other:
            if not self._is_free(name, other):
                return
            self._take_back(other)
            self.disk.forget(os.fsencode(self.inbox / other))
            path.rename(self.inbox / other)
            self.disk.keep(os.fsencode(self.inbox / other))

    @precondition(lambda self: self.away is None)
    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        """Remove a file."""
        if (self.inbox / name).exists():
            if not self._is_free(name):
                return
            self._take_back(name)
            self.disk.forget(os.fsencode(self.inbox / name))
            (self.inbox / name).unlink()

    def _new(self, size: int, before: bytes = b"") -> bytes:
        self._number += 1
        content = b"%d:" % self._number + b"x" * size
        self.owed.add(before + content)
        return content

    def _take_back(self, name: str) -> None:
        if (self.inbox / name).exists():
            self.owed.discard((self.inbox / name).read_bytes())

    def _is_free(self, *names: str) -> bool:
        """Whether a person may lay hands on files: the daemon has not taken them.

        A power cut puts a file back into the inbox that the ledger knows as taken.
        """
        if self.engine is None:
            return not any((self.inbox / name).exists() for name in names)
        taken = {os.fsdecode(job.path) for job in self.engine.store.unfinished() if job.claimed}
        return taken.isdisjoint(names)

    # -- the world -----------------------------------------------------------------------------

    @rule(down=st.sampled_from(("", "", "unreachable", "answers lost", "refuses")))
    def set_server(self, down: str) -> None:
        """The server fails, or recovers."""
        self.server.down = down

    @precondition(lambda self: self.engine is not None)
    @rule(number=st.integers(0, 5))
    def give_up(self, number: int) -> None:
        """A job that has not ended is cancelled."""
        assert self.engine is not None
        jobs = list(self.engine.store.unfinished())
        if jobs:
            self.engine.store.write([CancelRequested(jobs[number % len(jobs)].id)])
            self.engine.nudge()

    @precondition(lambda self: self.engine is not None)
    @rule()
    def retry(self) -> None:
        """All that failed or was given up is taken up again."""
        assert self.engine is not None
        for job in self.engine.store.ended():
            if job.ending is not None and job.ending.folder == "rejected":
                self.engine.store.write([TakenUp(job.id)])
        self.engine.nudge()

    @rule(seconds=st.sampled_from((0.1, 1.0, 60.0, 4000.0)))
    def let_time_pass(self, seconds: float) -> None:
        """Nothing else happens for a while."""
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from((-YEAR, -3600.0, 3600.0, YEAR)))
    def set_clock(self, seconds: float) -> None:
        """The wall clock is set."""
        self.clock.wall += seconds

    @rule(fault=FAULTS)
    def break_disk(self, fault: int) -> None:
        """Every write fails from now on."""
        self.disk.fault = fault

    @precondition(lambda self: self.disk.fault is not None)
    @rule()
    def mend_disk(self) -> None:
        """Writing works again."""
        self.disk.fault = None

    @precondition(lambda self: self.away is None)
    @rule(place=st.sampled_from(("disk", "disk/inbox")))
    def unmount(self, place: str) -> None:
        """The inbox, or the disk with all folders, is not there."""
        self.away = self.folder / place
        self.away.rename(self.folder / "away")

    @precondition(lambda self: self.away is not None)
    @rule()
    def mount(self) -> None:
        """What was not there is there again."""
        assert self.away is not None
        shutil.rmtree(self.away, ignore_errors=True)
        (self.folder / "away").rename(self.away)
        self.away = None

    # -- the daemon ----------------------------------------------------------------------------

    @precondition(lambda self: self.engine is not None)
    @rule()
    def look(self) -> None:
        """The inbox is scanned."""
        assert self.engine is not None
        self.engine.look()

    @precondition(lambda self: self.engine is not None)
    @rule(number=st.integers(0, 3))
    def step(self, number: int) -> None:
        """Something is decided, and one of the steps that wait is taken."""
        assert self.engine is not None
        self.engine.decide()
        if not self.engine.work(number):
            self.engine.file()

    @precondition(lambda self: self.engine is not None)
    @rule()
    def settle(self) -> None:
        """All is done that can be done at this moment."""
        assert self.engine is not None
        self.engine.look()
        self.engine.settle()

    @rule()
    def kill(self) -> None:
        """The daemon is killed between two steps, and started again."""
        self._restart()

    @rule(point=ENGINE_POINTS, occurrence=st.integers(1, 3))
    def kill_at(self, point: str, occurrence: int) -> None:
        """The daemon is killed at a crash point, or not at all, and started again."""

        def end() -> None:
            raise PowerCutError

        with crashing(f"{point}:{occurrence}", end):
            self._live()
        self._restart()

    @precondition(lambda self: self.away is None)
    @rule(
        changes=st.integers(0, 40),
        names=st.sampled_from((0.0, 0.5, 1.0)),
        contents=st.sampled_from((0.0, 0.5, 1.0)),
        seed=st.integers(0, 1000),
    )
    def cut_power(self, changes: int, names: float, contents: float, seed: int) -> None:
        """The power is cut before some change of the disk."""
        self.disk.cut_at = self.disk.changes + changes
        self._live()
        self._end()
        self.disk.lose_power(random.Random(seed), names=names, contents=contents)
        self._restart()

    def _live(self) -> None:
        try:
            if self.engine is None:
                self._restart()
            if self.engine is not None:
                self.engine.look()
                self.engine.settle()
        except PowerCutError:
            pass

    def _end(self) -> None:
        if self.engine is not None:
            self.engine.__exit__(None, None, None)
            self.engine = None

    def _restart(self) -> None:
        """A daemon that cannot start is started again later, as systemd does."""
        self._end()
        engine = Engine(self.folder, self.disk, self.server, self.clock)
        try:
            engine.start()
        except EnvironmentFaultError:
            engine.__exit__(None, None, None)
        except BaseException:
            engine.__exit__(None, None, None)
            raise
        else:
            self.engine = engine

    # -- the promises --------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        """What is owed lies in exactly one place."""
        found = Counter(path.read_bytes() for path in self._originals())
        assert {content: found[content] for content in self.owed if found[content] != 1} == {}

    @invariant()
    def delivered_under_one_key(self) -> None:
        """However often it was sent."""
        assert [keys for keys in self.server.keys.values() if len(keys) > 1] == []

    @invariant()
    def sidecars_are_whole(self) -> None:
        """And what is done was delivered, and has one."""
        for path in self._files("done", "rejected"):
            if path.suffix == ".json":
                json.loads(path.read_bytes())
                continue
            content = path.read_bytes()
            sidecar = path.with_name(f"{path.name}.json")
            if path.parent.name == "rejected" and not sidecar.exists():
                continue  # the file is about to be tried again, and its sidecar goes first
            facts = json.loads(sidecar.read_bytes())
            assert facts["file"]["sha256"] in (hashlib.sha256(content).hexdigest(), None)
            if path.parent.name == "done":
                assert facts["status"] in ("done", "duplicate")
                assert content in self.server.keys
            else:
                assert facts["status"] in ("cancelled", "failed")

    @invariant()
    def no_file_is_blamed(self) -> None:
        """No trouble of disk, clock, server or mount is held against a file."""
        if self.engine is not None:
            faults = [
                job.ending.fault
                for job in self.engine.jobs()
                if job.state in ("failed", "rejected") and job.ending is not None
            ]
            assert [fault for fault in faults if fault is None or fault.code != "refused"] == []

    def teardown(self) -> None:
        """Once all is well again, everything comes to its end."""
        try:
            self.disk.fault = None
            self.disk.cut_at = None
            self.server.down = ""
            if self.away is not None:
                self.mount()
            if self.engine is None:
                self._restart()
            assert self.engine is not None
            self.engine.finish()
            self.retry()
            self.engine.finish()
            self.nothing_is_lost()
            self.sidecars_are_whole()
            self.no_file_is_blamed()
            assert self.engine.disagreements() == []
            assert {p.read_bytes() for p in self._files("done") if p.suffix != ".json"} >= self.owed
            assert list(self._files("work")) == []
        finally:
            self._end()
            self._installed.__exit__(None, None, None)
            shutil.rmtree(self.folder)

    def _originals(self) -> Iterator[Path]:
        for path in self._files("inbox", "work", "done", "rejected"):
            if path.suffix != ".json":
                yield path

    def _files(self, *folders: str) -> Iterator[Path]:
        """What lies in some folders, also in those that are away."""
        for top in (self.folder / "disk", self.folder / "away"):
            for folder in folders:
                if (top / folder).is_dir():
                    yield from (p for p in (top / folder).iterdir() if p.name[0] != ".")
        if self.away == self.inbox and "inbox" in folders:
            yield from (p for p in (self.folder / "away").iterdir() if p.is_file())
