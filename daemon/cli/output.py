"""What commands write, and where: results on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol, cast

from daemon.errors import (
    AlreadyRunningError,
    ConfigError,
    EnvironmentFaultError,
    InboxdError,
    Kind,
    UsageError,
)

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_SHORT = 16
"""Characters up to which a cell is not broken into lines."""
_BETWEEN = 2
"""Characters between two columns."""


class Exit(IntEnum):
    """The exit codes of every command."""

    WELL = 0
    NOT_ALL_DONE = 1
    USAGE = 2
    ALREADY_RUNNING = 3
    ENVIRONMENT = 4
    INTERRUPTED = 130
    BROKEN_PIPE = 141


def exit_code(error: InboxdError) -> Exit:
    """The exit code that an error of ours calls for."""
    if isinstance(error, ConfigError | UsageError):
        return Exit.USAGE
    if isinstance(error, AlreadyRunningError):
        return Exit.ALREADY_RUNNING
    if isinstance(error, EnvironmentFaultError) or error.kind is Kind.ENVIRONMENT:
        return Exit.ENVIRONMENT
    return Exit.NOT_ALL_DONE


def say(text: str) -> None:
    """One message for people, on stderr."""
    sys.stderr.write(f"{printable(text)}\n")


def complain(text: str) -> None:
    """What went wrong, on stderr, each line under the name of the program."""
    for line in text.splitlines() or [""]:
        say(f"inboxd: {line}")


def show(text: str) -> None:
    """One line of a result, on stdout."""
    sys.stdout.write(f"{printable(text)}\n")


def show_json(value: Any) -> None:
    """A result for machines, on stdout: UTF-8, whatever the terminal speaks."""
    write_bytes(json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n")


def write_bytes(data: bytes) -> None:
    """Bytes on stdout, after all that was written there before."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def printable(text: str) -> str:
    """Text that cannot move the cursor or change colours: control characters are escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text.encode("utf-8", "backslashreplace").decode()
    )


def in_bytes(count: float) -> str:
    """A number of bytes for people: `4.1 KB`, `12 MB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= size:
            value = count / size
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{count:.0f} B"


def show_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, whole: Sequence[str] = ()
) -> None:
    """A table on stdout; wide as the terminal, or as its content where there is no terminal.

    Only long cells are broken into lines, and none in a column of `whole`. On a terminal that is
    too narrow for that, each row becomes a list.
    """
    from rich import box  # noqa: PLC0415  # slow to import
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    cells = [[printable(cell) for cell in row] for row in rows]
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    widths = [max(map(cell_len, column)) for column in zip(headings, *cells, strict=True)]
    broken = [
        width > _SHORT and heading not in whole
        for heading, width in zip(headings, widths, strict=True)
    ]
    least = [_SHORT if long else width for long, width in zip(broken, widths, strict=True)]
    if sum(least) + _BETWEEN * (len(least) - 1) > console.width:
        _show_lists(headings, cells)
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, long in zip(headings, broken, strict=True):
        table.add_column(heading, overflow="fold", no_wrap=not long)
    for row in cells:
        table.add_row(*map(Text, row))
    with console.capture() as capture:  # by itself it answers a reader that left with exit code 1
        console.print(table)
    sys.stdout.write(capture.get())


def _show_lists(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    wide = max(map(len, headings))
    for row in rows:
        for heading, cell in zip(headings, row, strict=True):
            show(f"{heading:{wide}}  {cell}")
        show("")


class Bar(Protocol):
    """Shows how far tasks have come, as rich's Progress does."""

    def add_task(self, description: str, *, total: float | None) -> TaskID:
        """Show one more task."""
        ...

    def update(
        self,
        task_id: TaskID,
        *,
        completed: float | None = None,
        description: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Show a task as it is now."""
        ...

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Show that a task has come a step further."""
        ...

    def remove_task(self, task_id: TaskID) -> None:
        """Show a task no more."""
        ...


class _NoBar:
    """Shows nothing."""

    def add_task(self, description: str, *, total: float | None) -> TaskID:
        del description, total
        return cast("TaskID", 0)

    def update(self, task_id: TaskID, **_: object) -> None:
        pass

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        pass

    def remove_task(self, task_id: TaskID) -> None:
        pass


class _Bars:
    """rich's bars, where a `detail` stands behind each."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars

    def add_task(self, description: str, *, total: float | None) -> TaskID:
        return self._bars.add_task(description, total=total, detail="")

    def update(
        self,
        task_id: TaskID,
        *,
        completed: float | None = None,
        description: str | None = None,
        detail: str | None = None,
    ) -> None:
        self._bars.update(task_id, completed=completed, description=description)
        if detail is not None:
            self._bars.update(task_id, detail=detail)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        self._bars.advance(task_id, advance)

    def remove_task(self, task_id: TaskID) -> None:
        self._bars.remove_task(task_id)


@contextlib.contextmanager
def progress_bar() -> Iterator[Bar]:
    """A bar on stderr with the time left, for terminals only; nothing appears elsewhere."""
    if not sys.stderr.isatty():
        yield _NoBar()
        return
    from rich.console import Console  # noqa: PLC0415  # slow to import
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True, soft_wrap=True), transient=True) as bars:
        yield _Bars(bars)


@contextlib.contextmanager
def upload_bars() -> Iterator[Bar]:
    """Bars on stderr, each with a `detail` behind it, for terminals only."""
    if not sys.stderr.isatty():
        yield _NoBar()
        return
    from rich.console import Console  # noqa: PLC0415  # slow to import
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415

    # A file's name is no markup, and gives way before what is told of its upload does.
    name = Column(overflow="ellipsis", no_wrap=True, ratio=1, min_width=8)
    columns = (
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    console = Console(stderr=True, soft_wrap=True)  # an event above the bars stays one line
    with Progress(*columns, console=console, transient=True, expand=True) as bars:
        yield _Bars(bars)


def stand_in_for_closed_streams() -> None:
    """Open the null device for each standard stream that the caller closed.

    The next file that is opened would get its number otherwise, and what is said with it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115  # as long as we run
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def quiet_stdout() -> None:
    """Let nothing more be written where nobody reads, so that leaving stays silent."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
