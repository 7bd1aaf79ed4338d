"""Hashes of a file that a server goes by: of any part of it, and given up when told."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.delivery.hashing import hash_of
from daemon.errors import DeliveryError, StoppedError

CONTENT = bytes(range(256)) * 10


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    """An open file with CONTENT in it."""
    path = tmp_path / "receipt.jpg"
    path.write_bytes(CONTENT)
    opened = os.open(path, os.O_RDONLY)
    yield opened
    os.close(opened)


def test_any_part_of_a_file_is_hashed(descriptor: int) -> None:
    """Its length and where it begins are told; no bytes are none."""
    never = threading.Event()
    assert hash_of(descriptor, 2560, "md5", never) == hashlib.md5(CONTENT).digest()
    part = hash_of(descriptor, 300, "sha1", never, offset=700)
    assert part == hashlib.sha1(CONTENT[700:1000]).digest()
    assert hash_of(descriptor, 0, "sha256", never) == hashlib.sha256().digest()


def test_a_shorter_file_has_changed(descriptor: int) -> None:
    """A hash of less than was asked for is of no use."""
    with pytest.raises(DeliveryError) as caught:
        hash_of(descriptor, 300, "md5", threading.Event(), offset=2400)
    assert caught.value.code == "file_changed"


def test_hashing_ends_when_told(descriptor: int) -> None:
    """A stop does not wait for the end of a large file."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        hash_of(descriptor, 2560, "md5", stop)
