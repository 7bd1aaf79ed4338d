"""Whatever is done to an inbox, what lies in it in the end has been handed over as it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.clock import SystemClock
from daemon.config.model import InboxConfig
from daemon.files import Identity, identity
from daemon.limits import Limits
from daemon.watching.intake import Intake
from tests.waiting import PATIENCE, eventually
from tests.watching.recorders import Ledger

NAMES = ("a", "b", "one/a", "one/b", "one/two/a", "three/a")
FOLDERS = ("one", "one/two", "three", "three/four")
LIMITS = Limits(poll_every=0.01, rescan_every=3600.0, canary_every=3600.0, patience=1.0)

operations = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(NAMES)),
        st.tuples(st.just("append"), st.sampled_from(NAMES)),
        st.tuples(st.just("remove"), st.sampled_from(NAMES)),
        st.tuples(st.just("rename"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
        st.tuples(st.just("link"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
        st.tuples(st.just("bring"), st.sampled_from(FOLDERS)),
        st.tuples(st.just("move"), st.sampled_from(FOLDERS), st.sampled_from(FOLDERS)),
        st.tuples(st.just("clear"), st.sampled_from(FOLDERS)),
        st.tuples(st.just("replace")),
    ),
    max_size=12,
)


def perform(inbox: Path, outside: Path, operation: tuple[str, ...]) -> None:
    """Do one thing to the inbox as a person or a program might; the impossible is left undone."""
    what, *names = operation
    first = inbox / names[0] if names else inbox
    second = inbox / names[-1] if names else inbox
    try:
        if what == "write":
            first.parent.mkdir(parents=True, exist_ok=True)
            first.write_bytes(b"content")
        elif what == "append" and first.is_file():
            with first.open("ab") as file:
                file.write(b"more")
        elif what == "remove":
            first.unlink()
        elif what in ("rename", "move"):
            first.rename(second)
        elif what == "link":
            os.link(first, second)
        elif what == "bring":
            album = Path(tempfile.mkdtemp(dir=outside))
            (album / "five").mkdir()
            (album / "1").write_bytes(b"x")
            (album / "five" / "2").write_bytes(b"x")
            album.rename(first)
        elif what == "clear":
            shutil.rmtree(first)
        elif what == "replace":
            inbox.rename(Path(tempfile.mkdtemp(dir=outside)) / "old")
            inbox.mkdir()
    except OSError:
        return


def lying_in(inbox: Path) -> set[tuple[bytes, Identity]]:
    return {
        (os.fsencode(path.relative_to(inbox)), identity(path.lstat()))
        for path in inbox.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


class TestAnything:
    @pytest.mark.parametrize("watch", ["native", "polling"])
    @given(operations=operations)
    @settings(max_examples=25)
    def test_nothing_is_missed(self, watch: str, operations: list[tuple[str, ...]]) -> None:
        """Events alone, with no rescan, bring every file that is left, in its last version."""
        with tempfile.TemporaryDirectory() as temporary:
            inbox, outside = Path(temporary, "inbox"), Path(temporary, "outside")
            inbox.mkdir()
            outside.mkdir()
            ledger = Ledger()
            config = InboxConfig.model_validate(
                {"path": inbox, "recursive": True, "settle": "10ms", "watch": watch}
            )
            intake = Intake(
                "i", config, LIMITS, SystemClock(), admit=ledger.admit, report=ledger.report
            )
            intake.start()
            try:
                assert intake.wait_idle(PATIENCE)
                for operation in operations:
                    perform(inbox, outside, operation)
                expected = lying_in(inbox)
                assert eventually(
                    lambda: expected <= {(seen.path, seen.identity) for seen in ledger.sightings}
                )
            finally:
                intake.stop()
