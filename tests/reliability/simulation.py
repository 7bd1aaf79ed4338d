"""The whole engine in one thread: real ledger, folders and decisions; no time, no network.

What runs in threads of the daemon runs here when it is told to, a step at a time, so that a history
is the same whenever it is repeated. The clock moves when a test moves it, the server does what the
test says, the disk is a `Disk`. A crash is an exception that nothing catches; what is left is the
ledger and the folders, with which another engine is made.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

import daemon.crashpoints
from daemon.config.load import load
from daemon.delivery.destination import Acknowledgement, Parcel
from daemon.errors import DeliveryError, Kind
from daemon.inboxes import Inboxes
from daemon.jobs.model import ENDS, Job
from daemon.jobs.sqlite_store import SqliteJobStore
from daemon.jobs.writer import GroupWriter, Operation
from daemon.limits import DEFAULT
from daemon.observing.metrics import Metrics
from daemon.pipeline.pipeline import Pipeline, routes_of
from daemon.pipeline.telling import Teller
from daemon.pipeline.verifying import verify
from daemon.watching.intake import Intake
from tests.reliability.disk import Disk
from tests.reliability.nursery import modules_with_points
from tests.running import ListLog

LIMITS = replace(DEFAULT, rescan_every=1.0, poll_every=0.1, reserve_space=1)
_CONFIG = """\
state: state
inboxes:
  box:
    path: disk/inbox
    settle: 50ms
    accept: ["*/*"]
    read: none
{inbox}
destinations:
  server:
    type: folder
    path: nowhere
    retry: {{attempts: 1, initial: 1s, max: 10s, give_up_after: 30000h}}
    concurrency: {{max: 8, adaptive: false}}
"""


class Clock:
    """A clock that moves when told; the wall clock may be set."""

    def __init__(self) -> None:
        self.passed = 1000.0
        self.wall = 1.8e9

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self.passed

    def now(self) -> float:
        """Seconds since 1970."""
        return self.wall

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds
        self.wall += seconds


class Server:
    """What every file is delivered to; `down` says how it fails, if it does.

    `keys` has the idempotency keys under which each content came whole, `refused` the contents that
    were refused for good.
    """

    def __init__(self) -> None:
        self.down = ""
        self.keys: defaultdict[bytes, set[str]] = defaultdict(set)
        self.refused: set[bytes] = set()
        self.name = "server"

    def deliver(self, parcel: Parcel, progress: Any, stop: threading.Event) -> Acknowledgement:
        """Take a file, or fail to, or take it and fail to say so."""
        if self.down == "unreachable":
            raise DeliveryError("connection_refused", "nobody listens")
        descriptor = parcel.open()
        try:
            content = os.read(descriptor, 1 << 20)
        finally:
            os.close(descriptor)
        if len(content) != parcel.size:
            raise DeliveryError("file_changed", "not what was announced", kind=Kind.PERMANENT)
        if self.down == "refuses":
            self.refused.add(content)
            raise DeliveryError("refused", "never", kind=Kind.PERMANENT)
        self.keys[content].add(parcel.idempotency_key)
        if self.down == "answers lost":
            raise DeliveryError("connection_lost", "no answer came")
        return Acknowledgement(len(content), http_status=201)

    def check(self) -> list[Any]:
        """Nothing to be found out."""
        return []

    def abandon(self, resume: Any) -> None:
        """Nothing is kept here."""

    def close(self) -> None:
        """Nothing is open."""


class _Writer(GroupWriter):
    """Commits at once, in the thread that asks; a commit is a change of the disk."""

    disk: Disk

    def __init__(self, connection: sqlite3.Connection, group: int, path: str) -> None:
        self.on_trouble = lambda _: None
        self.on_recovered = lambda: None
        self.on_damage = lambda _: None
        self._path = path
        self._connection = connection
        self._impatient = threading.Event()

    def submit(self, work: Any) -> Future[Any]:
        """Have something done now."""
        operation = Operation(work)
        self.disk.tick()
        self._commit_until_done([operation])
        return operation.future

    def close(self) -> None:
        """Nothing waits."""


class _Pool:
    """Keeps tasks until they are told to run."""

    tasks: deque[Callable[[], None]]

    def __init__(self, slots: int, name: str = "") -> None:
        pass

    def submit(self, task: Callable[[], None]) -> None:
        """Have a task run later."""
        self.tasks.append(task)

    def crowded(self) -> bool:
        """There is always room."""
        return False

    def stop(self, timeout: float) -> bool:
        """Nothing runs by itself."""
        return True


class _Syncers:
    """Does at once what threads do side by side."""

    def submit(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call it."""
        call(*arguments)

    def map(self, call: Callable[[Any], None], shares: Iterable[Any]) -> list[None]:
        """Call it with each."""
        return [call(share) for share in shares]


class _NoThread:
    """Stands in for a thread whose work is done by hand."""

    ident = None

    def start(self) -> None:
        """Nothing runs by itself."""


class _Sight:
    """Sees whether the folder is there; hints of changes come by hand."""

    def __init__(self, folder: bytes) -> None:
        self._folder = folder

    def tend(self) -> bool:
        """Whether the folder is there."""
        return os.path.isdir(self._folder)

    def due(self) -> float:
        """Never by itself."""
        return float("inf")


class _Intake(Intake):
    """An intake without a thread, which looks at all files whenever it is told to look."""

    def start(self) -> None:
        """Nothing runs by itself."""
        self._sight = _Sight(self._folder)  # type: ignore[assignment]

    def _rest(self, seconds: float) -> None:
        """No time passes by itself."""

    def look(self) -> None:
        """Scan, and take in what has settled."""
        self._scan_wanted = True
        self._work()


