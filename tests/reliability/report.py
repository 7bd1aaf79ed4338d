"""Collects what the tests marked `reliability` came to, and writes docs/reliability.md from it.

    python -m tests.reliability.report              run them all, write the document
    python -m tests.reliability.report FILE...      write it from results that runs have left

A run leaves its results with `pytest --reliability FILE`; results that are there are kept unless
the run has newer ones. Of several files the last that knows a case counts.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.reliability import LONG_RUN

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reliability.md"
COMMAND = ".venv/bin/python -m tests.reliability.report"
TABLES: Mapping[str, str] = {
    "Crash points": (
        "The process ends at each named place between two durable facts, at every occurrence of it;"
        " the next start must bring all files to their end."
    ),
    "Power loss": (
        "What was not synced is lost, and names change in another order than they were made to; "
        "the next start must bring all files to their end."
    ),
    "Random kills": "`kill -9` at moments of chance, while files come in.",
    "Whole engine": "Random histories of drops, crashes and faults, on a simulated clock.",
    "Faults": "Made real where root allows; none is blamed on a file.",
    "Real writers": "None taken early, none missed, none twice.",
    "Hostile drops": "Each with the code that it must be refused with.",
    "Virus scan": "A real clamd with a signature file of our own.",
    "Least privilege": "Each denial tried from the inside.",
    "Link files": "Files that name an address, and servers that lie.",
    "Health": "Disagreements that were planted, and whether they were found and mended.",
    "Latency and load": "Figures of this machine.",
}
_COLUMNS = ("case", "must", "came to")

Outcome = Callable[..., None]
"""Tells what a case came to: `outcome(text)`, or `outcome(text, case)` in a test of several."""


@dataclass(frozen=True, slots=True)
class Row:
    """One case of a table; `outcome` is None as long as it was not run.

    `long_run` says that it was run with INBOXD_LONG_RUN=1.
    """

    table: str
    case: str
    expected: str
    outcome: str | None = None
    passed: bool = False
    long_run: bool = False


def cases_of(item: pytest.Item) -> list[Row]:
    """The rows that a test proves."""
    callspec = getattr(item, "callspec", None)
    values = {name: str(value) for name, value in callspec.params.items()} if callspec else {}
    rows = []
    for mark in item.iter_markers("reliability"):
        table, cases, *expected = mark.args
        if table not in TABLES:
            raise pytest.UsageError(f"{item.nodeid}: there is no table {table!r} in {__name__}")
        told = cases if isinstance(cases, Mapping) else {cases: expected[0]}
        rows += [
            Row(table, _fill(case, values), _fill(must, values)) for case, must in told.items()
        ]
    return rows


def _fill(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{%s}" % name, value)  # noqa: UP031 - braces around braces
    return text


# -- the plugin ------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where results go."""
    parser.addoption("--reliability", metavar="FILE", help="add what was proven to this JSON file")


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark."""
    line = "reliability(table, case, expected): proves a row of docs/reliability.md"
    config.addinivalue_line("markers", line)


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """Tells what a case came to, in a few words or figures."""

    def tell(text: str, case: str | None = None) -> None:
        request.node.user_properties.append(("outcome", (case, text)))

    return tell


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what a test came to, until the run ends."""
    report = yield
    known = _rows(item.config)
    if report.when == "call" or report.failed:
        told: list[Any] = [value for name, value in item.user_properties if name == "outcome"]
        for row in cases_of(item):
            texts = [str(text) for case, text in told if case in (None, row.case)]
            text = "; ".join(texts) or "as expected"
            held = report.passed and known.get(_key(row), row).outcome != "failed"
            known[_key(row)] = Row(
                row.table, row.case, row.expected, text if held else "failed", held, LONG_RUN
            )
    return report


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note every case that is there, whether it is run or not."""
    for item in session.items:
        for row in cases_of(item):
            if _key(row) in _rows(session.config):
                raise pytest.UsageError(f"{item.nodeid}: {row.case!r} is in {row.table!r} already")
            _rows(session.config)[_key(row)] = row


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Add the results to the file that was asked for."""
    target = session.config.getoption("--reliability")
    if not target:
        return
    path = Path(target)
    rows = read([path]) if path.exists() else {}
    for key, row in _rows(session.config).items():
        if row.outcome is not None or key not in rows:
            rows[key] = row
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows.values()], indent=1), "utf-8")


