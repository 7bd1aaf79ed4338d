"""`inboxd bench upload`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_check_command import dead_port


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with one destination that works and one that does not."""
    for folder in ("inbox", "out"):
        (tmp_path / folder).mkdir()
    path = tmp_path / "inboxd.yaml"
    path.write_text(
        "state: state\ninboxes:\n  receipts: {path: inbox}\ndestinations:\n"
        "  disk: {type: folder, path: out}\n"
        f"  web: {{type: http, url: 'http://127.0.0.1:{dead_port()}/in'}}\n"
    )
    return path


def test_every_size_with_every_number_of_workers(
    inboxd: Command, config: Path, tmp_path: Path
) -> None:
    """As a table, as JSON and as CSV."""
    arguments = ("bench", "upload", "disk", "-c", config, "--sizes", "0B,2KB", "--workers", "1,3")
    result = inboxd(*arguments, "--repeats", "2", "--csv", tmp_path / "b.csv", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert [(row["size"], row["workers"], row["delivered"]) for row in report["rows"]] == [
        (0, 1, 2),
        (0, 3, 2),
        (2000, 1, 2),
        (2000, 3, 2),
    ]
    assert report["recommended_workers"] in (1, 3)
    with (tmp_path / "b.csv").open(newline="") as file:
        assert [row["size"] for row in csv.DictReader(file)] == ["0", "0", "2000", "2000"]
    assert list((tmp_path / "out").iterdir()) == []
    result = inboxd(*arguments, "--repeats", "1")
    assert "at once serve every size well" in result.stdout


def test_a_dead_destination(inboxd: Command, config: Path) -> None:
    """Exit code 1, and why."""
    result = inboxd("bench", "upload", "web", "-c", config, "--sizes", "1KB", "--workers", "1")
    assert result.exit_code == 1
    assert "0 of 20" in result.stdout
    assert "uploads failed with " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dsk",), "there is no destination 'dsk'; known are disk, web"),
        (("disk", "--sizes", "big"), "--sizes: 'big' is not understood; write it like 25MB"),
        (("disk", "--workers", "1,x"), "--workers: write whole numbers from 1 to 256"),
        (("disk", "--workers", "0"), "--workers: write whole numbers from 1 to 256"),
        (("disk", "--csv", "/dev/null/b.csv"), "--csv: /dev/null/b.csv: Not a directory"),
    ],
)
def test_what_cannot_be_measured(
    inboxd: Command, config: Path, arguments: tuple[str, ...], said: str
) -> None:
    """One line each."""
    result = inboxd("bench", "upload", *arguments, "-c", config)
    assert result.exit_code == 2
    assert said in result.stderr
