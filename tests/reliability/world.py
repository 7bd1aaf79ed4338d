"""Folders, servers and a configuration around a daemon that is broken, and what must hold."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from daemon.crashpoints import EXIT
from tests.exchange import Exchange, Reply
from tests.receiver import Receiver, lost_answer, ok, reset_after, status

TEXT = "TOTAL 12.34"
"""What the stand-in engine reads on every page."""
_ENGINE = f"""
from daemon.reading.document import Line

class StandIn:
    name = "standin"
    version = "1"

    def read(self, image):
        return [Line({TEXT!r}, 0.99, (1.0, 1.0, 9.0, 1.0, 9.0, 5.0, 1.0, 5.0))]
"""
_CONFIG = """\
state: state
workers: 4
ocr: {{engine: {engine}, processes: 1}}
inboxes:
  box:
    path: inbox
    settle: 50ms
    accept: ["*/*"]
{inbox}
{inboxes}
destinations:
  sure:
    type: http
    url: {sure}
    retry: {{attempts: 4, initial: 1ms, max: 5ms, give_up_after: 1h}}
    timeout: {{connect: 2s, read: 5s}}
  unsure:
    type: http
    url: {unsure}
    retry: {{attempts: 4, initial: 1ms, max: 5ms, give_up_after: 1h}}
    timeout: {{connect: 2s, read: 5s}}
  shelf: {{type: folder, path: shelf}}
"""


def install_engine(folder: Path) -> None:
    """Leave in `folder` a package whose engine `standin` reads the same text on every page.

    Beside it stands a net in which `pN.linked.example.com` is port N of this machine, at an
    address of the open internet.
    """
    (folder / "sitecustomize.py").write_text(_NET)
    (folder / "standin_for_inboxd.py").write_text(_ENGINE)
    information = folder / "standin_for_inboxd-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: standin\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[inboxd.ocr_engines]\nstandin = standin_for_inboxd:StandIn\n"
    )


_NET = """
import socket

_resolve, _connect = socket.getaddrinfo, socket.create_connection


def _resolve_ours(host, *arguments, **options):
    if isinstance(host, str) and host.endswith(".linked.example.com"):
        high, low = divmod(int(host[1:].partition(".")[0]), 256)
        host = f"93.184.{high}.{low}"
    return _resolve(host, *arguments, **options)


def _connect_ours(address, *arguments, **options):
    first, second, *rest = address[0].split(".")
    if (first, second) == ("93", "184"):
        address = ("127.0.0.1", int(rest[0]) * 256 + int(rest[1]))
    return _connect(address, *arguments, **options)


socket.getaddrinfo, socket.create_connection = _resolve_ours, _connect_ours
"""


class Starter(Protocol):
    """Starts commands as processes of their own."""

    def run(self, *arguments: str, log: Path, crash: str = "") -> int:
        """Run a command to its end and return its exit code, negative for a signal."""
        ...

    def start(self, *arguments: str, log: Path, crash: str = "") -> int:
        """Start a command and return its process; what it prints is added to `log`."""
        ...

    def wait(self, pid: int) -> int:
        """Wait for the end of a process; returns its exit code."""
        ...


class FailsFirst:
    """A reply that fails the first request of every key, each key in another of three ways."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, exchange: Exchange) -> None:
        """Fail, or take the file."""
        key = exchange.headers.get("idempotency-key", "")
        with self._lock:
            first = key not in self._seen
            self._seen.add(key)
            way = (status(503), reset_after(1000), lost_answer())[len(self._seen) % 3]
        (way if first else ok())(exchange)


