"""How far uploads have come, in words: for `status` and for the bars of `once`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daemon.cli.output import in_bytes, printable

if TYPE_CHECKING:
    from rich.progress import TaskID

    from daemon.cli.output import Bar
    from daemon.pipeline.pipeline import Pipeline

JSON = Any
_MOST_BARS = 12
"""Uploads that have a bar at once; more would not fit on a terminal."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def pace(transfer: Mapping[str, JSON]) -> str:
    """How an upload goes on: its rate and the time left, or what it waits for."""
    again_in, stalled_for = transfer["again_in"], transfer.get("stalled_for")
    if again_in is not None:
        return f"tried again in {in_time(again_in)}"
    if stalled_for is not None:
        return f"stalled for {in_time(stalled_for)}"
    if transfer["bytes"] >= transfer["total"]:
        return "sent, awaits the answer"
    if not transfer["rate"]:
        return "begins"
    left = transfer["seconds_left"]
    return f"{in_bytes(transfer['rate'])}/s" + ("" if left is None else f", {in_time(left)} left")


def line(transfer: Mapping[str, JSON]) -> str:
    """One upload under way, on one line."""
    return (
        f"{transfer['file']} to {transfer['destination']}: {transfer['percent']:.0f} % of "
        f"{in_bytes(transfer['total'])}, {pace(transfer)}"
    )


def in_time(seconds: float) -> str:
    """A time for people: `8 s`, `4 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = round(seconds)
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


class Shown:
    """Shows on bars what a pipeline has under way: one for each upload, and one for all files."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._all = bar.add_task("files under way: 0", total=None)
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def __call__(self, pipeline: Pipeline) -> None:
        """Show it as it is now."""
        told: Sequence[Mapping[str, JSON]] = pipeline.progress.tell()
        under_way = pipeline.coordinator.in_flight()
        more = len(told) - _MOST_BARS
        also = f", {more} more uploads" if more > 0 else ""
        self._bar.update(self._all, description=f"files under way: {under_way}{also}")
        shown = {(one["job"], one["destination"]): one for one in told[:_MOST_BARS]}
        for key in self._tasks.keys() - shown.keys():
            self._bar.remove_task(self._tasks.pop(key))
        for key, transfer in shown.items():
            if key not in self._tasks:
                name = printable(f"{transfer['file']} to {transfer['destination']}")
                self._tasks[key] = self._bar.add_task(name, total=transfer["total"])
            self._bar.update(
                self._tasks[key],
                completed=transfer["bytes"],
                detail=f"{transfer['percent']:.0f} %, {pace(transfer)}",
            )
