"""A command such as `retry` nudges whoever holds the state folder, ready or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_NUDGED = """
import os, signal, sys
import daemon.pipeline.rebuilding as rebuilding
from daemon.cli.main import main

opening = rebuilding.open_ledger

def nudged(state, *rest, **options):
    assert state.nudge()
    if "once" in sys.argv:
        os.kill(os.getpid(), signal.SIGHUP)
    return opening(state, *rest, **options)

rebuilding.open_ledger = nudged
main()
"""


@pytest.mark.parametrize("command", [["once"], ["verify", "--repair"]], ids=lambda c: c[0])
def test_a_nudge_ends_nobody_who_only_opens_the_ledger(tmp_path: Path, command: list[str]) -> None:
    """Its signal would end a process that does not expect it yet."""
    (tmp_path / "inbox").mkdir()
    config = tmp_path / "config.yaml"
    config.write_text("state: state\ninboxes:\n  box: {path: inbox, read: none}\n")
    ended = subprocess.run(
        [sys.executable, "-c", _NUDGED, *command, "-c", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
