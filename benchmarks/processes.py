"""Start processes apart from this machine's network, and see what a whole tree of them takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")
_LOOK_EVERY = 0.1
_APART = "INBOXD_BENCHMARK_APART"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process and all its descendants took, from start to exit."""

    seconds: float
    cpu: float
    """User and system seconds, children included."""
    peak: int
    """Bytes resident at the peak, summed over the processes alive at one time."""
    code: int


def go_apart() -> str:
    """Run this program again in a network namespace with TCP reno, as root; say how it runs.

    A host's own congestion control may pace loopback (bbr does), which measures the host.
    """
    if os.environ.get(_APART):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        CONGESTION.write_text("reno")
        return "own network namespace, tcp reno"
    if os.geteuid() == 0 and shutil.which("unshare") and shutil.which("ip"):
        possible = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
        if possible.returncode == 0:
            again = [sys.executable, *sys.argv]
            os.execvpe("unshare", ["unshare", "--net", *again], {**os.environ, _APART: "1"})
    return f"the host's network (not root, or no unshare and ip), tcp {CONGESTION.read_text()}"


def tree(process: int) -> list[int]:
    """The process and its descendants that are alive."""
    found = [process]
    for parent in found:
        with suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                children = Path(f"/proc/{parent}/task/{task}/children").read_text()
                found.extend(int(child) for child in children.split())
    return found


def field(process: int, name: str, file: str = "status") -> int:
    """A number of /proc/PID/status or smaps_rollup; bytes where it is in kB; 0 when gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/{file}").read_text().splitlines():
            if line.startswith(name + ":"):
                words = line.split()
                return int(words[1]) * (1024 if words[-1] == "kB" else 1)
    return 0


def resident(process: int, name: str = "VmRSS", file: str = "status") -> int:
    """Bytes of a tree of processes; shared pages count once for each, save with Pss."""
    return sum(field(one, name, file) for one in tree(process))


def run(command: Sequence[str], *, environment: Mapping[str, str], messages: Path) -> Taken:
    """Run a command to its end and say what it and its children took."""
    with messages.open("wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        peaks = [0]
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(_LOOK_EVERY):
                peaks[0] = max(peaks[0], resident(process.pid, "VmHWM"))

        looker = threading.Thread(target=look)
        looker.start()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        ended.set()
        looker.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Taken(seconds, used.ru_utime + used.ru_stime, peaks[0], process.returncode)


@contextmanager
def sink(think_ms: float = 0, *, copy: bool = False) -> Iterator[int]:
    """Compile and run the server that keeps nothing; yields its port."""
    words = [*(["--think-ms", str(think_ms)] if think_ms else []), *(["--copy"] if copy else [])]
    with compiled("sink.c", words) as port:
        yield port


@contextmanager
def compiled(source: str, words: Sequence[str], libraries: Sequence[str] = ()) -> Iterator[int]:
    """Compile one of the servers beside this file and run it; yields the port that it prints."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "server"
        path = Path(__file__).with_name(source)
        subprocess.run(["cc", "-O2", "-pthread", "-o", program, path, *libraries], check=True)
        process = subprocess.Popen([program, *words], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()
            process.wait()


def facts() -> list[str]:
    """What this machine is, one fact a line."""
    processor = next(
        line.split(":", 1)[1].strip()
        for line in [*Path("/proc/cpuinfo").read_text().splitlines(), "model name: unknown"]
        if line.startswith("model name")
    )
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        f"{os.cpu_count()} cores, {processor}, load {load}",
        f"{os.uname().sysname} {os.uname().release}, Python {sys.version.split()[0]}",
    ]
