"""What the daemon takes while nothing happens: wake-ups, CPU and memory on an empty inbox."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from processes import facts, field, resident, tree

ROOT = Path(__file__).parent.parent
MOST_WAKE_UPS = 2.0
"""A second."""
MOST_CPU = 0.2
"""Percent of one core."""
MOST_MEMORY = 90_000_000


@dataclass(frozen=True, slots=True)
class Counters:
    """Totals of a tree of processes since they began."""

    wake_ups: int
    nanoseconds: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long to count (default 60)")
    parser.add_argument(
        "--settle",
        type=float,
        default=30,
        help="wait this long after READY, past the first canary (default 30)",
    )
    options = parser.parse_args()
    print("\n".join(facts()))
    with tempfile.TemporaryDirectory(prefix="inboxd-idle-", dir="/var/tmp") as name:
        process, messages = start(Path(name))
        try:
            wait_until_ready(process, messages)
            time.sleep(options.settle)
            before = count(process.pid)
            time.sleep(options.seconds)
            after = count(process.pid)
            memory = resident(process.pid), resident(process.pid, "Pss", "smaps_rollup")
            threads = sum(field(one, "Threads") for one in tree(process.pid))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
        trouble = [line for line in messages.read_text().splitlines() if '"info"' not in line]
    wake_ups = (after.wake_ups - before.wake_ups) / options.seconds
    cpu = (after.nanoseconds - before.nanoseconds) / options.seconds / 1e7
    print(f"over {options.seconds:.0f} s, {threads} threads, exit code {process.returncode}")
    for told, met in (
        (f"wake-ups    {wake_ups:6.2f} a second (at most {MOST_WAKE_UPS})", wake_ups <= 2.0),
        (f"CPU         {cpu:6.3f} % of a core (at most {MOST_CPU})", cpu <= MOST_CPU),
        (f"resident    {memory[0] / 1e6:6.1f} MB (under 90)", memory[0] < MOST_MEMORY),
        (f"its share   {memory[1] / 1e6:6.1f} MB (PSS)", memory[1] < MOST_MEMORY),
    ):
        print(f"{told}: {'met' if met else 'NOT MET'}")
    print("\n".join(["it also said:", *trouble]) if trouble else "it logged nothing but progress")
    return 0


def start(folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """Start the daemon on an empty inbox, watched natively; its messages go to a file."""
    (folder / "inbox").mkdir()
    config = {
        "state": str(folder / "state"),
        "inboxes": {
            "receipts": {"path": str(folder / "inbox"), "watch": "native", "deliver": ["server"]}
        },
        "destinations": {"server": {"type": "http", "url": "http://127.0.0.1:9/"}},
    }
    (folder / "inboxd.yaml").write_text(json.dumps(config))  # JSON is YAML
    messages = folder / "messages"
    with messages.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon", "run", "-c", folder / "inboxd.yaml"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=out,
        )
    return process, messages


def wait_until_ready(process: subprocess.Popen[bytes], messages: Path) -> None:
    while "daemon.ready" not in messages.read_text():
        if process.poll() is not None:
            sys.exit(f"the daemon ended: {messages.read_text()}")
        time.sleep(0.05)


def count(process: int) -> Counters:
    """Voluntary switches and time on a core, over all threads of the tree."""
    wake_ups = nanoseconds = 0
    for one in tree(process):
        for task in Path(f"/proc/{one}/task").iterdir():
            with suppress(OSError):
                nanoseconds += int((task / "schedstat").read_text().split()[0])
                for line in (task / "status").read_text().splitlines():
                    if line.startswith("voluntary_ctxt_switches"):
                        wake_ups += int(line.split()[1])
    return Counters(wake_ups, nanoseconds)


if __name__ == "__main__":
    sys.exit(main())
