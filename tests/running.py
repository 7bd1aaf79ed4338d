"""A real daemon in this process: real folders, real ledger, real threads, until the block ends."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from daemon.config.load import load
from daemon.jobs.model import Job, State
from daemon.jobs.state_folder import StateFolder
from daemon.limits import Limits
from daemon.observing.events import Event
from daemon.service import Service
from daemon.watching.names import CANARY_NAME
from tests.waiting import PATIENCE, wait_until

QUICK = Limits(
    rescan_every=0.5,
    poll_every=0.05,
    patience=2.0,
    drain_timeout=30.0,
    park_max=0.3,
    retry_after_cap=0.5,
    progress_every=0.05,
)
"""Bounds under which a test need not wait."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One event with its fields."""

    event: Event
    fields: dict[str, Any]


class ListLog:
    """An event log that a test can read."""

    def __init__(self) -> None:
        self.entries: list[Logged] = []

    def emit(self, event: Event, **fields: object) -> None:
        """Keep one event."""
        self.entries.append(Logged(event, fields))

    def of(self, event: Event) -> list[dict[str, Any]]:
        """The fields of every event of one kind."""
        return [entry.fields for entry in self.entries if entry.event is event]


class Daemon:
    """A daemon on the folders `inbox`, `done`, `rejected` and `work` below `folder`.

    `inbox` holds lines that are added to the configuration of its one inbox, `rest` what stands
    beside `inboxes`. By default it takes any content and reads nothing.
    """

    def __init__(
        self, folder: Path, *, inbox: str = "", rest: str = "", limits: Limits = QUICK
    ) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.done = folder / "done"
        self.rejected = folder / "rejected"
        self.work = folder / "work"
        self.inbox.mkdir(exist_ok=True)
        self.config_path = folder / "config.yaml"
        self.configure(inbox, rest)
        self.log = ListLog()
        self._limits = limits
        self._ready = threading.Event()
        self._code: int | None = None
        self._error: BaseException | None = None

    def configure(self, inbox: str = "", rest: str = "") -> None:
        """Write the configuration file."""
        lines = {"settle": "50ms", "accept": '["*/*"]', "read": "none"}
        given = dict(line.split(": ", 1) for line in inbox.split("\n") if line)
        body = "\n".join(f"    {key}: {value}" for key, value in (lines | given).items())
        self.config_path.write_text(
            f"state: state\ninboxes:\n  box:\n    path: inbox\n{body}\n{rest}\n"
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        code = self.stop()
        if error is None:
            assert code == 0

    def start(self) -> None:
        """Start it and wait until it is ready."""
        config = load(self.config_path)
        self.service = Service(config, self.log, path=self.config_path, limits=self._limits)
        self._ready.clear()
        self._thread = threading.Thread(target=self._run, name="service", daemon=True)
        self._thread.start()
        wait_until(lambda: self._ready.is_set() or self._error, "the daemon to be ready")
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._code = self.service.run(self._ready.set)
        except BaseException as error:
            self._error = error

    def stop(self) -> int | None:
        """Stop it in good order."""
        self.service.stop()
        return self.wait_stopped()

    def wait_stopped(self, seconds: float = PATIENCE) -> int | None:
        """Wait until it has stopped; returns its exit code."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the daemon did not stop"
        if self._error is not None:
            raise self._error
        return self._code

    def drop(self, name: str | bytes, content: bytes = b"content") -> Path:
        """Put a file into the inbox as a careful program does."""
        target = os.path.join(os.fsencode(self.inbox), os.fsencode(name))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        temporary = self.folder / "dropping"
        temporary.write_bytes(content)
        os.rename(temporary, target)
        return Path(os.fsdecode(target))

    def lying_there(self) -> list[str]:
        """What is in the inbox, but for the probe file that proves sight now and then."""
        return [name for name in os.listdir(self.inbox) if name != os.fsdecode(CANARY_NAME)]

    def jobs(self, state: State | None = None) -> list[Job]:
        """What the ledger knows, oldest first."""
        ledger = StateFolder(self.folder / "state").existing_ledger(self.service._clock)
        try:
            return ledger.jobs(state, 1000)[::-1]
        finally:
            ledger.close()

    def wait_for(self, state: State, count: int = 1, seconds: float = PATIENCE) -> list[Job]:
        """Wait until so many jobs are in a state; returns them as they were then."""
        found: list[Job] = []

        def there() -> bool:
            found[:] = self.jobs(state)
            return len(found) >= count

        wait_until(
            there,
            lambda: (
                f"{count} jobs to be {state}; they are "
                f"{[(job.name, str(job.state)) for job in self.jobs()]}"
            ),
            seconds,
        )
        return found

    def sidecar(self, folder: str, name: str) -> dict[str, Any]:
        """The sidecar of an original in `done` or `rejected`."""
        facts: dict[str, Any] = json.loads((self.folder / folder / f"{name}.json").read_bytes())
        return facts


def http(url: str, extra: str = "") -> str:
    """The configuration of a destination `server` that fails fast."""
    return (
        "destinations:\n"
        "  server:\n"
        "    type: http\n"
        f"    url: {url}\n"
        "    retry: {attempts: 3, initial: 10ms, max: 50ms, give_up_after: 1h}\n"
        "    timeout: {connect: 2s, read: 5s}\n"
        f"{extra}"
    )
