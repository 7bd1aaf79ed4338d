"""What was broken on purpose, and what held: crashes, power loss, faults, writers, hostile files.

A test that proves a row of `docs/reliability.md`, wherever it stands, says so by a mark:

    @pytest.mark.reliability("Faults", "the disk of work/ is full", "pauses, then goes on")
    def test_full_work(tmp_path: Path, outcome: Outcome) -> None:
        ...
        outcome("12 files waited, none was lost")  # may be left out: then "as expected"

The mark names the table (one of `TABLES` in `report.py`), the case, and what must happen. In the
test's parameters `{name}` stands for the parameter of that name. A test of many cases gives them
as a mapping from case to what must happen, and tells `outcome(text, case)` of each:

    @pytest.mark.reliability("Hostile drops", {"a PNG of 4 GP": "too_many_pixels", ...})

`python -m tests.reliability.report` runs all these tests and writes the document; CI collects the
same from the runs that it makes. `test_report.py` fails where the document names other cases than
the tests. With `INBOXD_LONG_RUN=1` (`LONG_RUN` below) tests do what takes hours: every occurrence,
2,000 kills, 5,000 damaged files.
"""

from __future__ import annotations

import os

LONG_RUN = os.environ.get("INBOXD_LONG_RUN") == "1"
