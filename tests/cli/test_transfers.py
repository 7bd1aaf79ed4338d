"""What a person sees of uploads under way, and of tables, on any terminal and on none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.transfers import in_time, line, pace
from tests.cli.conftest import Process
from tests.cli.terminal import on_terminal
from tests.receiver import Receiver

Written = Callable[[str], Path]


def transfer(**facts: object) -> dict[str, Any]:
    return {
        "file": "r.bin",
        "destination": "web",
        "bytes": 25_000_000,
        "total": 100_000_000,
        "percent": 25.0,
        "rate": 5_000_000,
        "seconds_left": 15.0,
        "stalled_for": None,
        "again_in": None,
        **facts,
    }


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "5.0 MB/s, 15 s left"),
        ({"rate": 0, "seconds_left": None, "bytes": 0}, "begins"),
        ({"rate": 0, "seconds_left": None, "stalled_for": 12.4}, "stalled for 12 s"),
        ({"rate": 0, "seconds_left": None, "again_in": 180.0}, "tried again in 3 min"),
        ({"rate": 9, "seconds_left": 0.0, "bytes": 100_000_000}, "sent, awaits the answer"),
    ],
)
def test_how_an_upload_goes_on(facts: dict[str, object], said: str) -> None:
    """Its rate and the time left, or what it waits for."""
    assert pace(transfer(**facts)) == said


def test_a_line_for_an_upload() -> None:
    """What `status` shows, also of an older daemon that says nothing of stalls."""
    told = transfer()
    del told["stalled_for"]
    assert line(told) == "r.bin to web: 25 % of 100 MB, 5.0 MB/s, 15 s left"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_times_for_people(seconds: float, said: str) -> None:
    """Two units at most."""
    assert in_time(seconds) == said


@pytest.fixture
def config(written: Written) -> Iterator[Path]:
    """A destination that takes two seconds for two files with markup in their names."""
    with Receiver() as receiver:
        path = written(
            "state: state\ninboxes:\n  receipts:\n    path: inbox\n    read: none\n"
            "    accept: ['*/*']\n    settle: 100ms\n    deliver: [web]\n"
            f"destinations:\n  web: {{type: http, url: '{receiver.url}', bandwidth: 400KB/s}}\n"
        )
        for name in (b"[bold]a.bin", b"b\x1b[2J.bin"):
            (path.parent / "inbox" / name.decode()).write_bytes(name * 50_000)
        yield path


def test_a_bar_for_each_upload(config: Path) -> None:
    """With percent, rate and time left; events stand above, and nothing of it remains."""
    seen = on_terminal("once", "-c", config)
    assert seen.exit_code == 0
    assert any("files under way: 2" in shown for shown in seen.lines)
    bars = [shown for shown in seen.lines if " to web" in shown and " left" in shown]
    assert any(shown.startswith("[bold]a.bin to web ") for shown in bars)
    assert any(shown.startswith("b\\x1b[2J.bin to web ") for shown in bars)
    assert all(" %, " in shown and "KB/s" in shown for shown in bars)
    assert "\x1b[2J" not in seen.raw
    events = [json.loads(shown) for shown in seen.lines if shown.startswith("{")]
    assert events[-1]["event"] == "daemon.stopped"
    assert any(len(json.dumps(event)) > 80 for event in events)


def test_no_bars_where_there_is_no_terminal(config: Path, process: Process) -> None:
    """A log stays a log."""
    done = process("once", "-c", config)
    assert done.returncode == 0
    assert all(shown.startswith("{") for shown in done.stderr.splitlines())


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_none_are_wanted(config: Path, environment: dict[str, str]) -> None:
    """NO_COLOR and simple terminals are heeded."""
    seen = on_terminal("once", "-c", config, columns=40, environment=environment)
    assert seen.exit_code == 0
    assert "\x1b[3" not in seen.raw


def test_a_table_on_a_narrow_terminal(config: Path) -> None:
    """It becomes a list, whose words stay whole."""
    on_terminal("once", "-c", config)
    wide = on_terminal("status", "-c", config, columns=80)
    assert "inbox     queued  running  parked  done" in "\n".join(wide.lines)
    narrow = on_terminal("status", "-c", config, columns=40)
    assert {"inbox      receipts", "done       2"} <= set(narrow.lines)
