"""docs/codes.md explains every code that a person can meet, and none that is not there."""

from __future__ import annotations

import ast
import errno
import re
from collections.abc import Iterator
from pathlib import Path

from daemon.files import environment_fault
from tests.readme import ROOT

PAGE = ROOT / "docs" / "codes.md"
UNSEEN = {
    # A command prints the message of these alone.
    "UsageError",
    "IllegalTransitionError",
    # Turned into a result, or into another code, before anyone is told.
    "StoppedError",
    "ChildTimeoutError",
    "ChildDiedError",
    "ChildFailedError",
    "DamagedSidecarError",
}


def sources() -> list[ast.Module]:
    """The whole program, parsed."""
    return [ast.parse(path.read_text("utf-8")) for path in sorted((ROOT / "daemon").rglob("*.py"))]


def text_of(node: ast.AST) -> str | None:
    """A fixed text in the source, or None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def made(tree: ast.AST) -> Iterator[str]:
    """The codes that errors and faults are made with in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in UNSEEN:
            continue
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
            yield from (call for call in map(super_code, ast.walk(node)) if call is not None)
        elif isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", "")
            code = text_of(node.args[0])
            raised = name.endswith("Error") and name not in UNSEEN
            if (
                code is not None
                and " " not in code
                and (raised or name in ("Fault", "refusal", "Disagreement", "Unsafe"))
            ):
                yield code
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
            # A table from what happened to code and message.
            code, message = map(text_of, node.elts)
            if code and message and " " in message and re.fullmatch("[a-z]+(_[a-z]+)+", code):
                yield code


def super_code(node: ast.AST) -> str | None:
    """The code that an error's class gives to its base."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name("super"))), args=[first, *_]):
            return text_of(first)
    return None


def of_the_system() -> set[str]:
    """The codes of trouble that the operating system names."""
    found = [OSError(number, "") for number in errno.errorcode]
    return {environment_fault(error, "").code for error in found}


def documented(page: Path = PAGE) -> set[str]:
    """The codes in the first column of the page's tables."""
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", page.read_text("utf-8"), re.MULTILINE)
    return {code for row in rows for code in re.findall("`([a-z_]+)`", row)}


def test_every_code_is_explained() -> None:
    """Whatever a sidecar, the ledger or a log event can carry stands on the page."""
    used = {code for tree in sources() for code in made(tree)} | of_the_system()
    assert len(used) > 80
    assert used - documented() == set()


def test_no_code_is_explained_that_does_not_exist() -> None:
    """Each code on the page is a text in the source or comes from the operating system."""
    texts = {text_of(node) for tree in sources() for node in ast.walk(tree)}
    assert documented() - texts - of_the_system() == set()
