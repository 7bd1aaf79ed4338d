"""`inboxd bench upload`: how fast a destination takes files, and how many at once suit it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.bench_report import as_csv, ended, in_json, show_report
from daemon.cli.output import Exit, complain, in_bytes, progress_bar, say, show_json
from daemon.cli.plot import picture, require_matplotlib
from daemon.cli.program import DEFAULT_CONFIG, AsJson, ConfigFile, placing_problems
from daemon.errors import UsageError

if TYPE_CHECKING:
    from daemon.delivery.benchmark import Report
    from daemon.delivery.destination import Destination


bench = typer.Typer(rich_markup_mode=None)


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
    plot_file: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Also draw it, as PNG.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Upload files of random content to a destination of the configuration and time them.

    The result is a table, and what to write into the configuration: how many uploads at once, and
    timeouts. The files really are uploaded, as inboxd-bench-*, and removed again; those that cannot
    be are named at the end. Ctrl-C ends it: what was measured is shown, what was uploaded removed.

    Exits with 1 if an upload failed, with 130 after Ctrl-C.

    \b
    Examples:
      inboxd bench upload -c inboxd.yaml archive
      inboxd bench upload -c inboxd.yaml archive --sizes 4KB,25MB --workers 1,16,64
      inboxd bench upload -c inboxd.yaml archive --csv archive.csv --plot archive.png
    """
    from daemon.config.load import load_with_places  # noqa: PLC0415  # slow to import
    from daemon.delivery.recommending import recommend  # noqa: PLC0415
    from daemon.delivery.registry import open_destination  # noqa: PLC0415
    from daemon.delivery.transport.connect_time import connect_seconds  # noqa: PLC0415

    of_sizes, of_workers = _sizes(sizes), _counts(workers)
    if plot_file is not None:
        require_matplotlib()
    config, document = load_with_places(config_file)
    if destination not in config.destinations:
        known = ", ".join(config.destinations) or "none"
        raise UsageError(
            "no_such_destination", f"there is no destination {destination!r}; known are {known}"
        )
    section = config.destinations[destination]
    with placing_problems(document):
        target = open_destination(destination, section)
    try:
        for option, path in (("--csv", csv_file), ("--plot", plot_file)):
            _prepare(option, path)
        report, stopped = _measured(target, of_sizes, of_workers, repeats)
    finally:
        target.close()
    connect = connect_seconds(destination, section) if report.rows and not stopped else None
    found = recommend(report.rows, connect)
    saved = csv_file is None or _saved("--csv", csv_file, as_csv(report.rows))
    if plot_file is not None:
        best = None if found is None else found.workers
        drawn = picture(f"uploads to {destination}", report.rows, best) if report.rows else b""
        saved = _saved("--plot", plot_file, drawn) and saved
    if as_json:
        show_json(in_json(report, found, section, connect=connect, stopped=stopped))
    else:
        show_report(report, found, section, destination)
    return ended(report, stopped=stopped) or (Exit.WELL if saved else Exit.ENVIRONMENT)


def _sizes(text: str) -> list[int]:
    from daemon.config.units import parse_size  # noqa: PLC0415  # slow to import

    try:
        return list(dict.fromkeys(parse_size(part) for part in text.split(",")))
    except ValueError as error:
        raise UsageError("usage", f"--sizes: {error}") from None


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",") if part.strip().isdecimal()]
    if len(counts) != text.count(",") + 1 or not all(0 < count <= 256 for count in counts):
        raise UsageError("usage", "--workers: write whole numbers from 1 to 256, such as 1,2,4")
    return list(dict.fromkeys(counts))


def _prepare(option: str, path: Path | None) -> None:
    """Learn before anything is measured whether a file can be written."""
    try:
        if path is not None:
            path.open("ab").close()
    except OSError as error:
        raise UsageError("usage", f"{option}: {path}: {error.strerror}") from None


def _saved(option: str, path: Path, data: bytes) -> bool:
    """Write a file; what was measured is shown although that fails. No data, no file."""
    try:
        if data:
            path.write_bytes(data)
        elif not path.stat().st_size:
            path.unlink()
    except OSError as error:
        complain(f"{option}: {path}: {error.strerror}")
        return False
    return True


def _measured(
    target: Destination, sizes: Sequence[int], workers: Sequence[int], repeats: int
) -> tuple[Report, bool]:
    """What was measured, and whether somebody stopped it before its end."""
    from daemon.delivery.benchmark import measure, new_report  # noqa: PLC0415  # slow to import

    report = new_report()
    files = 1 + repeats * len(sizes) * len(workers)
    volume = min(sizes) + repeats * len(workers) * sum(sizes)
    say(f"uploading {files} files, {in_bytes(volume)} in all; Ctrl-C ends it")
    stop = threading.Event()
    try:
        with progress_bar() as bar, _stopping(stop):
            task = bar.add_task("measuring", total=len(sizes) * len(workers))
            measure(
                target,
                sizes,
                workers,
                repeats,
                report=report,
                stop=stop,
                on_row=lambda _: bar.advance(task),
            )
    except KeyboardInterrupt:  # a second Ctrl-C, while the first was heeded
        report.unsure.append(f"{report.pattern} (not all were removed)")
    return report, stop.is_set()


@contextlib.contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """Set `stop` at the first Ctrl-C or SIGTERM, and raise KeyboardInterrupt at the second."""

    heeded: list[int] = []

    def end() -> None:
        stop.set()
        say("ending; what was uploaded is being removed")

    def handle(number: int, _frame: FrameType | None) -> None:
        if heeded:
            raise KeyboardInterrupt
        heeded.append(number)
        # The thread that was interrupted may hold the lock of `stop` or of the terminal.
        threading.Thread(target=end, name="ending").start()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
