"""`inboxd bench upload`."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from daemon.config.load import load
from tests.cli.conftest import ROOT, Command
from tests.cli.test_check_command import dead_port
from tests.exchange import Exchange
from tests.receiver import Receiver, ok, silent, status


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def config(tmp_path: Path, receiver: Receiver) -> Path:
    """A configuration with two destinations that work and one that does not."""
    for folder in ("inbox", "out"):
        (tmp_path / folder).mkdir()
    path = tmp_path / "inboxd.yaml"
    path.write_text(
        "state: state\ninboxes:\n  receipts: {path: inbox}\ndestinations:\n"
        "  disk: {type: folder, path: out}\n"
        f"  dead: {{type: http, url: 'http://127.0.0.1:{dead_port()}/in'}}\n"
        f"  web: {{type: http, method: PUT, url: '{receiver.url}'}}\n"
    )
    return path


def test_every_size_with_every_number_of_workers(
    inboxd: Command, config: Path, tmp_path: Path
) -> None:
    """As JSON and as CSV, and nothing is left."""
    arguments = ("bench", "upload", "disk", "-c", config, "--sizes", "0B,2KB", "--workers", "1,3")
    result = inboxd(*arguments, "--repeats", "2", "--csv", tmp_path / "b.csv", "--json")
    assert result.exit_code == 0
    assert result.stderr == "uploading 9 files, 8.0 KB in all; Ctrl-C ends it\n"
    report = json.loads(result.stdout)
    assert [(row["size"], row["workers"], row["delivered"]) for row in report["rows"]] == [
        (0, 1, 2),
        (0, 3, 2),
        (2000, 1, 2),
        (2000, 3, 2),
    ]
    workers = report["recommended_workers"]
    assert workers in (1, 3)
    assert report["recommended"] == {"concurrency": {"max": workers}}
    assert (report["left_behind"], report["unsure"], report["error"]) == ([], [], None)
    with (tmp_path / "b.csv").open(newline="") as file:
        assert [row["size"] for row in csv.DictReader(file)] == ["0", "0", "2000", "2000"]
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_recommended_can_be_pasted(inboxd: Command, config: Path) -> None:
    """The indented lines are YAML, and the configuration with them is valid."""
    result = inboxd(
        "bench", "upload", "web", "-c", config, "--sizes", "1KB", "--workers", "1,2",
        "--repeats", "3",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "at once serve every size well; for destinations.web:" in result.stdout
    lines = [line for line in result.stdout.splitlines() if line.startswith("    ")]
    found = yaml.safe_load("\n".join(lines))
    assert set(found) == {"concurrency", "timeout"}
    told = json.loads(
        inboxd("bench", "upload", "web", "-c", config, "--repeats", "1", "--json").stdout
    )
    assert told["connect_seconds"] > 0
    assert any(row["answer_p95"] for row in told["rows"])
    whole = yaml.safe_load(config.read_text())
    whole["destinations"]["web"].update(found)
    config.write_text(yaml.safe_dump(whole))
    times = load(config).destinations["web"].model_dump()["timeout"]
    assert (times["connect"], times["read"], times["transfer"]) == (5.0, 10.0, 30.0)


def test_a_dead_destination(inboxd: Command, config: Path, tmp_path: Path) -> None:
    """Nothing is measured, and it is said why."""
    result = inboxd("bench", "upload", "dead", "-c", config, "--csv", tmp_path / "b.csv")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "inboxd: connection_refused: nothing listens at " in result.stderr
    assert (tmp_path / "b.csv").read_text().startswith("size,workers,")


def test_errors_and_what_remains_are_told(
    inboxd: Command, config: Path, receiver: Receiver
) -> None:
    """Some failed, some could not be taken away: all of it is said, in JSON too."""

    def reply(exchange: Exchange) -> None:
        busy = exchange.method == "PUT" and exchange.path.endswith("-7.bin")
        (status(405) if exchange.method == "DELETE" else status(429) if busy else ok())(exchange)

    receiver.script(*[reply] * 100)
    arguments = (
        "bench", "upload", "web", "-c", config, "--sizes", "1KB", "--workers", "1",
        "--repeats", "12",
    )  # fmt: skip
    result = inboxd(*arguments)
    assert result.exit_code == 1
    assert "too_many_requests" in result.stdout
    assert "inboxd: too_many_requests: the server asks for fewer requests (429)" in result.stderr
    assert " could not be removed:\n  http://127.0.0.1:" in result.stderr
    assert " more, all named inboxd-bench-" in result.stderr
    report = json.loads(inboxd(*arguments, "--json").stdout)
    assert report["rows"][0]["errors"]["too_many_requests"] > 0
    assert len(report["left_behind"]) > 5
    assert report["messages"]["too_many_requests"].endswith("(429)")


def test_a_picture(inboxd: Command, config: Path, tmp_path: Path) -> None:
    """A PNG, and no folder of settings in anybody's home."""
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [
            sys.executable, "-m", "daemon", "bench", "upload", "disk", "-c", config,
            "--sizes", "1KB,2KB", "--workers", "1,2", "--repeats", "2",
            "--plot", tmp_path / "b.png",
        ],
        cwd=ROOT,
        env={**os.environ, "HOME": str(home), "MPLBACKEND": "nonsense"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert list(home.iterdir()) == []


def test_a_picture_without_matplotlib(
    inboxd: Command, config: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How to install it is said before anything is measured."""
    monkeypatch.setattr("daemon.cli.plot.find_spec", lambda _: None)
    result = inboxd("bench", "upload", "web", "-c", config, "--plot", "b.png")
    assert (result.exit_code, receiver.requests) == (2, [])
    assert result.stderr == (
        "inboxd: --plot needs matplotlib, which is not installed: pip install 'inboxd[plot]'\n"
    )


def test_a_disk_that_is_full_by_the_end(inboxd: Command, config: Path) -> None:
    """What was measured is shown all the same, and the environment is at fault."""
    result = inboxd(
        "bench", "upload", "disk", "-c", config, "--sizes", "1KB", "--workers", "1",
        "--repeats", "1", "--csv", "/dev/full", "--plot", "/dev/full",
    )  # fmt: skip
    assert result.exit_code == 4
    assert "1 of 1" in result.stdout
    assert "inboxd: --csv: /dev/full: No space left on device" in result.stderr
    assert "inboxd: --plot: /dev/full: No space left on device" in result.stderr


def test_a_secret_that_cannot_be_read(inboxd: Command, config: Path) -> None:
    """It is told with its place, before anything is measured."""
    text = config.read_text() + "  held: {type: http, url: 'https://example.com/', auth: "
    config.write_text(text + "{type: bearer, token_env: NO_SUCH_VARIABLE}}\n")
    result = inboxd("bench", "upload", "held", "-c", config)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"inboxd: {config}:8:")
    assert "NO_SUCH_VARIABLE" in result.stderr


def test_ctrl_c_shows_what_was_measured(config: Path, receiver: Receiver) -> None:
    """The table so far, nothing left behind, and 130."""
    receiver.script(*[ok()] * 10)
    receiver.script(*[silent()] * 10)
    ours = subprocess.Popen(
        [
            sys.executable, "-m", "daemon", "bench", "upload", "web", "-c", config,
            "--sizes", "1KB", "--workers", "1,2", "--repeats", "4", "--json",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    receiver.wait_for(10, 60)
    ours.send_signal(signal.SIGINT)
    output, errors = ours.communicate(timeout=60)
    assert ours.returncode == 130
    report = json.loads(output)
    assert [(row["workers"], row["delivered"]) for row in report["rows"]] == [(1, 4)]
    assert report["stopped"]
    assert "ending; what was uploaded is being removed" in errors
    assert "Traceback" not in errors


def test_a_second_ctrl_c_does_not_wait(config: Path, receiver: Receiver) -> None:
    """What cannot be removed at once is named by its pattern instead."""

    def reply(exchange: Exchange) -> None:
        (silent() if exchange.method == "DELETE" else ok())(exchange)

    receiver.script(ok(), ok(), *[reply] * 20)
    ours = subprocess.Popen(
        [
            sys.executable, "-m", "daemon", "bench", "upload", "web", "-c", config,
            "--sizes", "1KB", "--workers", "1", "--repeats", "3",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    receiver.wait_for(5, 60)  # the first file, which is removed, and the three that are measured
    ours.send_signal(signal.SIGINT)
    assert ours.stderr is not None
    assert any("being removed" in said for said in iter(ours.stderr.readline, ""))
    ours.send_signal(signal.SIGINT)
    _, errors = ours.communicate(timeout=60)
    assert (ours.returncode, "Traceback" in errors) == (130, False)
    assert "(not all were removed)" in errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dsk",), "there is no destination 'dsk'; known are disk, dead, web"),
        (("disk", "--sizes", "big"), "--sizes: 'big' is not understood; write it like 25MB"),
        (("disk", "--workers", "1,x"), "--workers: write whole numbers from 1 to 256"),
        (("disk", "--workers", "0"), "--workers: write whole numbers from 1 to 256"),
        (("disk", "--csv", "/dev/null/b.csv"), "--csv: /dev/null/b.csv: Not a directory"),
        (("disk", "--plot", "/dev/null/b.png"), "--plot: /dev/null/b.png: Not a directory"),
    ],
)
def test_what_cannot_be_measured(
    inboxd: Command, config: Path, arguments: tuple[str, ...], said: str
) -> None:
    """One line each."""
    result = inboxd("bench", "upload", *arguments, "-c", config)
    assert result.exit_code == 2
    assert said in result.stderr
