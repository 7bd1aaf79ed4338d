"""When a file is ready, decided from observations alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.watching.ending import Ending
from daemon.watching.settle import FileKind, Ignore, Lease, Observation, Ready, Wait, settle

seconds = st.floats(0.0, 1e6)
observations = st.builds(
    Observation,
    kind=st.sampled_from(FileKind),
    lease=st.sampled_from(Lease),
    ending=st.sampled_from(Ending),
    closed=st.booleans(),
    quiet=seconds,
    settle=st.floats(0.0, 3600.0),
    patience=st.floats(0.0, 100.0),
)
WHOLE = Observation(
    kind=FileKind.REGULAR,
    lease=Lease.CLOSED,
    ending=Ending.COMPLETE,
    closed=False,
    quiet=0.0,
    settle=1.0,
    patience=10.0,
)


class TestSettle:
    def test_closed_and_whole(self) -> None:
        """A file that the kernel says is closed and that looks whole is ready at once."""
        assert settle(WHOLE) == Ready()
        assert settle(replace(WHOLE, ending=Ending.UNKNOWN)) == Ready()

    def test_open(self) -> None:
        """A file that is open for writing waits, even when it looks whole and has long been so."""
        decision = settle(replace(WHOLE, lease=Lease.OPEN, quiet=86_400.0))
        assert isinstance(decision, Wait)
        assert decision.reason == "open for writing"

    def test_just_closed(self) -> None:
        """A writer that was just reported done is asked about again at once, not much later."""
        decision = settle(replace(WHOLE, lease=Lease.OPEN, closed=True))
        assert isinstance(decision, Wait)
        assert decision.seconds < 0.05

    def test_unknown(self) -> None:
        """Where the kernel cannot tell, a file must have been quiet for the settle time."""
        unknown = replace(WHOLE, lease=Lease.UNKNOWN)
        assert settle(replace(unknown, quiet=0.25)) == Wait(0.75, "may still be written")
        assert settle(replace(unknown, quiet=1.0)) == Ready()

    @pytest.mark.parametrize("ending", [Ending.EMPTY, Ending.CUT])
    @pytest.mark.parametrize("lease", [Lease.CLOSED, Lease.UNKNOWN])
    def test_patience(self, ending: Ending, lease: Lease) -> None:
        """An empty or cut file is given time to grow and is then ready, to be refused by name."""
        cut = replace(WHOLE, ending=ending, lease=lease)
        decision = settle(replace(cut, quiet=4.0))
        assert isinstance(decision, Wait)
        assert decision.seconds == 6.0
        assert settle(replace(cut, quiet=10.0)) == Ready()

    def test_special(self) -> None:
        """A link, FIFO, socket or device is ready at once; it cannot become anything better."""
        special = replace(WHOLE, kind=FileKind.SPECIAL, lease=Lease.UNKNOWN)
        assert settle(special) == Ready()

    def test_unreadable(self) -> None:
        """A file that we cannot open is never called gone or ready."""
        assert isinstance(settle(replace(WHOLE, kind=FileKind.UNREADABLE)), Wait)

    def test_forbidden(self) -> None:
        """A file that we may not read is given time to become readable and is then refused."""
        forbidden = replace(WHOLE, kind=FileKind.FORBIDDEN, lease=Lease.UNKNOWN)
        assert isinstance(settle(forbidden), Wait)
        assert settle(replace(forbidden, quiet=10.0)) == Ready()

    @given(observations)
    def test_never_ready_while_open(self, seen: Observation) -> None:
        """No regular file is ready while anyone has it open for writing."""
        if seen.kind is FileKind.REGULAR and seen.lease is Lease.OPEN:
            assert isinstance(settle(seen), Wait)

    @given(observations)
    def test_waits_end(self, seen: Observation) -> None:
        """A file that nobody writes and that does not change is ready after one wait."""
        decision = settle(seen)
        if isinstance(decision, Wait) and seen.lease is not Lease.OPEN:
            later = settle(replace(seen, quiet=seen.quiet + decision.seconds + 1e-6))
            assert later == Ready() or seen.kind is FileKind.UNREADABLE

    @given(observations, seconds)
    def test_monotone(self, seen: Observation, longer: float) -> None:
        """What is ready stays ready while nothing changes."""
        if settle(seen) == Ready():
            assert settle(replace(seen, quiet=seen.quiet + longer)) == Ready()

    @given(observations)
    def test_waits_are_positive_and_bounded(self, seen: Observation) -> None:
        """A wait is never nothing, which would spin, nor longer than patience gives."""
        decision = settle(seen)
        if isinstance(decision, Wait):
            most = max(seen.settle, 0.05) * max(seen.patience, 1.0) + 1e-6
            assert 0.0 < decision.seconds <= most
            assert decision.reason

    @given(observations)
    def test_ignored(self, seen: Observation) -> None:
        """Only folders and what is gone are ignored."""
        ignored = isinstance(settle(seen), Ignore)
        assert ignored == (seen.kind in (FileKind.FOLDER, FileKind.GONE))
