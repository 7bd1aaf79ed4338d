"""Runs commands on a terminal of some width, and gives what a person would see go by."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass

from tests.cli.conftest import ROOT

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Seen:
    """How a command ended, and all that it wrote: `raw`, and as lines without control sequences."""

    exit_code: int
    raw: str

    @property
    def lines(self) -> list[str]:
        text = _CONTROL.sub("", self.raw).replace("\r", "\n")
        return [line.rstrip() for line in text.split("\n") if line.strip()]


def on_terminal(
    *arguments: str | os.PathLike[str], columns: int = 80, environment: Mapping[str, str] = {}
) -> Seen:
    """Run `python -m daemon` with its output on a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", *map(os.fspath, arguments)],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # EIO: nobody has the other end any more
            break
        if not data:
            break
        written += data
    os.close(ours)
    return Seen(process.wait(60), written.decode())