_ROWS = pytest.StashKey[dict[tuple[str, str], Row]]()


def _rows(config: pytest.Config) -> dict[tuple[str, str], Row]:
    return config.stash.setdefault(_ROWS, {})


def _key(row: Row) -> tuple[str, str]:
    return row.table, row.case


# -- the document ----------------------------------------------------------------------------


def read(paths: Iterable[Path]) -> dict[tuple[str, str], Row]:
    """The rows in files of results; what was run wins over what was not, later over earlier."""
    rows: dict[tuple[str, str], Row] = {}
    for path in paths:
        for facts in json.loads(path.read_text("utf-8")):
            row = Row(**facts)
            if row.outcome is not None or _key(row) not in rows:
                rows[_key(row)] = row
    return rows


def render(rows: Iterable[Row]) -> str:
    """The document; rows in the order of the tables, then in that of the tests."""
    by_table: dict[str, list[Row]] = {table: [] for table in TABLES}
    for row in rows:
        by_table[row.table].append(row)
    by_table = {table: rows for table, rows in by_table.items() if rows}
    lines = [
        "# What was broken, and what held",
        "",
        f"Written by `{COMMAND}`, which runs the tests behind each row;",
        "not to be edited. CI makes the same runs, `INBOXD_LONG_RUN=1` makes the long ones.",
        "",
        _about_the_run(),
        "",
        "| | cases | held | of them in a long run |",
        "|-|-:|-:|-:|",
    ]
    for table, found in by_table.items():
        anchor = table.lower().replace(" ", "-")
        held = sum(row.passed for row in found)
        longer = sum(row.long_run for row in found)
        lines.append(f"| [{table}](#{anchor}) | {len(found):,} | {held:,} | {longer:,} |")
    for table, found in by_table.items():
        lines += ["", f"## {table}", "", TABLES[table], ""]
        lines += [_line(_COLUMNS), "|-|-|-|"]
        lines += [_line((row.case, row.expected, row.outcome or "not run")) for row in found]
    return "\n".join(lines) + "\n"


def _about_the_run() -> str:
    return (
        f"Runs until {datetime.now(UTC):%Y-%m-%d} on Linux {platform.release()}, "
        f"{os.cpu_count()} processors, Python {platform.python_version()}."
    )


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown.replace("|", "\\|")


def cases_in(document: str) -> list[tuple[str, str, str]]:
    """Table, case and expectation of every row of a rendered document."""
    found = []
    table = ""
    for line in document.split("\n"):
        if line.startswith("## "):
            table = line.removeprefix("## ")
        elif table and line.startswith("| ") and line != _line(_COLUMNS):
            cells = line.replace("\\|", "\0").strip("|").split("|")
            case, expected = (cell.strip().replace("\0", "\\|") for cell in cells[:2])
            found.append((table, case, expected))
    return found


def as_shown(row: Row) -> tuple[str, str, str]:
    """A row as `cases_in` finds it."""
    return row.table, _cell(row.case).strip(), _cell(row.expected).strip()


def existing() -> dict[tuple[str, str], Row]:
    """Every case that a test proves, none of them run."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "cases.json"
        _pytest("--collect-only", "-p", "no:cacheprovider", "--reliability", str(found))
        return read([found])


def _pytest(*arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "reliability", *arguments]
    output = subprocess.DEVNULL if "--collect-only" in arguments else None
    return subprocess.run(command, cwd=ROOT, check=False, stdout=output).returncode


def main(arguments: list[str]) -> int:
    """Run what is to be run and write the document."""
    code = 0
    files = [Path(argument) for argument in arguments]
    if not files:
        files = [ROOT / "build" / "reliability.json"]
        files[0].unlink(missing_ok=True)
        code = _pytest("--reliability", str(files[0]))
    results = read(files)
    rows = [results.get(key, case) for key, case in existing().items()]
    DOCUMENT.write_text(render(rows), "utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
