"""What `inboxd bench upload` says of a benchmark: to people, to machines, to a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from daemon.cli.output import Exit, complain, exit_code, in_bytes, say, show, show_table

if TYPE_CHECKING:
    from daemon.config.destinations import DestinationConfig
    from daemon.delivery.benchmark import Report, Row
    from daemon.delivery.recommending import Recommendation

JSON = Any
_MOST_NAMED = 5
"""Files that remain which are named one by one, without --json."""
_COLUMNS = (
    "size", "workers", "files", "delivered", "errors", "seconds", "files_per_second",
    "bytes_per_second", "p50", "p95", "answer_p95", "cpu_seconds",
)  # fmt: skip


def _facts(row: Row) -> dict[str, JSON]:
    return {
        "size": row.size,
        "workers": row.workers,
        "files": row.files,
        "delivered": row.delivered,
        "seconds": round(row.seconds, 6),
        "files_per_second": round(row.files_per_second, 2),
        "bytes_per_second": round(row.bytes_per_second),
        "p50": round(row.p50, 6),
        "p95": round(row.p95, 6),
        "answer_p95": None if row.answer_p95 is None else round(row.answer_p95, 6),
        "cpu_seconds": round(row.cpu_seconds, 4),
        "errors": dict(row.errors),
    }


def in_json(
    report: Report,
    found: Recommendation | None,
    section: DestinationConfig,
    *,
    connect: float | None,
    stopped: bool,
) -> JSON:
    """Everything that was found out, for machines; times in seconds, rates per second."""
    fault = report.fault
    return {
        "rows": [_facts(row) for row in report.rows],
        "connect_seconds": None if connect is None else round(connect, 6),
        "recommended_workers": None if found is None else found.workers,
        "more_workers_may_help": found is not None and found.more_may_help,
        "recommended": None if found is None else _settings(found, section),
        "left_behind": report.left_behind,
        "unsure": report.unsure,
        "messages": report.messages,
        "error": None if fault is None else fault.fault.facts,
        "stopped": stopped,
    }


def _settings(found: Recommendation, section: DestinationConfig) -> dict[str, dict[str, JSON]]:
    """The recommendation as it stands in a configuration."""
    from daemon.config.destinations import ServerDestinationConfig  # noqa: PLC0415
    from daemon.config.units import written_duration, written_rate  # noqa: PLC0415

    settings: dict[str, dict[str, JSON]] = {"concurrency": {"max": found.workers}}
    if isinstance(section, ServerDestinationConfig):
        times = found.timeout
        settings["timeout"] = {
            "connect": written_duration(times.connect),
            "read": written_duration(times.read),
            "transfer": written_duration(times.transfer),
            "slowest": written_rate(times.slowest),
        }
    return settings


def show_report(
    report: Report, found: Recommendation | None, section: DestinationConfig, destination: str
) -> None:
    """The table, and what to write into the configuration, for people."""
    if report.rows:
        show_table(
            ("size", "workers", "delivered", "files/s", "MB/s", "p50 ms", "p95 ms", "CPU s",
             "errors"),
            (_cells(row) for row in report.rows),
        )  # fmt: skip
    if found is None:
        return
    show("")
    show(f"{found.workers} at once serve every size well; for destinations.{destination}:")
    for key, values in _settings(found, section).items():
        inner = ", ".join(f"{name}: {value}" for name, value in values.items())
        show(f"    {key}: {{{inner}}}")
    if found.more_may_help:
        show(f"More may be faster still: try --workers {found.workers},{2 * found.workers}")


def _cells(row: Row) -> tuple[str, ...]:
    return (
        in_bytes(row.size),
        str(row.workers),
        f"{row.delivered} of {row.files}",
        f"{row.files_per_second:.1f}",
        f"{row.bytes_per_second / 1e6:.1f}",
        f"{row.p50 * 1000:.1f}",
        f"{row.p95 * 1000:.1f}",
        f"{row.cpu_seconds:.2f}",
        ", ".join(f"{count} {code}" for code, count in sorted(row.errors.items())) or "-",
    )


def as_csv(rows: Sequence[Row]) -> bytes:
    """The table for a spreadsheet; `errors` is their number."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, _COLUMNS)
    table.writeheader()
    table.writerows({**_facts(row), "errors": sum(row.errors.values())} for row in rows)
    return text.getvalue().encode()


def ended(report: Report, *, stopped: bool) -> int:
    """Say what went wrong and what remains; returns the exit code."""
    for title, places in (
        ("could not be removed", report.left_behind),
        ("ended without an answer, and may be there", report.unsure),
    ):
        if places:
            say(f"{len(places)} {title}:")
            for place in places[:_MOST_NAMED]:
                say(f"  {place}")
            if len(places) > _MOST_NAMED:
                say(f"  and {len(places) - _MOST_NAMED} more, all named {report.pattern}")
    failed = {code for row in report.rows for code in row.errors}
    for code in sorted(failed):
        complain(f"{code}: {report.messages.get(code, 'uploads failed')}")
    if report.fault is not None:
        complain(f"{report.fault.code}: {report.fault.message}")
    if stopped:
        return Exit.INTERRUPTED
    if report.fault is not None:
        return exit_code(report.fault)
    return Exit.NOT_ALL_DONE if failed else Exit.WELL
