"""One large file to a bucket in parts: inboxd against rclone and boto3, in interleaved rounds.

The server is `rclone serve s3`, which keeps parts in memory and hashes them: the seconds are mostly
its own. What the clients take of the processor and of memory is theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from processes import Taken, facts, go_apart, resident, run

ACCESS, SECRET = "AK0123456789", "SK0123456789abcdef"
BUCKET = "receipts"
_MEGABYTE = 10**6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="megabytes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--deliver", nargs=2, metavar=("URL", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.deliver:
        _deliver(*options.deliver)
        return 0
    where = go_apart()
    print("\n".join([*facts(), where, ""]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source.bin"
        with source.open("wb") as file:
            for _ in range(options.size):
                file.write(os.urandom(_MEGABYTE))
        with _server(folder) as url:
            _measure(url, source, options.rounds)
    return 0


def _measure(url: str, source: Path, rounds: int) -> None:
    clients: dict[str, Callable[[str, Path], Taken]] = {"inboxd": _ours, "rclone": _rclone}
    with suppress(ImportError):
        import boto3  # noqa: F401, PLC0415

        clients["boto3"] = _boto
    taken: dict[str, list[Taken]] = {name: [] for name in clients}
    for number in range(rounds):
        order = list(clients)
        for name in order[number % len(order) :] + order[: number % len(order)]:
            taken[name].append(clients[name](url, source))
            assert taken[name][-1].code == 0, f"{name} failed"
    gigabytes = source.stat().st_size / 10**9
    print(f"{'':8}{'s':>8}{'CPU s/GB':>10}{'memory MB':>11}")
    for name, runs in taken.items():
        seconds = statistics.median(each.seconds for each in runs)
        cpu = statistics.median(each.cpu for each in runs) / gigabytes
        memory = statistics.median(each.peak for each in runs) / _MEGABYTE
        print(f"{name:8}{seconds:8.2f}{cpu:10.2f}{memory:11.1f}")
    print("\ninboxd and boto3: the transfer alone, memory is growth; rclone: the whole process")


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    (folder / "buckets" / BUCKET).mkdir(parents=True)
    command = [_program("rclone"), "--config", "/dev/null", "serve", "s3", "--addr"]
    command += [f"127.0.0.1:{port}", "--auth-key", f"{ACCESS},{SECRET}", str(folder / "buckets")]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _ours(url: str, source: Path) -> Taken:
    return _itself("inboxd", url, source)


def _boto(url: str, source: Path) -> Taken:
    return _itself("boto3", url, source)


def _itself(client: str, url: str, source: Path) -> Taken:
    """This script as a client of its own process, which says what the transfer took."""
    environment = {**os.environ, "S3_CLIENT": client}
    command = [sys.executable, __file__, "--deliver", url, str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return Taken(0, 0, 0, done.returncode)
    return Taken(**json.loads(done.stdout), code=0)


def _rclone(url: str, source: Path) -> Taken:
    remote = f":s3,provider=Other,endpoint='{url}',access_key_id={ACCESS}"
    remote += f",secret_access_key={SECRET},force_path_style=true,no_check_bucket=true"
    command = [_program("rclone"), "--config", "/dev/null", "copyto", str(source)]
    command.append(f"{remote}:{BUCKET}/rclone-{time.time_ns()}.bin")
    return run(command, environment=os.environ, messages=source.with_suffix(".log"))


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name) or name


def _deliver(url: str, path: str) -> None:
    """Deliver one file after a small one, and print what that took."""
    send = _sender(os.environ["S3_CLIENT"], url)
    send(__file__)  # connects, and pays once for what is paid once
    before, began, cpu = resident(os.getpid()), time.perf_counter(), time.process_time()
    send(path)
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    grown = max(resident(os.getpid(), "VmHWM") - before, 0)
    print(json.dumps({"seconds": seconds, "cpu": used, "peak": grown}))


def _sender(client: str, url: str) -> Callable[[str], None]:
    os.environ.update(BENCHMARK_ACCESS=ACCESS, BENCHMARK_SECRET=SECRET)
    if client == "boto3":
        import boto3  # noqa: PLC0415

        store = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS,
            aws_secret_access_key=SECRET,
        )
        return lambda path: store.upload_file(path, BUCKET, f"boto3-{time.time_ns()}.bin")
    return _destination(url)


def _destination(url: str) -> Callable[[str], None]:
    from daemon.config.destinations import S3DestinationConfig  # noqa: PLC0415
    from daemon.delivery.destination import Parcel  # noqa: PLC0415
    from daemon.delivery.s3.destination import S3Destination  # noqa: PLC0415

    keys: Mapping[str, object] = {
        "type": "s3",
        "bucket": BUCKET,
        "endpoint": url,
        "key": "{name}",
        "access_key_env": "BENCHMARK_ACCESS",
        "secret_key_env": "BENCHMARK_SECRET",
        "timeout": {"read": "120s"},
    }
    destination = S3Destination("bucket", S3DestinationConfig.model_validate(keys))
    blank = Parcel(
        job="job",
        inbox="inbox",
        name="",
        path="",
        size=0,
        sha256="",
        media_type="application/octet-stream",
        received=datetime.now(UTC),
        idempotency_key="key",
        open=lambda: -1,
    )

    def send(path: str) -> None:
        parcel = replace(
            blank,
            name=f"inboxd-{time.time_ns()}.bin",
            size=os.stat(path).st_size,
            open=lambda: os.open(path, os.O_RDONLY),
        )
        destination.deliver(parcel, lambda _: None, threading.Event())

    return send


if __name__ == "__main__":
    sys.exit(main())
