"""What is allowed and unsafe is told, once at the start and by `check`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.config.unsafe import unsafe
from tests.config.writing import http, loaded

TOKEN = {"auth": "{type: bearer, token_env: TOKEN}"}


def codes(folder: Path, text: str) -> list[tuple[str, str | None]]:
    """What is unsafe about a configuration, apart from who runs it and on what."""
    found = unsafe(loaded(folder, text))
    return [
        (one.code, one.destination)
        for one in found
        if one.code not in ("runs_as_root", "unconfined")
    ]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://example.com/in", True),
        ("http://192.168.1.5:8080/in", True),
        ("http://localhost.example.com/in", True),
        ("https://example.com/in", False),
        ("http://localhost:8080/in", False),
        ("http://127.0.0.5/in", False),
        ("http://[::1]:80/in", False),
    ],
)
def test_a_secret_in_clear(tmp_path: Path, url: str, told: bool) -> None:
    """A token without TLS stays on this machine, or is warned of."""
    found = codes(tmp_path, http(type="http", url=f"'{url}'", **TOKEN))
    assert found == ([("secret_in_clear", "archive")] if told else [])


def test_no_secret_no_warning(tmp_path: Path) -> None:
    """Plain http without a secret is a choice that we leave to others."""
    assert codes(tmp_path, http(type="http", url="http://example.com/in")) == []


def test_certificates_that_are_not_verified(tmp_path: Path) -> None:
    """It has to be said twice in the file, and is said again at every start."""
    keys = {"type": "http", "url": "https://example.com/in", "verify": "false"}
    found = codes(tmp_path, http(**keys, allow_insecure="true"))
    assert found == [("tls_unverified", "archive")]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"type": "s3", "bucket": "receipts", "key": "latest"}, True),
        ({"type": "s3", "bucket": "receipts", "key": "'{inbox}/{received:%Y}'"}, True),
        ({"type": "s3", "bucket": "receipts", "key": "latest", "create_once": "true"}, False),
        ({"type": "s3", "bucket": "receipts", "key": "latest", "create_once": "false"}, True),
        ({"type": "s3", "bucket": "receipts", "key": "'{inbox}/{stem}'"}, False),
        ({"type": "s3", "bucket": "receipts", "key": "in/"}, False),
        ({"type": "http", "method": "PUT", "url": "https://x.example/in"}, True),
        ({"type": "http", "method": "PUT", "url": "https://x.example/in/"}, False),
        ({"type": "http", "method": "PUT", "url": "'https://x.example/{sha256}'"}, False),
        ({"type": "http", "url": "https://x.example/in"}, False),
        ({"type": "folder", "path": "disk", "name": "one", "collision": "overwrite"}, True),
        ({"type": "folder", "path": "disk", "name": "one"}, False),
    ],
)
def test_files_that_replace_each_other(tmp_path: Path, keys: dict[str, str], told: bool) -> None:
    """One name for all files is most often a field that was forgotten."""
    found = codes(tmp_path, http(**keys))
    assert found == ([("one_name_for_all", "archive")] if told else [])


def test_a_secret_that_everyone_may_read(tmp_path: Path) -> None:
    """A file for all is no secret; one that is not there is for others to tell."""
    text = http(type="http", url="https://x.example/", auth="{type: bearer, token_file: token}")
    assert codes(tmp_path, text) == []
    token = tmp_path / "token"
    token.write_text("t")
    token.chmod(0o644)
    assert codes(tmp_path, text) == [("secret_readable", "archive")]
    token.chmod(0o640)
    assert codes(tmp_path, text) == []


def test_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root is told that it is too much; another user is not."""
    config = loaded(tmp_path, http(type="http", url="https://example.com/in"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert [one.code for one in unsafe(config)] == ["runs_as_root"]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert list(unsafe(config)) == []


def test_a_kernel_that_cannot_confine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a parser could do there is said in words."""
    config = loaded(tmp_path, http(type="http", url="https://example.com/in"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("daemon.children.landlock.version", lambda: 0)
    (only,) = unsafe(config)
    assert only.code == "unconfined"
    assert "can read other files" in only.message
