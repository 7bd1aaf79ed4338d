"""docs/promises.md names tests that exist, and some that run every time for each promise."""

from __future__ import annotations

import ast
import re

from tests.readme import ROOT

ROWS = re.findall(
    r"^\| (\d+)\. (.*?) \| (.*) \|$",
    (ROOT / "docs" / "promises.md").read_text("utf-8"),
    re.MULTILINE,
)


def found_in(path: str) -> dict[str, bool]:
    """The tests in a file, each with whether it is one of those that need root."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    whole = any(
        "mark.system" in ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign)
    )
    return {
        node.name: whole or any("mark.system" in ast.unparse(mark) for mark in node.decorator_list)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }


def test_every_promise_has_a_test_that_runs_every_time() -> None:
    """All ten are there, and no test of theirs is gone."""
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 11))
    for number, _, tests in ROWS:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
        missing = [f"{path}::{name}" for path, name in named if name not in found_in(path)]
        assert missing == [], f"promise {number}"
        assert any(not found_in(path)[name] for path, name in named), f"promise {number}"
