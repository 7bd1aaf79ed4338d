"""Good files with bits of them flipped, one after another: always a verdict, never trouble."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from daemon.config.model import InboxConfig
from daemon.limits import DEFAULT
from daemon.validation.rules import Rules
from daemon.validation.validator import Validator, proving_pool
from tests.hostile.case import DELIVERED
from tests.hostile.pictures import VERDICTS, flipped, good
from tests.reliability import LONG_RUN
from tests.reliability.report import Outcome

DAMAGED_FILES = 5000 if LONG_RUN else 1000
_MOST_FLIPS = 20
_WORKERS = 2


@pytest.mark.system
@pytest.mark.reliability(
    "Hostile drops", "random damage of good files, one after another", "a verdict on each"
)
def test_random_damage_always_ends_in_a_verdict(tmp_path: Path, outcome: Outcome) -> None:
    """With INBOXD_LONG_RUN=1 5,000 files; the seed of each is its number."""
    pool = proving_pool(DEFAULT, _WORKERS)
    validator = Validator(pool, DEFAULT)
    rules = Rules.from_inbox(InboxConfig(path=tmp_path))
    kinds = list(itertools.islice(itertools.cycle(good().items()), DAMAGED_FILES))

    def look(number: int) -> str:
        kind, content = kinds[number]
        path = tmp_path / str(number)
        path.write_bytes(flipped(content, random.Random(number), _MOST_FLIPS))
        verdict = validator.inspect(
            os.fsencode(path), f"{number}.{kind}".encode(), rules, threading.Event()
        )
        path.unlink()
        return verdict.refusal.code if verdict.refusal else DELIVERED

    try:
        with ThreadPoolExecutor(_WORKERS) as workers:
            codes = Counter(workers.map(look, range(DAMAGED_FILES)))
    finally:
        pool.close()
    assert set(codes) <= set(VERDICTS)
    told = ", ".join(f"{count:,} {code}" for code, count in codes.most_common())
    outcome(f"{codes.total():,} files: {told}")
