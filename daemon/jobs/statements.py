"""SQL read from its files: statements by name, migrations by number."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def statements() -> dict[str, str]:
    """All statements of queries.sql by their name, without comments and the final semicolon."""
    text = files("daemon.jobs").joinpath("sql/queries.sql").read_text("utf-8")
    pieces = _NAME.split(text)[1:]
    return {
        name: "\n".join(
            line for line in body.splitlines() if line and not line.startswith("--")
        ).rstrip("; \n")
        for name, body in zip(pieces[::2], pieces[1::2], strict=True)
    }


@cache
def migrations() -> list[str]:
    """Migration scripts in order; the ledger's version is how many of them it has."""
    folder = files("daemon.jobs").joinpath("sql/migrations")
    scripts = sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir())
    return [text for name, text in scripts if name.endswith(".sql")]
