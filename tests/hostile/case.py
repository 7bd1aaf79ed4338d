"""One hostile file: how it is made, and what must become of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Maker = Callable[[bytes], None]
"""Makes what is dropped, at a path in the inbox's file system."""


@dataclass(frozen=True, slots=True)
class Case:
    """A file of a class; `expected` is the code of its refusal, or `delivered`.

    Of random damage several outcomes are right. `noted` is a word that a failed check must have.
    `inbox` is `scans`, which takes what an inbox takes by default, `read`, where that is read by
    OCR too, or `anything`.
    """

    kind: str
    name: bytes
    make: Maker
    expected: frozenset[str]
    noted: str = ""
    inbox: str = "scans"

    @property
    def must(self) -> str:
        """What must become of it, for people."""
        return " or ".join(sorted(self.expected))


DELIVERED = "delivered"


def file(
    kind: str,
    name: str | bytes,
    content: bytes | Callable[[], bytes],
    *expected: str,
    noted: str = "",
    inbox: str = "scans",
) -> Case:
    """A case that is a regular file with some content."""

    def make(path: bytes) -> None:
        data = content() if callable(content) else content
        Path(os.fsdecode(path)).write_bytes(data)

    return Case(kind, os.fsencode(name), make, frozenset(expected or {DELIVERED}), noted, inbox)
