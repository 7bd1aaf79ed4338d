"""Kills a real daemon over and over while files go through it, and says what became of them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.receiver import Receiver, failing_at_random
from tests.waiting import eventually, wait_until

_CONFIG = """\
state: state
workers: 4
inboxes:
  box:
    path: inbox
    settle: 100ms
    accept: ["*/*"]
    max_size: 100MB
    deliver: [server]
    read: none
destinations:
  server:
    type: http
    url: {url}
    data: {{sha256: "{{sha256}}"}}
    retry: {{attempts: 4, initial: 10ms, max: 100ms, give_up_after: 1h}}
    timeout: {{connect: 2s, read: 5s}}
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found when all was over; every list should be empty."""

    kills: int
    requests: int
    not_done: list[str] = field(default_factory=list)
    bad_sidecars: list[str] = field(default_factory=list)
    not_received: list[str] = field(default_factory=list)
    several_keys: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)
    """Files that lay nowhere, or in two places, when the daemon had been killed."""
    disagreements: str = ""
    """What `inboxd verify` found in the end."""


class KillRun:
    """One run in `folder`: `files` dropped bit by bit while the daemon is killed `kills` times."""

    def __init__(self, folder: Path, *, files: int, kills: int, seed: int) -> None:
        self._folder = folder
        self._kills = kills
        self._seed = seed
        self._pick = random.Random(seed)
        self._contents = self._make_contents(files)
        self._log = folder / "log.jsonl"
        self._inbox = folder / "inbox"
        self._inbox.mkdir()
        self._dropped: dict[str, bytes] = {}
        self._misplaced: list[str] = []
        self._half_sidecars: list[str] = []

    def run(self) -> Outcome:
        """Do it all and look at the end state."""
        with Receiver(otherwise=failing_at_random(self._seed)) as receiver:
            config = self._folder / "config.yaml"
            config.write_text(_CONFIG.format(url=receiver.url))
            waiting = list(self._contents.items())
            for number in range(self._kills):
                left = self._kills - number
                self._live_and_die(config, [waiting.pop() for _ in range(-(-len(waiting) // left))])
            self._finish(config)
            return self._outcome(receiver, _verify(config))

    def _make_contents(self, count: int) -> dict[str, bytes]:
        contents = {}
        for number in range(count):
            if number % 5 == 0:
                picture = BytesIO()
                colour = tuple(self._pick.randbytes(3))
                Image.new("RGB", (30 + number % 50, 40), colour).save(picture, "PNG")
                contents[f"picture {number}.png"] = picture.getvalue()
                continue
            size = self._pick.choice((0, 1, 500, 4_000, 70_000, 300_000, 3_000_000))
            contents[f"file-{number}.bin"] = b"%d:" % number + self._pick.randbytes(size)
        return contents

    def _start(self, config: Path) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "daemon", "run", "-c", str(config)],
                stderr=log,
                stdout=log,
            )

    def _live_and_die(self, config: Path, drops: list[tuple[str, bytes]]) -> None:
        """Start, drop files at odd moments, and kill at a moment of chance."""
        daemon = self._start(config)
        try:
            # From before the ledger is open until long after the first files are through.
            life = self._pick.choice((0.1, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)) * 1.2
            end = time.monotonic() + life * self._pick.uniform(0.6, 1.0)
            for name, content in drops:
                self._drop(name, content)
                time.sleep(self._pick.uniform(0, 0.02))
            while time.monotonic() < end:
                assert daemon.poll() is None, f"the daemon ended by itself: {daemon.returncode}"
                time.sleep(0.01)
        finally:
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
        self._look_around()

    def _look_around(self) -> None:
        """See that each file lies in one place and no sidecar is half, at this very moment."""
        found: Counter[bytes] = Counter()
        for folder in ("inbox", "work", "done", "rejected"):
            place = self._folder / folder
            for path in place.iterdir() if place.is_dir() else ():
                if path.name.startswith("."):
                    continue
                if path.suffix == ".json":
                    if not _is_json(path):
                        self._half_sidecars.append(path.name)
                else:
                    found[_mark(path.read_bytes())] += 1
        self._misplaced += [
            name for name, content in self._dropped.items() if found[_mark(content)] != 1
        ]

    def _drop(self, name: str, content: bytes) -> None:
        """Write in place, or beside and rename, as programs do."""
        self._dropped[name] = content
        target = self._inbox / name
        if self._pick.random() < 0.5:
            target.write_bytes(content)
            return
        temporary = self._inbox / f".{name}.part"
        temporary.write_bytes(content)
        temporary.rename(target)

    def _finish(self, config: Path) -> None:
        """Let the daemon live until nothing is left to do, then stop it in good order."""
        before = self._log.stat().st_size
        daemon = self._start(config)
        try:
            # A signal that comes before it is ready ends it as any program.
            wait_until(lambda: b'"daemon.ready"' in self._log.read_bytes()[before:], "the start")
            eventually(lambda: not self._unfinished(), 120)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(60) == 0
        finally:
            daemon.kill()
            daemon.wait()

    def _unfinished(self) -> bool:
        done = self._folder / "done"
        return not done.is_dir() or len(os.listdir(done)) < 2 * len(self._contents)

    def _outcome(self, receiver: Receiver, disagreements: str) -> Outcome:
        done = self._folder / "done"
        outcome = Outcome(
            self._kills,
            len(receiver.requests),
            bad_sidecars=self._half_sidecars,
            misplaced=self._misplaced,
            disagreements=disagreements,
        )
        keys = defaultdict(set)
        whole = set()
        for request in receiver.requests:
            if request.complete and request.sha256:
                keys[request.sha256].add(request.key)
                whole.add(request.sha256)
        for name, content in self._contents.items():
            digest = hashlib.sha256(content).hexdigest()
            original = done / name
            if not original.is_file() or original.read_bytes() != content:
                outcome.not_done.append(name)
            if not _is_complete(done / f"{name}.json", digest):
                outcome.bad_sidecars.append(name)
            if digest not in whole:
                outcome.not_received.append(name)
            if len(keys[digest]) > 1:
                outcome.several_keys.append(name)
        expected = set(self._contents) | {f"{name}.json" for name in self._contents}
        for folder in ("inbox", "work", "done", "rejected"):
            names = set(os.listdir(self._folder / folder))
            extra = names - expected if folder == "done" else names
            outcome.left_over.extend(f"{folder}/{name}" for name in sorted(extra))
        return outcome


def _mark(content: bytes) -> bytes:
    """What tells a file from all others of the run, cheaply."""
    return b"%d " % len(content) + content[:64] + content[-64:]


def _verify(config: Path) -> str:
    """What `inboxd verify` says where it does not end with 0."""
    command = [sys.executable, "-m", "daemon", "verify", "-c", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr if ended.returncode else ""


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def _is_complete(path: Path, digest: str) -> bool:
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return (
        facts["schema"] == "inboxd/sidecar/1"
        and facts["status"] == "done"
        and facts["file"]["sha256"] == digest
        and [d["state"] for d in facts["deliveries"]] == ["delivered"]
    )
