"""docs/reliability.md is what the tests prove, no more and no less."""

from __future__ import annotations

from tests.reliability.report import DOCUMENT, as_shown, cases_in, existing


def test_the_document_names_exactly_the_cases_that_exist() -> None:
    """Who adds, changes or removes a case runs `python -m tests.reliability.report` again."""
    written = cases_in(DOCUMENT.read_text("utf-8"))
    assert sorted(written) == sorted(as_shown(row) for row in existing().values())


def test_the_document_tells_of_no_failure() -> None:
    """A case that failed, or was not run, is not published as if it had held."""
    for line in DOCUMENT.read_text("utf-8").splitlines():
        assert not line.endswith(("| failed |", "| not run |")), line
