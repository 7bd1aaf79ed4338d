"""Configurations written for a test, and what is said about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.load import load
from daemon.config.model import Config
from daemon.errors import ConfigError

GOOD = """
state: state
inboxes:
  receipts:
    path: inbox
    deliver: [archive]
destinations:
  archive: {type: folder, path: archive}
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "inboxd.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def loaded(folder: Path, text: str, **environment: str) -> Config:
    return load(written(folder, text), environment=environment)


def complaints(folder: Path, text: str | bytes, **environment: str) -> list[str]:
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load(path, environment=environment)
    return [str(problem).removeprefix(f"{path}:").strip() for problem in caught.value.problems]


def inbox(**keys: str) -> str:
    lines = "".join(f"    {key}: {value}\n" for key, value in ({"path": "inbox"} | keys).items())
    return f"state: state\ninboxes:\n  receipts:\n{lines}"


def http(**keys: str) -> str:
    lines = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    return GOOD.replace("  archive: {type: folder, path: archive}\n", f"  archive:\n{lines}")