class Engine:
    """One life of the daemon in `folder`, which `disk` lies in; a context manager."""

    def __init__(self, folder: Path, disk: Disk, server: Server, clock: Clock) -> None:
        self._clock = clock
        self.log = ListLog()
        tasks: deque[Callable[[], None]] = deque()
        self.tasks = tasks
        pool = type("Pool", (_Pool,), {"tasks": tasks})
        writer = type("Writer", (_Writer,), {"disk": disk})
        config = load(folder / "config.yaml")
        (folder / "state").mkdir(exist_ok=True, mode=0o700)
        with (
            patch("daemon.jobs.sqlite_store.GroupWriter", writer),
            patch("daemon.pipeline.pipeline.WorkerPool", pool),
            patch("daemon.pipeline.outlets.open_destination", lambda name, section: server),
            patch("daemon.pipeline.filing.ThreadPoolExecutor", lambda *_: _Syncers()),
        ):
            self.store = SqliteJobStore(folder / "state" / "ledger.sqlite3", clock, LIMITS)
            teller = Teller(self.log, Metrics(), clock)
            self._pipeline = Pipeline(config, self.store, teller, clock=clock, limits=LIMITS)
            self._coordinator = self._pipeline.coordinator
            wake = self._coordinator.wake
            self._inboxes = Inboxes(self.store, self.log, wake, clock=clock, limits=LIMITS)
            self._coordinator._thread = _NoThread()  # type: ignore[assignment]
            self._coordinator._filer._thread = _NoThread()  # type: ignore[assignment]
        self._routes = routes_of(config)
        self._config = config

    def start(self) -> None:
        """Begin with what the ledger and the folders hold, as the daemon does."""
        self._pipeline.make_folders()
        self._pipeline.start(_fail)
        with patch("daemon.inboxes.Intake", _Intake):
            self._inboxes.follow(self._config)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the ledger, as a process does that ends."""
        for connection in (self.store._connection, self.store._reader):
            connection.close()

    def look(self) -> None:
        """Have the inbox scanned."""
        for intake in self._inboxes._intakes.values():
            assert isinstance(intake, _Intake)
            intake.look()

    def nudge(self) -> None:
        """Have the ledger looked at again, as after a command."""
        self._coordinator.nudge()

    def decide(self) -> None:
        """Have the coordinator work off its messages."""
        coordinator = self._coordinator
        coordinator._look_at_clock()
        coordinator._fill()
        coordinator._commit()
        while coordinator._messages.qsize():
            coordinator._messages.get()()
            coordinator._commit()
        coordinator._fill()

    def work(self, number: int = 0) -> bool:
        """Run one of the tasks that wait; tells whether there was one."""
        if not self.tasks:
            return False
        self.tasks.rotate(-(number % len(self.tasks)))
        self.tasks.popleft()()
        return True

    def file(self) -> bool:
        """Have the filer do what waits; tells whether there was anything."""
        filer = self._coordinator._filer
        group = [filer._waiting.get() for _ in range(filer._waiting.qsize())]
        if group:
            filer._supervise([filing for filing in group if filing is not None])
        return bool(group)

    def settle(self) -> None:
        """Do all that can be done without time passing."""
        for _ in range(10_000):
            self.decide()
            if not (self.work() or self.file() or self._coordinator._messages.qsize()):
                return
        raise AssertionError("there is no end to the work")

    def finish(self, patience: int = 60) -> None:
        """Let time pass until nothing waits any more."""
        for _ in range(patience):
            self.look()
            self.settle()
            self._clock.advance(150.0)
            self.look()
            self.settle()
            if not list(self.store.unfinished()) and not self.waiting():
                return
        left = [(job.name, str(job.state), job.ready_at) for job in self.store.unfinished()]
        raise AssertionError(f"there is no end: {left}, paused: {self._pipeline.paused()}")

    def waiting(self) -> int:
        """How many files the inbox is not sure of yet."""
        return sum(i._looking.waiting() for i in self._inboxes._intakes.values())

    def jobs(self) -> list[Job]:
        """All jobs, oldest first."""
        return [*self.store.ended(), *self.store.unfinished()]

    def unhappy(self) -> list[str]:
        """Names of jobs that ended other than done."""
        return [
            f"{job.name} is {job.state}: {job.ending and job.ending.fault}"
            for job in self.jobs()
            if job.state in ENDS and job.state != "done"
        ]

    def disagreements(self) -> list[str]:
        """What `inboxd verify` would find."""
        return [f"{d.where}: {d.code}" for d in verify(self.store, self._routes)]


def _fail(error: BaseException) -> None:
    raise error


def configure(folder: Path, inbox: str = "deliver: [server]") -> None:
    """Make the folders, and a configuration to which `inbox` is added."""
    (folder / "disk" / "inbox").mkdir(parents=True)
    (folder / "nowhere").mkdir()
    lines = "\n".join(f"    {line}" for line in inbox.split("\n") if line)
    (folder / "config.yaml").write_text(_CONFIG.format(inbox=lines))


@contextmanager
def crashing(order: str, end: Callable[[], object]) -> Iterator[None]:
    """Have `end` called at a crash point meanwhile; see `daemon.crashpoints`."""
    crash = daemon.crashpoints.CountedCrash(order, end)
    modules = modules_with_points()
    for module in modules:
        module.crashpoint = crash
    try:
        yield
    finally:
        for module in modules:
            module.crashpoint = daemon.crashpoints._nothing
