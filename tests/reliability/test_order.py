"""Promise 3: what has to be durable before an original leaves work/."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.jobs.changes import Change, Closed, Recorded
from daemon.jobs.model import State
from daemon.jobs.sqlite_store import SqliteJobStore
from daemon.jobs.store import Results
from tests.receiver import Receiver
from tests.running import Daemon, http


def test_an_original_leaves_work_only_after_delivery_sidecar_and_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the ledger is told that a file is recorded, it lies in work/, everyone has it, and its
    sidecar is whole; when the ledger is told that it is filed, it lies in done/."""
    seen: list[tuple[str, bool, bool, int, str | None]] = []
    write = SqliteJobStore.write

    with Receiver() as receiver:
        daemon = Daemon(tmp_path, inbox="deliver: [server]", rest=http(receiver.url))

        def spy(store: SqliteJobStore, changes: Sequence[Change]) -> Results:
            for change in changes:
                if isinstance(change, Recorded | Closed):
                    sidecar = daemon.done / "r.bin.json"
                    status = (
                        json.loads(sidecar.read_bytes())["status"] if sidecar.exists() else None
                    )
                    in_work = (daemon.work / change.job).exists()
                    in_done = (daemon.done / "r.bin").exists()
                    name = type(change).__name__
                    seen.append((name, in_work, in_done, len(receiver.contents), status))
            return write(store, changes)

        monkeypatch.setattr(SqliteJobStore, "write", spy)
        with daemon:
            daemon.drop("r.bin")
            daemon.wait_for(State.DONE)
    assert seen == [("Recorded", True, False, 1, "done"), ("Closed", False, True, 1, "done")]
