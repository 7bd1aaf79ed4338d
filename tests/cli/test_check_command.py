"""`inboxd check`: what is wrong, where it stands, what to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from daemon.children.confinement import Profile
from tests.clamav import ScriptedClamd, refusing_size
from tests.cli.conftest import Command, Process

Written = Callable[[str], Path]
INBOX = "state: state\ninboxes:\n  receipts:\n    path: inbox\n    read: none\n"


def dead_port() -> int:
    """A port of this machine at which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def test_a_good_configuration(inboxd: Command, written: Written) -> None:
    """Everything that was tried is told, and nothing was made."""
    path = written(INBOX)
    result = inboxd("check", "-c", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "ok    inboxes.receipts.path" in result.stdout
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["inbox", "inboxd.yaml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (INBOX + "wokers: 3\n", ":6:1: wokers: this key is not known here; did you mean workers?"),
        (INBOX + "  b: {path: inbox}\n", "this is the folder of the inbox receipts too"),
        (INBOX + "    recursive: true\n    done: inbox/done\n", "files would be taken in again"),
        (INBOX + "destinations: {a: {type: ftp}}\n", "there is no destination type 'ftp'"),
    ],
)
def test_bad_configurations(process: Process, written: Written, text: str, said: str) -> None:
    """Exit code 2, and a line with the place."""
    path = written(text)
    result = process("check", "-c", path)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"inboxd: {path}:")
    assert said in line


def test_a_missing_configuration(process: Process, tmp_path: Path) -> None:
    """It is named."""
    result = process("check", "-c", tmp_path / "none.yaml")
    assert (result.returncode, result.stdout) == (2, "")
    assert "none.yaml: there is no such file" in result.stderr


def test_a_folder_that_is_missing(inboxd: Command, written: Written) -> None:
    """The environment is at fault, and the line of the key is named."""
    path = written(INBOX.replace("path: inbox", "path: other/inbox"))
    result = inboxd("check", "-c", path)
    assert result.exit_code == 4
    assert result.stderr.startswith(f"inboxd: {path}:4:5: inboxes.receipts.path: ")
    assert "create it" in result.stderr


def test_a_folder_without_rights(
    inboxd: Command, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user that lacks them is named."""
    path = written(INBOX)
    inbox = path.parent / "inbox"
    monkeypatch.setattr("os.access", lambda at, *_args, **_more: Path(at) != inbox)
    monkeypatch.setattr("os.supports_effective_ids", frozenset())
    result = inboxd("check", "-c", path)
    assert result.exit_code == 4
    assert f"{inbox} cannot be read and written by user" in result.stderr


def test_an_inbox_whose_files_stay_need_not_be_writable(
    inboxd: Command, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `originals: keep` nothing is taken out of it."""
    path = written(INBOX + "    originals: keep\n")
    inbox = path.parent / "inbox"
    monkeypatch.setattr(
        "os.access", lambda at, rights, **_more: Path(at) != inbox or not rights & os.W_OK
    )
    assert inboxd("check", "-c", path).exit_code == 0


def test_a_disk_that_is_full(inboxd: Command, written: Written, full_disk: None) -> None:
    """It is said before the first file has nowhere to go."""
    result = inboxd("check", "-c", written(INBOX))
    assert result.exit_code == 4
    assert "inboxes.receipts.path: " in result.stderr
    assert "free some space" in result.stderr


def test_a_dead_destination(inboxd: Command, written: Written) -> None:
    """All is tried; the one that fails is named with its line."""
    text = INBOX + (
        "destinations:\n"
        f"  web: {{type: http, url: 'http://127.0.0.1:{dead_port()}/in'}}\n"
        "  disk: {type: folder, path: inbox/../out}\n"
    )
    path = written(text)
    (path.parent / "out").mkdir()
    result = inboxd("check", "-c", path)
    assert result.exit_code == 4
    assert f"{path}:7:3: destinations.web: " in result.stderr
    assert "nothing listens" in result.stderr
    assert "ok    destinations.disk" in result.stdout


def test_offline_reaches_nothing(inboxd: Command, written: Written) -> None:
    """A dead destination is no fault then."""
    url = f"http://127.0.0.1:{dead_port()}/in"
    path = written(INBOX + f"destinations:\n  web: {{type: http, url: '{url}'}}\n")
    result = inboxd("check", "-c", path, "--offline")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "it was not reached (--offline)" in result.stdout


def test_a_secret_that_cannot_be_read(inboxd: Command, written: Written) -> None:
    """It is a fault of the configuration, also offline."""
    path = written(
        INBOX + "destinations:\n  web:\n    type: http\n    url: https://example.com/in\n"
        "    auth: {type: bearer, token_file: token}\n"
    )
    result = inboxd("check", "-c", path, "--offline")
    assert result.exit_code == 2
    assert f"{path}:10:5: destinations.web.auth: " in result.stderr
    assert "token cannot be read" in result.stderr


def test_a_virus_scanner_is_asked_and_tried(inboxd: Command, written: Written) -> None:
    """It says its version, and takes a file as large as the inbox does."""
    with ScriptedClamd() as clamd:
        path = written(INBOX + f"    max_size: 1MB\nvirus_scan: {{clamd: '{clamd.address}'}}\n")
        result = inboxd("check", "-c", path)
        assert (result.exit_code, result.stderr) == (0, "")
        assert "ok    virus_scan.clamd: clamd at 127.0.0.1" in result.stdout
        assert "ClamAV" in result.stdout
        assert "takes files of 1,000,000 bytes" in result.stdout
        clamd.stream = refusing_size
        result = inboxd("check", "-c", path)
    assert result.exit_code == 4
    assert "virus_scan.clamd: clamd at" in result.stderr
    assert "raise StreamMaxLength" in result.stderr
    assert "start it" in inboxd("check", "-c", path).stderr
    assert "virus_scan.clamd" not in inboxd("check", "--offline", "-c", path).stdout


def test_parsers_are_seen_to_be_confined(
    inboxd: Command, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child tries what it must not be able to; where it can, that is said in words."""
    path = written(INBOX)
    assert "files are parsed without network" in inboxd("check", "-c", path).stdout
    unconfined = SimpleNamespace(SEALED=Profile.OPEN)
    monkeypatch.setattr("daemon.children.witness.Profile", unconfined)
    result = inboxd("check", "-c", path)
    assert result.exit_code == 0
    assert "warn  inboxes: a parser that was taken over could use the network" in result.stdout
