"""docs/reliability.md is what the tests prove, no more and no less."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.reliability.report import DOCUMENT, ROOT, as_shown, cases_in, read


def test_the_document_names_exactly_the_cases_that_exist(tmp_path: Path) -> None:
    """Who adds, changes or removes a case runs `python -m tests.reliability.report` again."""
    found = tmp_path / "cases.json"
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    subprocess.run(
        [*command, "-m", "reliability", "--reliability", str(found)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    existing = {as_shown(row) for row in read([found]).values()}
    written = cases_in(DOCUMENT.read_text("utf-8"))
    assert sorted(written) == sorted(existing)


def test_the_document_tells_of_no_failure() -> None:
    """A case that failed, or was not run, is not published as if it had held."""
    for line in DOCUMENT.read_text("utf-8").splitlines():
        assert not line.endswith(("| failed |", "| not run |")), line
