"""A real daemon on an inbox, a receiver, and what must have come through once all is over."""

from __future__ import annotations

import hashlib
import os
import re
import signal
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from daemon.clock import SystemClock
from daemon.jobs.model import ENDS, State
from daemon.jobs.state_folder import StateFolder
from tests.receiver import Receiver
from tests.reliability.world import Starter
from tests.waiting import PATIENCE, wait_until

_CONFIG = """\
state: state
inboxes:
  box:
    path: inbox
    done: done
    rejected: rejected
    work: work
    accept: ["*/*"]
    max_size: 1GB
    read: none
    {inbox}
destinations:
  server: {{type: http, url: "{url}", method: POST}}
"""
_EVENT = re.compile(rb'"event": "([a-z._]+)"')


class Arrivals:
    """One daemon in `folder`, as a process of its own; a context manager that ends it.

    `inbox` is added to the configuration of its inbox. A test has files written to `inbox` by any
    means, says by `expect` what each finally holds, and calls `check`.
    """

    def __init__(
        self, folder: Path, starter: Starter, *, inbox: str = "settle: 200ms", deliver: bool = True
    ) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.inbox.mkdir(parents=True)
        self.receiver = Receiver()
        self.expected: Counter[str] = Counter()
        self.pid = 0
        self._deliver = deliver
        self._keep = "originals: keep" in inbox
        self._starter = starter
        self.config = folder / "config.yaml"
        self._log = folder / "log"
        self._read = 0
        self._events: Counter[bytes] = Counter()
        wanted = f"{inbox}\n    deliver: [{'server' if deliver else ''}]"
        self.config.write_text(_CONFIG.format(inbox=wanted, url=self.receiver.url))

    def __enter__(self) -> Self:
        self.receiver.__enter__()
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
                self._starter.wait(self.pid)
        finally:
            self.receiver.close()

    def start(self) -> None:
        """Start the daemon and wait until it watches."""
        before = self._ready()
        self.pid = self._starter.start("run", "-c", str(self.config), log=self._log)
        wait_until(lambda: self._ready() > before, lambda: f"the start: {self.log()[-2000:]}")

    def expect(self, *contents: bytes | Path) -> None:
        """Each of these must come through once, and nothing else; a path is read now."""
        for content in contents:
            data = content.read_bytes() if isinstance(content, Path) else content
            self.expected[hashlib.sha256(data).hexdigest()] += 1

    def delivered(self) -> Counter[str]:
        """How often each content came whole to the receiver, by sha256."""
        whole = [r for r in list(self.receiver.requests) if r.complete and r.method != "HEAD"]
        return Counter(r.sha256 for r in whole if r.sha256 is not None)

    def done(self) -> list[Path]:
        """The originals that were filed; a sidecar that is being written is none."""
        filed = [path for path in _files(self.folder / "done") if path.name[:8] != ".inboxd-"]
        return [path for path in filed if not _is_sidecar(path)]

    def settled(self) -> bool:
        """Whether no job is left to be done."""
        ledger = StateFolder(self.folder / "state").existing_ledger(SystemClock())
        try:
            states = {State(state) for counts in ledger.counts().values() for state in counts}
        finally:
            ledger.close()
        return states <= ENDS

    def check(self, seconds: float = PATIENCE, *, left: Iterable[str | bytes] = ()) -> None:
        """All that is expected has come through once, and nothing more comes of a second start.

        `left` are the names that must still be in the inbox.
        """
        wait_until(self._through, self._missing, seconds)
        os.kill(self.pid, signal.SIGTERM)
        code, self.pid = self._starter.wait(self.pid), 0
        assert code == 0, self.log()[-2000:]
        for command in ("once", "verify"):
            code = self._starter.run(command, "-c", str(self.config), log=self._log)
            assert code == 0, self.log()[-2000:]
        if self._deliver:
            assert self.delivered() == self.expected
        if not self._keep:
            names = {os.fsencode(path.name) for path in _files(self.inbox)}
            assert names == {os.fsencode(name) for name in left}
            assert self._in_done() == self.expected
        assert list((self.folder / "work").iterdir()) == []
        assert list((self.folder / "rejected").iterdir()) == []

    def log(self) -> str:
        """All that the daemon said."""
        return self._log.read_text() if self._log.exists() else ""

    def logged(self, event: str) -> int:
        """How many events of a kind are in the log."""
        if self._log.exists():
            with self._log.open("rb") as file:
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
                self._read += len(whole)
                self._events.update(_EVENT.findall(whole))
        return self._events[event.encode()]

    def _missing(self) -> str:
        done, wanted = self.logged("job.done"), self.expected.total()
        return f"{wanted} files to come through; {done} did: {self.log()[-3000:]}"

    def _through(self) -> bool:
        return self.logged("job.done") + self.logged("job.rejected") >= self.expected.total()

    def _in_done(self) -> Counter[str]:
        return Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in self.done())

    def _ready(self) -> int:
        return self.logged("daemon.ready")


def _is_sidecar(path: Path) -> bool:
    if path.suffix != ".json":
        return False
    with path.open("rb") as file:
        return file.read(1) == b"{"


def _files(folder: Path) -> list[Path]:
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
