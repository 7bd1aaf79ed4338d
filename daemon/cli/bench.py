"""`inboxd bench upload`: how fast a destination takes files, and how many at once suit it."""

from __future__ import annotations

import csv
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.output import Exit, complain, progress_bar, say, show, show_json, show_table
from daemon.cli.program import DEFAULT_CONFIG, AsJson, ConfigFile
from daemon.cli.status import in_bytes
from daemon.errors import UsageError

if TYPE_CHECKING:
    from daemon.delivery.benchmark import Report, Row
    from daemon.delivery.destination import Destination

JSON = Any

bench = typer.Typer(help="Measure how fast a destination takes files.", rich_markup_mode=None)


@bench.callback()
def _measuring() -> None:
    """Measure how fast a destination takes files.

    \b
    Example:
      inboxd bench upload -c inboxd.yaml archive
    """


@bench.command(short_help="Measure a destination.")
def upload(
    destination: Annotated[
        str, typer.Argument(metavar="DEST", help="A destination of the configuration.")
    ],
    *,
    config_file: ConfigFile = DEFAULT_CONFIG,
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="LIST", help="Sizes of the files.")
    ] = "64KB,1MB,8MB",
    workers: Annotated[
        str, typer.Option("--workers", metavar="LIST", help="Numbers of uploads at once.")
    ] = "1,2,4,8",
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Files for each size and number of workers.")
    ] = 20,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Also write the table as CSV.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Upload files of random content to a destination of the configuration and time them.

    The files really are uploaded, as inboxd-bench-*; those that we cannot take away again are
    named at the end. Exits with 1 if an upload failed.

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
    of_sizes, of_workers = _sizes(sizes), _counts(workers)
    if csv_file is not None:
        _prepare(csv_file)
    target = open_destination(destination, config.destinations[destination])
    try:
        report = _measured(target, of_sizes, of_workers, repeats)
    finally:
        target.close()
    if csv_file is not None:
        _write_csv(csv_file, report.rows)
    if as_json:
        show_json(_as_json(report))
    else:
        _print(report)
    errors = {code for row in report.rows for code in row.errors}
    for code in sorted(errors):
        complain(f"uploads failed with {code}; `inboxd check` says more")
    return Exit.NOT_ALL_DONE if errors else Exit.WELL


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
    target: Destination, sizes: Sequence[int], workers: Sequence[int], repeats: int
) -> Report:
    from daemon.delivery.benchmark import measure  # noqa: PLC0415  # slow to import

    stop = threading.Event()
    with progress_bar() as bar:
        task = bar.add_task("measuring", total=len(sizes) * len(workers))
        try:
            return measure(
                target, sizes, workers, repeats, stop=stop, on_row=lambda _: bar.advance(task)
            )
        finally:
            stop.set()


def _facts(row: Row) -> JSON:
    return {
        "size": row.size,
        "workers": row.workers,
        "files": row.files,
        "delivered": row.delivered,
        "seconds": round(row.seconds, 4),
        "files_per_second": round(row.files_per_second, 2),
        "bytes_per_second": round(row.bytes_per_second),
        "p50": round(row.p50, 4),
        "p95": round(row.p95, 4),
        "cpu_seconds": round(row.cpu_seconds, 4),
    }


def _as_json(report: Report) -> JSON:
    return {
        "rows": [{**_facts(row), "errors": dict(row.errors)} for row in report.rows],
        "recommended_workers": report.recommended_workers,
        "left_behind": list(report.left_behind),
    }


def _print(report: Report) -> None:
    show_table(
        ("size", "workers", "delivered", "files/s", "MB/s", "p50 ms", "p95 ms", "CPU s"),
        (
            (
                in_bytes(row.size),
                str(row.workers),
                f"{row.delivered} of {row.files}",
                f"{row.files_per_second:.1f}",
                f"{row.bytes_per_second / 1e6:.1f}",
                f"{row.p50 * 1000:.1f}",
                f"{row.p95 * 1000:.1f}",
                f"{row.cpu_seconds:.2f}",
            )
            for row in report.rows
        ),
    )
    if report.recommended_workers is not None:
        show(f"{report.recommended_workers} at once serve every size well (concurrency: max)")
    if report.left_behind:
        count = len(report.left_behind)
        say(
            f"{count} {'file remains' if count == 1 else 'files remain'} there, such as "
            f"{report.left_behind[0]}"
        )


def _prepare(path: Path) -> None:
    """Learn before anything is measured whether the table can be written."""
    try:
        path.open("a").close()
    except OSError as error:
        raise UsageError("csv", f"--csv: {path}: {error.strerror}") from None


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        facts = [{**_facts(row), "errors": sum(row.errors.values())} for row in rows]
        table = csv.DictWriter(file, facts[0])
        table.writeheader()
        table.writerows(facts)
