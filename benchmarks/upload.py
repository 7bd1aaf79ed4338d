"""Upload files that lie ready: inboxd's HTTP destination against curl and rclone, to one server.

See README.md in this folder for what is compared and how to read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from inspection import plant
from processes import compiled, facts, go_apart, run, sink

HERE = Path(__file__).parent
ROOT = HERE.parent
KIB, MIB, GIB = 1024, 1024**2, 1024**3
OURS, CURL, RCLONE, HASHED = "inboxd", "curl", "rclone", "sha256sum + curl"
THINKING_MS = 5


@dataclass(frozen=True, slots=True)
class Work:
    """Some files, how they are sent, and how many times the others' speed is asked of us."""

    name: str
    title: str
    files: int
    size: int
    method: str
    tools: tuple[str, ...]
    gates: Mapping[str, float]
    aims: Mapping[str, float] = field(default_factory=dict)
    workers: int = 1
    hashing: bool = False
    thinks: bool = False
    secure: bool = False


WORKS = (
    Work(
        *("large", "1 GB multipart POST", 1, GIB, "POST", (OURS, CURL, RCLONE)),
        gates={CURL: 1.5, RCLONE: 5},
        aims={CURL: 2.3},
    ),
    Work(
        *("medium", "500 x 1 MB PUT", 500, MIB, "PUT", (OURS, CURL, RCLONE)),
        gates={CURL: 1.2},
        aims={CURL: 1.5},
    ),
    Work(
        *("small", "2,000 x 4 KB PUT", 2000, 4 * KIB, "PUT", (OURS, CURL, RCLONE)),
        gates={CURL: 1.0, RCLONE: 3},
        aims={CURL: 1.7},
    ),
    Work(
        *("hashed", "1 GB multipart POST with sha256", 1, GIB, "POST", (OURS, CURL, HASHED)),
        gates={CURL: 0.9},
        aims={CURL: 1.5},
        hashing=True,
    ),
    Work(
        *("secure", "1 GB multipart POST, TLS", 1, GIB, "POST", (OURS, CURL)),
        gates={CURL: 1.1},
        aims={CURL: 1.2},
        secure=True,
    ),
    Work(
        *("thinking", "2,000 x 4 KB PUT, 5 ms, 16 at once", 2000, 4 * KIB, "PUT", (OURS, CURL)),
        gates={},
        workers=16,
        thinks=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one tool: seconds and processor seconds net of its start, bytes grown if known."""

    seconds: float
    cpu: float
    grown: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where one work's files, server and messages are."""

    work: Work
    url: str
    files: Path
    messages: Path
    nothing: Path
    authority: Path | None = None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--work", choices=["all", *(w.name for w in WORKS)], default="all")
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"), help="where the files lie")
    options = parser.parse_args()
    network = go_apart()
    folder = Path(tempfile.mkdtemp(prefix="inboxd-upload-", dir=options.folder))
    print("\n".join([*facts(), f"network: {network}", _versions()]))
    print(f"{options.rounds} rounds, tools interleaved, medians, net of each tool's start")
    failed = 0
    try:
        for work in WORKS:
            if options.work in ("all", work.name):
                failed += _measure(work, folder / work.name, options.rounds)
    finally:
        shutil.rmtree(folder)
    return 1 if failed else 0


def _measure(work: Work, folder: Path, rounds: int) -> int:
    """All rounds of one work; prints its table and returns how many runs failed."""
    for name in ("files", "nothing"):
        (folder / name).mkdir(parents=True)
    plant(folder / "files", work.files, work.size)
    runs: dict[str, list[Run]] = {tool: [] for tool in work.tools}
    failed = 0
    with _server(work, folder) as (url, authority):
        messages, nothing = folder / "messages", folder / "nothing"
        place = Place(work, url, folder / "files", messages, nothing, authority)
        for tool in work.tools:
            TOOLS[tool](place)  # reads programs from disk, fills what is cached
        for number in range(rounds):
            turn = number % len(work.tools)
            for tool in work.tools[turn:] + work.tools[:turn]:
                try:
                    runs[tool].append(TOOLS[tool](place))
                except subprocess.CalledProcessError as error:
                    failed += 1
                    print(f"{tool} failed: {error}; {_tail(place.messages)}")
    shutil.rmtree(folder)
    if not failed:
        _report(work, runs)
    return failed


@contextmanager
def _server(work: Work, folder: Path) -> Iterator[tuple[str, Path | None]]:
    if not work.secure:
        with sink(THINKING_MS if work.thinks else 0, copy=True) as port:
            yield f"http://127.0.0.1:{port}/", None
        return
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    words = [str(certificate), str(key)]
    with compiled("tls_sink.c", words, ["-lssl", "-lcrypto"]) as port:
        yield f"https://localhost:{port}/", certificate


def _ours(place: Place) -> Run:
    work = place.work
    command = [sys.executable, str(HERE / "deliver_files.py"), place.url, str(place.files)]
    command += ["--method", work.method, "--workers", str(work.workers)]
    command += ["--hash"] if work.hashing else []
    command += ["--authority", str(place.authority)] if place.authority else []
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, check=True, capture_output=True, env=environment)
    found = json.loads(told.stdout)
    assert found["files"] == work.files
    return Run(found["seconds"], found["cpu"], found["grown"])


def _curl(place: Place) -> Run:
    work = place.work
    last = f"file-[00000-{work.files - 1:05}].bin"
    command = ["curl", "--silent", "--show-error", "--fail", "--output", "/dev/null"]
    command += ["--cacert", str(place.authority)] if place.authority else []
    many = ["--parallel", "--parallel-max", str(work.workers)] if work.workers > 1 else []
    if work.method == "POST":
        send = ["--form", f"file=@{place.files}/file-00000.bin", place.url]
    else:
        send = [*many, "--upload-file", f"{place.files}/{last}", place.url]
    none = ["--head", place.url]
    return _net(place, [*command, *send], [*command, *none])


def _hashed_curl(place: Place) -> Run:
    hashing = _net(place, ["sha256sum", str(place.files / "file-00000.bin")], ["true"])
    sending = _curl(place)
    return Run(hashing.seconds + sending.seconds, hashing.cpu + sending.cpu)


def _rclone(place: Place) -> Run:
    command = [str(Path(sys.executable).parent / "rclone"), "copy", "--ignore-times"]
    command += ["--webdav-url", place.url, "--webdav-pacer-min-sleep", "0"]
    send, none = [str(place.files), ":webdav:"], [str(place.nothing), ":webdav:"]
    return _net(place, [*command, *send], [*command, *none])


TOOLS: Mapping[str, Callable[[Place], Run]] = {
    OURS: _ours,
    CURL: _curl,
    RCLONE: _rclone,
    HASHED: _hashed_curl,
}


def _net(place: Place, command: list[str], empty: list[str]) -> Run:
    """A command's time without what the same program takes to start and do nothing."""
    environment = {**os.environ, "RCLONE_CONFIG": "/dev/null"}
    starts = [run(empty, environment=environment, messages=place.messages) for _ in range(3)]
    taken = run(command, environment=environment, messages=place.messages)
    if taken.code:
        raise subprocess.CalledProcessError(taken.code, command[0])
    seconds = taken.seconds - median(start.seconds for start in starts)
    return Run(max(seconds, 1e-3), max(taken.cpu - median(start.cpu for start in starts), 0.0))


def _report(work: Work, runs: Mapping[str, list[Run]]) -> None:
    print(f"\n{work.title}")
    print(f"{'':18}{'seconds':>9}{'MB/s':>9}{'files/s':>9}{'CPU s':>8}  inboxd is")
    for tool, made in runs.items():
        seconds, cpu = median(r.seconds for r in made), median(r.cpu for r in made)
        volume = work.files * work.size
        told = "" if tool == OURS else f"  {_ratio(runs, tool):.2f}x as fast"
        print(
            f"{tool:18}{seconds:9.3f}{volume / seconds / 1e6:9.0f}"
            f"{work.files / seconds:9.0f}{cpu:8.2f}{told}"
        )
    for word, wanted in (("gate", work.gates), ("aim", work.aims)):
        for tool, times in wanted.items():
            reached = _ratio(runs, tool)
            print(f"  {word}: {times}x {tool}: {reached:.2f}x, {_met(reached >= times)}")
    if work.thinks:
        ideal = work.workers * 1000 / THINKING_MS
        part = work.files / median(r.seconds for r in runs[OURS]) / ideal
        print(f"  gate: 85 % of the ideal {ideal:.0f} files/s: {part:.0%}, {_met(part >= 0.85)}")
    if work.name == "large":
        grown = max(r.grown for r in runs[OURS])
        print(f"  gate: memory grows by 2 MB at most: {grown / 1e6:.1f} MB, {_met(grown <= 2e6)}")
    sys.stdout.flush()


def _ratio(runs: Mapping[str, list[Run]], other: str) -> float:
    """How many times another tool's speed: the median over rounds of the ratio in one round."""
    pairs = zip(runs[OURS], runs[other], strict=True)
    return median(theirs.seconds / ours.seconds for ours, theirs in pairs)


def _met(met: bool) -> str:
    return "met" if met else "NOT MET"


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-300:]


def _versions() -> str:
    told = []
    for command in (
        ["curl", "--version"],
        [str(Path(sys.executable).parent / "rclone"), "version"],
    ):
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        told.append(" ".join(found.stdout.split()[:2]))
    head = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    commit = subprocess.run(head, capture_output=True, text=True, check=False).stdout.strip()
    return ", ".join([*told, f"commit {commit or 'unknown'}"])


if __name__ == "__main__":
    sys.exit(main())
