"""A real daemon on an inbox, a receiver, and what must have come through once all is over."""

from __future__ import annotations

import hashlib
import os
import signal
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.receiver import Receiver
from tests.reliability.world import Starter
from tests.waiting import wait_until

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
        self._config = folder / "config.yaml"
        self._log = folder / "log"
        wanted = f"{inbox}\n    deliver: [{'server' if deliver else ''}]"
        self._config.write_text(_CONFIG.format(inbox=wanted, url=self.receiver.url))

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
        self.pid = self._starter.start("run", "-c", str(self._config), log=self._log)
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
        """The originals that were filed."""
        return [path for path in _files(self.folder / "done") if path.suffix != ".json"]

    def check(self, seconds: float = 20.0, *, left: Iterable[str | bytes] = ()) -> None:
        """All that is expected has come through once, and nothing more comes of a second start.

        `left` are the names that must still be in the inbox.
        """
        wait_until(self._through, self._missing, seconds)
        os.kill(self.pid, signal.SIGTERM)
        code, self.pid = self._starter.wait(self.pid), 0
        assert code == 0, self.log()[-2000:]
        for command in ("once", "verify"):
            code = self._starter.run(command, "-c", str(self._config), log=self._log)
            assert code == 0, self.log()[-2000:]
        assert self._found() == self.expected
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
        return self.log().count(f'"{event}"')

    def _found(self) -> Counter[str]:
        return self.delivered() if self._deliver else self._in_done()

    def _missing(self) -> str:
        found, wanted = self._found().total(), self.expected.total()
        return f"{wanted} files to come through; {found} did: {self.log()[-3000:]}"

    def _through(self) -> bool:
        if self._deliver:
            ended = self.logged("job.done") + self.logged("job.rejected")
            return ended >= self.expected.total() and self.delivered().total() >= ended
        return len(self.done()) >= self.expected.total()

    def _in_done(self) -> Counter[str]:
        return Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in self.done())

    def _ready(self) -> int:
        return self.logged("daemon.ready")


def _files(folder: Path) -> list[Path]:
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
