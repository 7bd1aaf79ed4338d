from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.limits import Limits
from daemon.validation.rules import Rules
from daemon.validation.validator import Validator, proving_pool
from daemon.validation.verdict import Verdict
from tests.waiting import PATIENCE

LIMITS = replace(Limits(), prove_memory=256 << 20, prove_timeout=PATIENCE)
EVERYTHING = Rules(("*/*",), 25_000_000, 50, 4_000_000)

Inspect = Callable[..., Verdict]


@pytest.fixture(scope="session")
def validator() -> Iterator[Validator]:
    """A validator with a real child of little memory."""
    pool = proving_pool(LIMITS, 1)
    yield Validator(pool, LIMITS)
    pool.close()


@pytest.fixture
def inspect(validator: Validator, tmp_path: Path) -> Inspect:
    """Puts content under a name into a file and returns the verdict on it."""

    def run(content: bytes, name: str = "file", rules: Rules = EVERYTHING) -> Verdict:
        path = tmp_path / "work"
        path.write_bytes(content)
        return validator.inspect(os.fsencode(path), os.fsencode(name), rules, threading.Event())

    return run
