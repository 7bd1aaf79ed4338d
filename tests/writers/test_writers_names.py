"""Names that are legal on Linux and trouble elsewhere."""

from __future__ import annotations

import os

import pytest

from tests.writers.conftest import Arrive

pytestmark = pytest.mark.system

NAMES = {
    "a name of 255 bytes": b"n" * 251 + b".bin",
    "a name of 255 bytes in UTF-8": "ä".encode() * 125 + b"n.bin",
    "a newline in a name": b"two\nlines.bin",
    "a carriage return in a name": b"back\rto.bin",
    "ESC in a name": b"\x1b[2J\x1b]0;title\x07.bin",
    "a right-to-left override in a name": "exe\u202ejpg.bin".encode(),
    "a name that is not UTF-8": b"\xff\xfe\x80.bin",
    "a name that is half a character": b"half\xe2\x82.bin",
    "a leading dash": b"-rf.bin",
    "two leading dashes": b"--help",
    "quotes and a dollar": b"'\"$(touch x)`y`.bin",
    "braces as in a template": b"{sha256}{name}.bin",
    "spaces at both ends": b" x ",
    "a name in NFC": "caf\u00e9.bin".encode(),
    "the same name in NFD": "cafe\u0301.bin".encode(),
    "a backslash": b"c:\\boot.bin",
    "a percent sign": b"100%s%n%2f.bin",
    "the name of a sidecar": b"other.bin.json",
}


@pytest.mark.reliability("Real writers", dict.fromkeys(NAMES, "taken, delivered and filed"))
def test_any_name_is_taken(arrive: Arrive) -> None:
    """All at once; with each of them the file ends in done/ with a sidecar."""
    arrivals = arrive()
    for name in NAMES.values():
        content = os.urandom(1000)
        arrivals.expect(content)
        with open(os.path.join(os.fsencode(arrivals.inbox), name), "xb") as file:
            file.write(content)
    arrivals.check()
