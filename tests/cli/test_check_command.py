"""`inboxd check`: what is wrong, where it stands, what to do."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from daemon.children.confinement import Profile
from tests.clamav import ScriptedClamd, refusing_size
from tests.cli.conftest import Command, Process
from tests.receiver import Receiver

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


def test_a_state_folder_that_others_may_write(inboxd: Command, written: Written) -> None:
    """It is said here already, not only when the daemon refuses to start on it."""
    path = written(INBOX)
    state = path.parent / "state"
    state.mkdir()
    state.chmod(0o777)
    result = inboxd("check", "--offline", "-c", path)
    assert result.exit_code == 4
    assert "everyone may write in the state folder" in result.stderr
    state.chmod(0o755)
    assert inboxd("check", "--offline", "-c", path).exit_code == 0


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


def test_what_shows_with_the_first_file_only(inboxd: Command, written: Written) -> None:
    """It is marked, and is no fault."""
    with Receiver() as receiver:
        path = written(INBOX + f"destinations: {{web: {{type: http, url: '{receiver.url}'}}}}\n")
        result = inboxd("check", "-c", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "ok    destinations.web: tcp: the server takes connections" in result.stdout
    assert "?     destinations.web: rights: it shows with the first file" in result.stdout


def test_as_json(inboxd: Command, written: Written) -> None:
    """Every finding, with its place and its state; nothing else is written."""
    url = f"http://127.0.0.1:{dead_port()}/in"
    path = written(
        INBOX + f"destinations:\n  web: {{type: http, url: '{url}'}}\n"
        "  clear: {type: folder, path: inbox/../out}\n"
    )
    (path.parent / "out").mkdir()
    result = inboxd("check", "-c", path, "--json")
    assert (result.exit_code, result.stderr) == (4, "")
    told = json.loads(result.stdout)
    assert (told["config"], told["exit_code"]) == (str(path), 4)
    (fault,) = [found for found in told["findings"] if found["state"] == "fault"]
    assert (fault["key"], fault["where"]) == ("destinations.web", f"{path}:7:3")
    assert (fault["subject"], "check the port" in fault["message"]) == ("tcp", True)
    folder = [found["subject"] for found in told["findings"] if "clear" in found["key"]]
    assert folder == ["place", "rights", "quota"]


def test_mistakes_in_the_file_as_json(inboxd: Command, written: Written) -> None:
    """They are the findings then, and stand on stderr too."""
    path = written(INBOX + "wokers: 3\n")
    result = inboxd("check", "-c", path, "--json")
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert (told["exit_code"], told["findings"][0]["where"]) == (2, f"{path}:6:1")
    assert "did you mean workers?" in told["findings"][0]["message"]
    assert "did you mean workers?" in result.stderr


def test_offline_connects_to_nobody(
    inboxd: Command, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the type, each is set up and none is reached."""
    monkeypatch.setenv("KEY", "canary-secret")
    with Receiver() as receiver:
        url = receiver.url
        path = written(
            INBOX + "destinations:\n"
            f"  a: {{type: http, url: '{url}'}}\n"
            f"  b: {{type: webdav, url: '{url}'}}\n"
            f"  c: {{type: tus, url: '{url}'}}\n"
            f"  d: {{type: cloudinary, cloud: demo, upload_preset: x, endpoint: '{url}'}}\n"
            f"  e: {{type: s3, bucket: receipts, endpoint: '{url}', path_style: true, "
            "access_key_env: KEY, secret_key_env: KEY}\n"
            "  f: {type: folder, path: /nowhere}\n"
        )
        result = inboxd("check", "-c", path, "--offline")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.count("it was not reached (--offline)") == 6
        assert (receiver.connections, receiver.requests) == (0, [])


def test_a_secret_without_tls_draws_a_warning(
    inboxd: Command, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anyone on the way could read it; that is told, and no fault."""
    monkeypatch.setenv("KEY", "canary-secret")
    path = written(
        INBOX + "destinations:\n  web: {type: http, url: 'http://example.com/in', "
        "auth: {type: bearer, token_env: KEY}}\n"
    )
    result = inboxd("check", "-c", path, "--offline")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "warn  destinations.web.url: the secret goes to example.com without TLS" in result.stdout
    assert "canary-secret" not in result.stdout


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
