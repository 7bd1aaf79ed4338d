"""`inboxd bench upload`: how fast a destination takes files, and how many at once suit it."""

from __future__ import annotations

import csv
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.output import Exit, complain, progress_bar, show, show_json, show_table
from daemon.cli.program import AsJson, ConfigFile
from daemon.cli.status import in_bytes
from daemon.errors import InboxdError, UsageError

if TYPE_CHECKING:
    from daemon.delivery.destination import Destination, Parcel

bench = typer.Typer(help="Measure.", rich_markup_mode=None)


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: files of one size, so many at once; times in seconds, rates a second."""

    size: int
    workers: int
    files: int
    failed: int
    seconds: float
    files_rate: float
    bytes_rate: float
    median: float
    slowest: float
    error: str = ""


@bench.callback()
def _measuring() -> None:
    """Measure."""


@bench.command(short_help="Measure a destination.")
def upload(
    destination: Annotated[
        str, typer.Argument(metavar="DEST", help="A destination of the configuration.")
    ],
    *,
    config_file: ConfigFile,
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="LIST", help="Sizes of the files.")
    ] = "64KB,1MB,8MB",
    workers: Annotated[
        str, typer.Option("--workers", metavar="LIST", help="Numbers of uploads at once.")
    ] = "1,2,4,8",
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Files that each worker uploads.")
    ] = 5,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Also write the table as CSV.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Upload files of random content to a destination of the configuration and time them.

    The files really are uploaded, as inboxd-bench-*.bin; remove them there afterwards. Every size
    is measured with every number of workers. Exits with 1 if an upload failed.

    \b
    Examples:
      inboxd bench upload -c inboxd.yaml archive
      inboxd bench upload -c inboxd.yaml archive --sizes 4KB,25MB --workers 1,16 --csv archive.csv
    """
    from daemon.config.load import load  # noqa: PLC0415  # slow to import
    from daemon.delivery.registry import open_destination  # noqa: PLC0415

    config = load(config_file)
    if destination not in config.destinations:
        known = ", ".join(config.destinations) or "none"
        raise UsageError(
            "no_such_destination", f"there is no destination {destination!r}; known are {known}"
        )
    plan = [(size, count) for size in _sizes(sizes) for count in _counts(workers)]
    target = open_destination(destination, config.destinations[destination])
    try:
        points = list(_measured(target, plan, repeats))
    finally:
        target.close()
    if csv_file is not None:
        _write_csv(csv_file, points)
    if as_json:
        show_json([asdict(point) for point in points])
    else:
        _print(points)
    failed = next((point for point in points if point.failed), None)
    if failed is not None:
        complain(f"{failed.failed} of {failed.files} uploads failed: {failed.error}")
    return Exit.NOT_ALL_DONE if failed else Exit.WELL


def _sizes(text: str) -> list[int]:
    from daemon.config.units import parse_size  # noqa: PLC0415  # slow to import

    try:
        return [parse_size(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError("usage", f"--sizes: {error}") from None


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",") if part.strip().isdecimal()]
    if len(counts) != text.count(",") + 1 or not all(0 < count <= 256 for count in counts):
        raise UsageError("usage", "--workers: write whole numbers from 1 to 256, such as 1,2,4")
    return counts


def _measured(
    target: Destination, plan: Sequence[tuple[int, int]], repeats: int
) -> Iterator[Point]:
    with progress_bar() as bar, tempfile.TemporaryDirectory(prefix="inboxd-bench-") as folder:
        task = bar.add_task("measuring", total=len(plan))
        for size, workers in plan:
            path = Path(folder, "content.bin")
            _fill(path, size)
            yield _measure(target, path, size, workers, repeats * workers)
            bar.advance(task)


def _fill(path: Path, size: int) -> None:
    """Random content, so that nothing on the way can compress it."""
    with path.open("wb") as file:
        while size:
            size -= file.write(os.urandom(min(size, 1 << 20)))


def _measure(target: Destination, path: Path, size: int, workers: int, files: int) -> Point:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # slow to import

    stop = threading.Event()
    parcels = [_parcel(path, size) for _ in range(files)]
    with ThreadPoolExecutor(workers) as pool:
        began = time.perf_counter()
        try:
            results = list(pool.map(lambda parcel: _timed(target, parcel, stop), parcels))
        finally:
            stop.set()
        seconds = time.perf_counter() - began
    times = [result for result in results if isinstance(result, float)]
    errors = [result for result in results if isinstance(result, str)]
    return Point(
        size=size,
        workers=workers,
        files=files,
        failed=len(errors),
        seconds=round(seconds, 4),
        files_rate=round(len(times) / seconds, 2),
        bytes_rate=round(len(times) * size / seconds),
        median=round(statistics.median(times), 4) if times else 0.0,
        slowest=round(max(times, default=0.0), 4),
        error=errors[0] if errors else "",
    )


def _timed(target: Destination, parcel: Parcel, stop: threading.Event) -> float | str:
    """Seconds of one upload, or why it failed."""
    began = time.perf_counter()
    try:
        target.deliver(parcel, lambda _sent: None, stop)
    except InboxdError as error:
        return error.message
    return time.perf_counter() - began


def _parcel(path: Path, size: int) -> Parcel:
    import hashlib  # noqa: PLC0415  # slow to import
    from datetime import UTC, datetime  # noqa: PLC0415

    from daemon.delivery.destination import Parcel  # noqa: PLC0415
    from daemon.jobs.model import new_id  # noqa: PLC0415

    job = new_id()
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    name = f"inboxd-bench-{job}.bin"
    return Parcel(
        job=job,
        inbox="bench",
        name=name,
        path=name,
        size=size,
        sha256=sha256,
        media_type="application/octet-stream",
        received=datetime.now(UTC),
        idempotency_key=f"{job}.bench",
        open=lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC),
    )


def _print(points: Sequence[Point]) -> None:
    show_table(
        ("size", "workers", "files", "failed", "files/s", "MB/s", "median s", "slowest s"),
        (
            (
                in_bytes(point.size),
                str(point.workers),
                str(point.files),
                str(point.failed),
                f"{point.files_rate:.1f}",
                f"{point.bytes_rate / 1e6:.1f}",
                f"{point.median:.3f}",
                f"{point.slowest:.3f}",
            )
            for point in points
        ),
    )
    for size in dict.fromkeys(point.size for point in points):
        best = best_of([point for point in points if point.size == size])
        if best is not None:
            show(f"best for {in_bytes(size)}: {best.workers} at once, {best.files_rate:.1f}/s")


def best_of(points: Sequence[Point]) -> Point | None:
    """The fewest workers within 5 % of the highest rate, among points without a failure."""
    whole = [point for point in points if not point.failed]
    highest = max((point.files_rate for point in whole), default=0.0)
    good = [point for point in whole if point.files_rate >= 0.95 * highest]
    return min(good, key=lambda point: point.workers, default=None)


def _write_csv(path: Path, points: Sequence[Point]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Point)])
        table.writeheader()
        table.writerows(asdict(point) for point in points)
