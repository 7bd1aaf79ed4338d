"""An inbox with an intake on it, for the tests of what an intake does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import SystemClock
from daemon.config.model import InboxConfig
from daemon.limits import Limits
from daemon.watching import looking
from daemon.watching.intake import Intake
from tests.waiting import PATIENCE
from tests.watching.recorders import Ledger

JPEG = b"\xff\xd8\xff\xe0" + bytes(3000) + b"\xff\xd9"
LIMITS = Limits(poll_every=0.02, patience=3.0, canary_every=60.0, canary_within=30.0)

Start = Callable[..., Intake]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def make(inbox: Path, ledger: Ledger) -> Iterator[Start]:
    """An intake of the inbox, with what its configuration and limits should say."""
    made: list[Intake] = []

    def intake(*, limits: Limits = LIMITS, **options: Any) -> Intake:
        config = InboxConfig.model_validate({"path": inbox, "settle": "50ms", **options})
        made.append(
            Intake(
                "receipts",
                config,
                limits,
                SystemClock(),
                admit=ledger.admit,
                report=ledger.report,
            )
        )
        return made[-1]

    yield intake
    for each in made:
        each.stop()


@pytest.fixture
def start(make: Start) -> Start:
    """The same, started and through its first scan."""

    def started(**options: Any) -> Intake:
        intake = make(**options)
        intake.start()
        assert intake.wait_idle(PATIENCE)
        return intake

    return started


@pytest.fixture
def without_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network mount: the kernel cannot tell whether a writer is done."""
    monkeypatch.setattr(looking, "is_remote", lambda kind: True)
