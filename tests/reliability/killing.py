"""Kills a real daemon over and over while a mixed load goes through it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.receiver import failing_at_random
from tests.reliability.world import TEXT, Fate, Starter, World
from tests.waiting import eventually, wait_until

_INBOX = "deliver: [sure, unsure, shelf]"
_INBOXES = """\
pages: {path: inbox-pages, settle: 50ms, accept: ["image/png"], deliver: [sure], read: text}
kept: {path: inbox-kept, settle: 50ms, accept: ["*/*"], deliver: [unsure], read: none,\
 originals: keep}
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found: `faults` should be empty, whatever the number of kills."""

    kills: int
    files: int
    requests: int
    faults: list[str] = field(default_factory=list)


class KillRun:
    """One run in `folder`: `files` dropped bit by bit while the daemon is killed `kills` times.

    A third of the files goes to three destinations, of which one fails at random, a third is read,
    a third stays where it was dropped. `longest` is how many seconds a daemon lives at most.
    """

    def __init__(
        self,
        folder: Path,
        starter: Starter,
        *,
        files: int,
        kills: int,
        seed: int,
        longest: float,
    ) -> None:
        self._kills = kills
        self._longest = longest
        self._pick = random.Random(seed)
        unsure = failing_at_random(seed)
        self._world = World(folder, starter, inbox=_INBOX, inboxes=_INBOXES, unsure=unsure)
        for name in ("inbox-pages", "inbox-kept"):
            (folder / name).mkdir()
        self._waiting = [self._make(number) for number in range(files)]

    def run(self) -> Outcome:
        """Do it all and look at the end state."""
        with self._world as world:
            faults = [fault for left in range(self._kills, 0, -1) for fault in self._one(left)]
            if not faults:
                self._finish()
                faults = world.faults_at_the_end()
            requests = len(world.sure.requests) + len(world.unsure.requests)
            return Outcome(self._kills, len(world.fates), requests, faults)

    def _make(self, number: int) -> tuple[str, Fate]:
        """The folder that a file is dropped into, and what is to become of it."""
        kind = number % 3
        if kind == 0:
            picture = BytesIO()
            colour = tuple(self._pick.randbytes(3))
            Image.new("RGB", (30 + number % 50, 40 + number // 50), colour).save(picture, "PNG")
            return "inbox-pages", Fate(f"picture {number}.png", picture.getvalue(), text=TEXT)
        size = self._pick.choice((0, 1, 500, 4_000, 70_000, 300_000, 1_000_000))
        content = b"%d:" % number + self._pick.randbytes(size)
        if kind == 1:
            everywhere = ("sure", "unsure", "shelf")
            return "inbox", Fate(f"file-{number}.bin", content, destinations=everywhere)
        name = f"kept-{number}.bin"
        fate = Fate(name, content, destinations=("unsure",), original="inbox-kept")
        return "inbox-kept", fate

    def _one(self, left: int) -> Iterator[str]:
        """Start, drop files at odd moments, kill at a moment of chance, and look."""
        world = self._world
        pid = world.start()
        # From before the ledger is open until long after the first files are through.
        end = time.monotonic() + self._longest * self._pick.random() ** 2
        for _ in range(-(-len(self._waiting) // left)):
            inbox, fate = self._waiting.pop()
            world.drop(fate, inbox=inbox, in_place=self._pick.random() < 0.5)
            time.sleep(self._pick.uniform(0, 0.02))
        time.sleep(max(0.0, end - time.monotonic()))
        os.kill(pid, signal.SIGKILL)
        code = world.wait(pid)
        if code != -signal.SIGKILL:
            yield f"the daemon ended by itself: {code}"
        yield from world.faults_now()

    def _finish(self) -> None:
        """Let the daemon live until nothing is left to do, then stop it in good order."""
        world = self._world
        world.log.unlink()
        pid = world.start()
        wait_until(lambda: world.logged("daemon.ready"), "the start")
        sidecars = {f"{name}.json" for name in world.fates}
        done = world.folder / "done"
        patience = 120 + len(sidecars) / 5
        eventually(lambda: done.is_dir() and sidecars <= set(os.listdir(done)), patience)
        os.kill(pid, signal.SIGTERM)
        assert world.wait(pid) == 0
