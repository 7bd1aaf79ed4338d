"""Files that come from programs with habits: scanners, editors, browsers, and those that linger."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.reliability import LONG_RUN
from tests.validation import samples
from tests.waiting import wait_until
from tests.writers.arrivals import Arrivals
from tests.writers.conftest import Arrive

pytestmark = pytest.mark.system
ONCE = "taken whole, once"
KEEP = "originals: keep\n    settle: 200ms"
_SLOWER = 10.0 if LONG_RUN else 1.0


def _scan(kind: str) -> bytes:
    """A scan of the kind that says where it ends."""
    if kind == "PDF":
        return samples.pdf(samples.stream(os.urandom(50_000)), pages=3)
    return samples.encoded("JPEG", size=(1500, 1000))


@pytest.mark.parametrize("kind", ["PDF", "JPEG"])
@pytest.mark.reliability(
    "Real writers",
    "a scanner: {kind} in ten bursts over 20 s (2 s in CI), reopened each time",
    ONCE,
)
def test_a_scanner_that_reopens_its_file(kind: str, arrive: Arrive) -> None:
    """Closed for a while in the middle of a page, its content says that it is not all."""
    content = _scan(kind)
    arrivals = arrive(f"settle: {_SLOWER / 2:g}s")  # ten times that it may stay as it is
    arrivals.expect(content)
    size = -(-len(content) // 10)
    for start in range(0, len(content), size):
        with (arrivals.inbox / "scan").open("ab") as file:
            file.write(content[start : start + size])
        time.sleep(0.2 * _SLOWER)
    arrivals.check()


@pytest.mark.reliability("Real writers", "a scanner that keeps its file open, in bursts", ONCE)
def test_a_writer_that_keeps_its_file_open(arrive: Arrive) -> None:
    """Whatever the content and however long the pauses: not before it is closed."""
    content = os.urandom(50_000)
    arrivals = arrive()
    arrivals.expect(content)
    with (arrivals.inbox / "slow.bin").open("wb", buffering=0) as file:
        for start in range(0, len(content), 10_000):
            file.write(content[start : start + 10_000])
            time.sleep(0.3)  # longer than the settle time
    arrivals.check()


@pytest.mark.reliability("Real writers", "two writers of one file, the first closes early", ONCE)
def test_a_second_writer_still_has_the_file_open(arrive: Arrive) -> None:
    """That one of them has closed it means nothing."""
    arrivals = arrive()
    content = os.urandom(50_000)
    arrivals.expect(content)
    path = arrivals.inbox / "shared.bin"
    with path.open("wb", buffering=0) as second:
        with path.open("r+b") as first:
            first.write(content[:20_000])
        time.sleep(0.3)
        second.write(content)
    arrivals.check()


@pytest.mark.reliability("Real writers", "an empty file that is filled later", ONCE)
def test_a_program_that_opens_its_file_again_to_append(arrive: Arrive) -> None:
    """An empty file that was set up first is given time to be filled."""
    arrivals = arrive("settle: 1s")
    content = os.urandom(50_000)
    arrivals.expect(content)
    path = arrivals.inbox / "filled later.bin"
    path.touch()
    time.sleep(1.5)  # longer than the settle time, and far less than ten times that
    path.write_bytes(content)
    arrivals.check()


@pytest.mark.reliability(
    "Real writers",
    "an editor's save: a new file renamed over the old",
    "each version taken whole, once",
)
def test_a_save_by_rename(arrive: Arrive) -> None:
    """The file stays in the inbox and is saved three times."""
    arrivals = arrive(KEEP)
    for version in range(3):
        content = os.urandom(20_000)
        arrivals.expect(content)
        temporary = arrivals.inbox / ".letter.txt.swp"
        temporary.write_bytes(content)
        temporary.rename(arrivals.inbox / "letter.txt")
        wait_until(lambda: arrivals.delivered() == arrivals.expected, f"version {version}")
    arrivals.check()


@pytest.mark.reliability(
    "Real writers", "vim: backup, write, remove", "each version taken whole, once"
)
def test_a_save_by_vim(arrive: Arrive) -> None:
    """The old file is renamed to a backup for a moment, and a test file comes and goes."""
    arrivals = arrive(KEEP)
    path = arrivals.inbox / "letter.txt"
    path.write_bytes(b"a line\n" * 1000)
    arrivals.expect(path)
    wait_until(lambda: arrivals.delivered() == arrivals.expected, "the first version")
    for number in range(3):
        orders = [f"+normal Go{number} more", "+set backupcopy=no writebackup", "+wq"]
        subprocess.run(["vim.tiny", "-u", "NONE", "-n", "-e", "-s", *orders, str(path)], check=True)
        arrivals.expect(path)
        wait_until(lambda: arrivals.delivered() == arrivals.expected, f"save {number}")
    arrivals.check()


@pytest.mark.reliability(
    "Real writers", "a browser: .crdownload, closed now and then, then renamed", ONCE
)
def test_a_browsers_download(arrive: Arrive) -> None:
    """A download that pauses is no file yet."""
    content = os.urandom(50_000)
    arrivals = arrive()
    arrivals.expect(content)
    path = arrivals.inbox / "Unconfirmed 1234.crdownload"
    for start in range(0, len(content), 25_000):
        with path.open("ab") as file:
            file.write(content[start : start + 25_000])
        time.sleep(0.3)
    path.rename(arrivals.inbox / "paper.bin")
    arrivals.check()


def _ended(arrivals: Arrivals) -> int:
    return arrivals.logged("job.done") + arrivals.logged("job.cancelled")


@pytest.mark.reliability(
    "Real writers", "a file replaced again and again while it is taken", "whole versions only"
)
def test_a_file_that_is_replaced_while_it_is_read(arrive: Arrive, tmp_path: Path) -> None:
    """Each thing delivered is one of the versions, none twice, and the last one is among them."""
    arrivals = arrive()
    versions = set()
    path = tmp_path / "next.bin"
    for _ in range(200):
        content = os.urandom(100_000)
        path.write_bytes(content)
        versions.add(content)
        path.rename(arrivals.inbox / "page.bin")
    wait_until(lambda: content in [path.read_bytes() for path in arrivals.done()], "the last one")
    wait_until(arrivals.settled, "the rest")
    wait_until(lambda: _ended(arrivals) == arrivals.logged("job.queued"), "every end to be told")
    assert {path.read_bytes() for path in arrivals.done()} <= versions
    arrivals.expect(*arrivals.done())
    arrivals.check()
