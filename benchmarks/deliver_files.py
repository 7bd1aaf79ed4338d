"""Deliver the files of a folder through inboxd's own destination, as the daemon's workers do.

Prints JSON: the seconds from the first byte to the last answer, the processor time of that, and how
far memory grew over what it was after one small delivery.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from processes import resident

from daemon.config.destinations import HttpDestinationConfig
from daemon.delivery.destination import Parcel
from daemon.delivery.http import HttpDestination
from daemon.limits import DEFAULT
from daemon.validation.content import read_content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--method", choices=["POST", "PUT"], default="PUT")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--hash", action="store_true", help="take the sha256 of each file first")
    parser.add_argument("--authority", type=Path, help="the certificate to trust")
    options = parser.parse_args()
    keys = {
        "type": "http",
        "url": options.url,
        "method": options.method,
        "concurrency": {"max": options.workers},
        **({"verify": str(options.authority)} if options.authority else {}),
    }
    destination = HttpDestination("server", HttpDestinationConfig.model_validate(keys))
    stop = threading.Event()

    def deliver(parcel: Parcel) -> None:
        if options.hash:
            _digest(parcel)
        destination.deliver(parcel, lambda _: None, stop)

    deliver(_parcel(Path(__file__)))  # connects, and pays once for what is paid once
    files = [_parcel(path) for path in sorted(options.folder.iterdir())]  # the ledger knows these
    before, began, cpu = resident(os.getpid()), time.perf_counter(), time.process_time()
    if options.workers == 1:
        for parcel in files:
            deliver(parcel)
    else:
        with ThreadPoolExecutor(options.workers) as pool:
            list(pool.map(deliver, files))
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    grown = max(resident(os.getpid(), "VmHWM") - before, 0)
    print(json.dumps({"seconds": seconds, "cpu": used, "grown": grown, "files": len(files)}))


def _digest(parcel: Parcel) -> None:
    """Take the hash as the daemon does before it delivers."""
    descriptor = parcel.open()
    try:
        read_content(descriptor, os.fstat(descriptor), DEFAULT.read_block, threading.Event())
    finally:
        os.close(descriptor)


def _parcel(path: Path) -> Parcel:
    name = os.fspath(path)
    return Parcel(
        job="benchmark",
        inbox="bench",
        name=path.name,
        path=path.name,
        size=path.stat().st_size,
        sha256="0" * 64,
        media_type="application/octet-stream",
        received=datetime.now(UTC),
        idempotency_key=path.name,
        open=lambda: os.open(name, os.O_RDONLY | os.O_CLOEXEC),
    )


if __name__ == "__main__":
    main()