@dataclass(frozen=True, slots=True)
class Fate:
    """What is to become of one dropped file, and which destinations must have got it."""

    name: str
    content: bytes
    status: str = "done"
    folder: str = "done"
    text: str | None = None
    destinations: tuple[str, ...] = ("sure",)
    original: str | None = None
    """Where the original is in the end, if not in `folder`; empty for nowhere."""

    @property
    def sha256(self) -> str:
        """The digest of its content."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def mark(self) -> bytes:
        """What tells it from all others of a run, cheaply."""
        return b"%d " % len(self.content) + self.content[:64] + self.content[-64:]


class World:
    """One daemon's surroundings in `folder`; a context manager.

    `inbox` is added to the one inbox's configuration, `inboxes` to the list of inboxes; `unsure`
    is what its bad server answers. Each line of `inboxes` needs a folder `inbox...` of its own.
    """

    def __init__(
        self,
        folder: Path,
        starter: Starter,
        *,
        inbox: str = "",
        inboxes: str = "",
        unsure: Reply | None = None,
        engine: str = "standin",
    ) -> None:
        self.folder = folder
        self._starter = starter
        self._stack = ExitStack()
        self.sure = Receiver()
        self.unsure = Receiver(otherwise=unsure or FailsFirst())
        for name in ("inbox", "shelf"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.fates: dict[str, Fate] = {}
        self._engine = engine
        self._over: set[str] = set()
        self.config = folder / "config.yaml"
        self.log = folder / "log.jsonl"
        self.configure(inbox, inboxes)

    def configure(self, inbox: str = "", inboxes: str = "") -> None:
        """Write the configuration."""
        if "read:" not in inbox:
            inbox += "\nread: none"
        lines = "\n".join(f"    {line}" for line in inbox.split("\n") if line)
        others = "\n".join(f"  {line}" for line in inboxes.split("\n") if line)
        servers = {"sure": self.sure.url, "unsure": self.unsure.url}
        text = _CONFIG.format(inbox=lines, inboxes=others, engine=self._engine, **servers)
        self.config.write_text(text)

    def __enter__(self) -> Self:
        self._stack.enter_context(self.sure)
        self._stack.enter_context(self.unsure)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        if error is None:
            shutil.rmtree(self.folder, ignore_errors=True)  # a disk of its own is busy still

    # -- what is done to it --------------------------------------------------------------------

    def drop(self, *fates: Fate, inbox: str = "inbox", in_place: bool = False) -> None:
        """Put files into an inbox as a careful program does, or written where they are."""
        for fate in fates:
            self.fates[fate.name] = fate
            if in_place:
                (self.folder / inbox / fate.name).write_bytes(fate.content)
                continue
            hidden = self.folder / inbox / f".{fate.name}.part"
            hidden.write_bytes(fate.content)
            hidden.rename(self.folder / inbox / fate.name)

    def once(self, crash: str = "") -> int:
        """Run `inboxd once`, to its end or to a crash point; returns its exit code."""
        return self.command("once", crash=crash)

    def go_on(self) -> None:
        """Run `inboxd once` to its end; some files may have ended other than done."""
        code = self.once()
        assert code in (0, 1), f"exit code {code}: {self.log.read_text('utf-8')[-2000:]}"

    def command(self, *arguments: str, crash: str = "") -> int:
        """Run one of the commands."""
        name, *rest = arguments
        return self._starter.run(name, "-c", str(self.config), *rest, log=self.log, crash=crash)

    def start(self, crash: str = "") -> int:
        """Start `inboxd run`; returns its process."""
        return self._starter.start("run", "-c", str(self.config), log=self.log, crash=crash)

    def wait(self, pid: int) -> int:
        """Wait for the end of a process; returns its exit code."""
        return self._starter.wait(pid)

    def crash(self, point: str) -> None:
        """Run to the first time of a crash point."""
        code = self.once(f"{point}:1")
        assert code == EXIT, f"{point} was not reached: {code}"

    def logged(self, event: str) -> int:
        """How many events of a kind are in the log."""
        if not self.log.exists():
            return 0
        return self.log.read_bytes().count(b'"%s"' % event.encode())

    # -- what must hold ------------------------------------------------------------------------

    def faults_now(self, *, doubled: bool = False) -> list[str]:
        """What is wrong at this very moment, whatever has just happened.

        `doubled` allows a file to be in two places, as while it moves to another disk. A file that
        was found at its end, with its sidecar, is not looked at again before all is over.
        """
        found: Counter[bytes] = Counter()
        faults = []
        names = set()
        for path in self._files():
            names.add(path.name)
            if path.suffix != ".json":
                found[_mark(path)] += 1
            elif not _is_json(path):
                faults.append(f"{path.name} is half")
        watched = [fate for name, fate in self.fates.items() if name not in self._over]
        wanted = Counter(fate.mark for fate in watched if fate.original != "")
        for fate in watched:
            number, most = found[fate.mark], wanted[fate.mark]
            if most and not most <= number <= (2 * most if doubled else most):
                faults.append(f"{fate.name} lies in {number} places")
            elif {fate.name, f"{fate.name}.json"} <= names and fate.original is None:
                self._over |= {fate.name, f"{fate.name}.json"}
        return faults

    def _files(self) -> Iterator[Path]:
        for place in (*self._inboxes(), "work", "done", "rejected"):
            for path in _files_below(self.folder / place):
                temporary = path.name.startswith(".") or path.suffix in (".copy", ".tmp")
                if not temporary and path.suffix != ".reading" and path.name not in self._over:
                    yield path

    def _inboxes(self) -> Iterable[str]:
        return [p.name for p in self.folder.iterdir() if p.name.startswith("inbox")]

    def faults_at_the_end(self) -> list[str]:
        """What is wrong when all files should have come to their end."""
        faults = self.faults_now()
        if self.command("verify") != 0:
            faults.append(f"verify: {self.log.read_text('utf-8')[-2000:]}")
        expected = set()
        for fate in self.fates.values():
            faults += self._faults_of(fate)
            original = fate.folder if fate.original is None else fate.original
            expected |= {f"{fate.folder}/{fate.name}.json", f"{original}/{fate.name}"}
        places = (*self._inboxes(), "work", "done", "rejected")
        for place in places:
            for path in _files_below(self.folder / place):
                shown = f"{place}/{path.relative_to(self.folder / place)}"
                if shown not in expected:
                    faults.append(f"{shown} is left over")
        faults += self._faults_of_servers()
        return faults

    def _faults_of(self, fate: Fate) -> Iterator[str]:
        place = fate.folder if fate.original is None else fate.original
        path = self.folder / place / fate.name
        if place and (not path.is_file() or path.read_bytes() != fate.content):
            yield f"{fate.name} is not in {place}/"
        if fate.folder == "":
            return
        try:
            facts = json.loads((self.folder / fate.folder / f"{fate.name}.json").read_bytes())
        except (OSError, ValueError) as error:
            yield f"the sidecar of {fate.name} is not there: {error}"
            return
        yield from _faults_of_sidecar(fate, facts)

    def _faults_of_servers(self) -> Iterator[str]:
        for name, receiver in (("sure", self.sure), ("unsure", self.unsure)):
            keys = defaultdict(set)
            for request in list(receiver.requests):
                if request.complete and request.sha256:
                    keys[request.sha256].add(request.key)
            for fate in self.fates.values():
                number = len(keys[fate.sha256])
                if number > 1:
                    yield f"{name} got {fate.name} under {number} keys"
                if name in fate.destinations and not number:
                    yield f"{name} did not get {fate.name}"
        shelf = Counter(
            hashlib.sha256(path.read_bytes()).hexdigest()
            for path in _files_below(self.folder / "shelf")
        )
        for fate in self.fates.values():
            if shelf[fate.sha256] != ("shelf" in fate.destinations):
                yield f"{fate.name} is {shelf[fate.sha256]} times on the shelf"


def _files_below(folder: Path) -> list[Path]:
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]


def _mark(path: Path) -> bytes:
    """What tells a file from all others of a run, cheaply."""
    with path.open("rb") as file:
        head = file.read(64)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 64))
        return b"%d " % size + head + file.read()


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def _text_in(facts: Mapping[str, Any]) -> str | None:
    """What was read, shortened to the words that every picture of the tests has."""
    text = (facts["ocr"] or {}).get("text")
    return TEXT if text and TEXT in " ".join(text.split()) else text


def _faults_of_sidecar(fate: Fate, facts: Mapping[str, Any]) -> Iterator[str]:
    told = {
        "schema": facts["schema"],
        "status": facts["status"],
        "sha256": facts["file"]["sha256"],
        "text": _text_in(facts),
    }
    wanted = {
        "schema": "inboxd/sidecar/1",
        "status": fate.status,
        "sha256": fate.sha256,
        "text": fate.text,
    }
    if told != wanted:
        yield f"the sidecar of {fate.name} says {told}, not {wanted}"
    delivered = {d["destination"] for d in facts["deliveries"] if d["state"] == "delivered"}
    if fate.status == "done" and delivered != set(fate.destinations):
        yield f"the sidecar of {fate.name} knows of {sorted(delivered)}"
