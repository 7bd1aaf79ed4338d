"""How soon deliveries find out how much a server takes at once, and what it costs that server.

The server takes `--allowed` requests at once, thinks for `--think` seconds, and answers 429 to any
request beyond. It is met first with fixed numbers around the allowed one, then with the adaptive
one that knows nothing yet; all else is as in the daemon: its pool, its lane, its attempts.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from processes import facts

from daemon.config.destinations import ConcurrencyConfig, HttpDestinationConfig, RetryConfig
from daemon.delivery.destination import Parcel
from daemon.delivery.http import HttpDestination
from daemon.delivery.pacing.attempts import run_attempts
from daemon.delivery.pacing.lane import Lane
from daemon.delivery.pacing.paced import PacedDestination
from daemon.errors import DeliveryError, StoppedError
from daemon.pipeline.workers import WorkerPool

CONTENT = b"x" * 4096
POLICY = RetryConfig.model_validate({"attempts": 5, "initial": "1s", "max": "60s"})
LEAST_THROUGHPUT = 0.9
MOST_REFUSED = 0.02


@dataclass
class Tally:
    """When deliveries arrived and when attempts were refused, in monotonic seconds."""

    arrived: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def between(self, start: float, end: float) -> tuple[float, float]:
        """Deliveries a second, and the share of requests that were refused."""
        arrived = sum(start <= when < end for when in self.arrived)
        refused = sum(start <= when < end for when in self.refused)
        return arrived / (end - start), refused / max(arrived + refused, 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--allowed", type=int, default=6)
    parser.add_argument("--think", type=float, default=0.02, help="seconds (default 0.02)")
    parser.add_argument("--max", type=int, default=16, help="of the adaptive run (default 16)")
    parser.add_argument(
        "--seconds", type=float, default=90, help="of the adaptive run (default 90)"
    )
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.allowed, options.think)
        return 0
    print("\n".join(facts()))
    here = [sys.executable, __file__, "--serve"]
    told = ["--allowed", str(options.allowed), "--think", str(options.think)]
    with subprocess.Popen([*here, *told], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            return compare(f"http://127.0.0.1:{int(server.stdout.readline())}/", options)
        finally:
            server.kill()


def compare(url: str, options: argparse.Namespace) -> int:
    best = 0.0
    for number in sorted({max(options.allowed + step, 1) for step in (-1, 0, 1)}):
        began = time.monotonic()
        tally, _ = run(url, ConcurrencyConfig(max=number, adaptive=False), 10)
        rate, share = tally.between(began + 1, began + 10)
        best = max(best, rate)
        print(f"fixed at {number}: {rate:.0f} files/s, {share:.1%} refused")
    began = time.monotonic()
    tally, limit = run(url, ConcurrencyConfig(max=options.max), options.seconds)
    for start, end in ((0.0, 5.0), (5.0, 30.0), (30.0, options.seconds)):
        rate, share = tally.between(began + start, began + end)
        print(
            f"adaptive, {start:.0f} to {end:.0f} s: {rate:.0f} files/s, {rate / best:.2f} of the "
            f"best, {share:.2%} refused"
        )
    print(f"found: {limit}")
    well = rate >= LEAST_THROUGHPUT * best and share < MOST_REFUSED
    print("gate passed" if well else "gate MISSED")
    return 0 if well else 1


def run(url: str, concurrency: ConcurrencyConfig, seconds: float) -> tuple[Tally, int]:
    """Deliver for so long, with something to deliver at all times; what came of it."""
    section = HttpDestinationConfig.model_validate({"type": "http", "url": url, "method": "PUT"})
    paced = PacedDestination(HttpDestination("server", section), concurrency)
    pool = WorkerPool(concurrency.max)
    lane = Lane(lambda: paced.limit, pool.submit)
    tally, stop = Tally(), threading.Event()
    with tempfile.NamedTemporaryFile() as file:
        file.write(CONTENT)
        file.flush()
        parcel = parcel_of(file.name)

        def sleep(pause: float) -> None:
            with pool.waiting():
                lane.sleep(pause, stop)

        def deliver() -> None:
            if stop.is_set():
                return
            lane.submit(deliver)
            with suppress(StoppedError):
                run_attempts(
                    paced,
                    parcel,
                    POLICY,
                    prior_attempts=0,
                    first_attempt_at=None,
                    sleep=sleep,
                    stop=stop,
                    progress=lambda _: None,
                    on_failed=failed,
                )
                tally.arrived.append(time.monotonic())

        def failed(_number: int, _error: DeliveryError, _pause: float | None) -> None:
            tally.refused.append(time.monotonic())

        for _ in range(2 * concurrency.max):
            lane.submit(deliver)
        stop.wait(seconds)
        stop.set()
        pool.stop(2.0)
    paced.close()
    return tally, paced.limit


def parcel_of(path: str) -> Parcel:
    return Parcel(
        job="benchmark",
        inbox="bench",
        name="file",
        path="file",
        size=len(CONTENT),
        sha256="0" * 64,
        media_type="application/octet-stream",
        received=datetime.now(UTC),
        idempotency_key="key",
        open=lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC),
    )


# -- the server -------------------------------------------------------------------------------


def serve(allowed: int, think: float) -> None:
    """Print the port, then answer until killed."""
    slots = threading.Semaphore(allowed)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(connection, slots, think), daemon=True).start()


def answer(connection: socket.socket, slots: threading.Semaphore, think: float) -> None:
    """Answer the requests of one connection."""
    data = b""
    with connection, suppress(OSError):
        while True:
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            left = length_of(head.lower().split(b"\r\n")) - len(data)
            while left > 0:
                left -= len(connection.recv(min(left, 65536)))
            data = b""
            status = b"429 Too Many Requests"
            if slots.acquire(blocking=False):
                time.sleep(think)
                slots.release()
                status = b"201 Created"
            connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status)


def length_of(lines: Sequence[bytes]) -> int:
    return next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))


if __name__ == "__main__":
    sys.exit(main())
