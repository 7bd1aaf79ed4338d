"""A picture of what a benchmark measured; needs matplotlib, which is an extra."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from daemon.cli.output import in_bytes
from daemon.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from daemon.delivery.benchmark import Row

_INCHES = (10.0, 4.5)
_DOTS = 120


def require_matplotlib() -> None:
    """Raise UsageError, with the command that installs it, where it is missing or broken."""
    install = "pip install 'inboxd[plot]'"
    if find_spec("matplotlib") is None:
        raise UsageError("plot", f"--plot needs matplotlib, which is not installed: {install}")
    try:
        with _nothing_kept():
            import_module("matplotlib.backends.backend_agg")
    except ImportError as error:
        message = f"--plot: matplotlib does not load ({error}): {install}"
        raise UsageError("plot", message) from None


def picture(title: str, rows: Sequence[Row], recommended: int | None) -> bytes:
    """A PNG: throughput and latency over the number of workers, a line for each size."""
    with _nothing_kept():
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # an extra
        from matplotlib.figure import Figure  # noqa: PLC0415

        figure = Figure(figsize=_INCHES, dpi=_DOTS, layout="constrained")
        FigureCanvasAgg(figure)  # whatever backend a person has chosen
        figure.suptitle(title)
        left, right = figure.subplots(1, 2)
        _draw(left, rows, lambda row: row.files_per_second)
        _draw(right, rows, lambda row: 1000 * row.p95, faint=lambda row: 1000 * row.p50)
        left.set_title("files that arrived in a second")
        right.set_title("ms for a file: 95 of 100 (dotted: half)")
        for axes in (left, right):
            _label(axes, rows, recommended)
        left.legend(title="size", fontsize="small")
        data = io.BytesIO()
        figure.savefig(data, format="png")
    return data.getvalue()


def _draw(
    axes: Axes,
    rows: Sequence[Row],
    value: Callable[[Row], float],
    *,
    faint: Callable[[Row], float] | None = None,
) -> None:
    for size in sorted({row.size for row in rows}):
        of_size = sorted((row for row in rows if row.size == size), key=lambda row: row.workers)
        arrived = [row for row in of_size if row.delivered]
        workers = [row.workers for row in arrived]
        (line,) = axes.plot(workers, [value(row) for row in arrived], "o-", label=in_bytes(size))
        if faint is not None:
            axes.plot(workers, [faint(row) for row in arrived], ":", color=line.get_color())
        failed = [row for row in arrived if row.errors]
        axes.plot([row.workers for row in failed], [value(row) for row in failed], "rx", ms=12)


def _label(axes: Axes, rows: Sequence[Row], recommended: int | None) -> None:
    counts = sorted({row.workers for row in rows})
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xticks([], minor=True)
    axes.set_yscale("log", subs=[2, 5])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_xlabel("uploads at once (dashed: recommended; red cross: with errors)")
    axes.grid(visible=True, which="both", alpha=0.25)
    if recommended is not None:
        axes.axvline(recommended, color="grey", linestyle="--", linewidth=1)


@contextmanager
def _nothing_kept() -> Iterator[None]:
    """Let matplotlib keep its settings and its list of fonts in a folder that goes away."""
    before = os.environ.copy()
    with tempfile.TemporaryDirectory(prefix="inboxd-plot-") as folder:
        os.environ.update(MPLCONFIGDIR=folder, MPLBACKEND="agg")
        try:
            yield
        finally:
            for name in ("MPLCONFIGDIR", "MPLBACKEND"):
                os.environ.pop(name)
                os.environ.update({name: before[name]} if name in before else {})
